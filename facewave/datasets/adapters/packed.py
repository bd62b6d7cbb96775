"""Adapter of packs: the trajectories of a dataset that someone made with `snakemake pack`.

No video is needed. The clips have the keys of their trajectories where the pack was made, so that
features, splits and models are the same with the same configuration.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facewave.datasets.rows import Rows
from facewave.manifest.clips import COLUMNS, ManifestError, read_manifest
from facewave.storage.packs import (
    DESCRIPTION,
    FORMAT,
    MANIFEST,
    TRACK_COLUMNS,
    TRACKS,
    PackedTrack,
    read_sums,
    shard_name,
)
from facewave.storage.store import file_sha256
from facewave.storage.tables import TableError, iter_rows
from facewave.versions import TRACK_VERSION

_ADVICE = "Point `root` at the folder that the archive of `snakemake pack` was unpacked to."
_HEX = re.compile(r"[0-9a-f]{64}")


def load(options: dict[str, Any], *, classes: Sequence[str], root: Path) -> Rows:
    """Return the rows of the pack's manifest; `file_path` is the trajectory.

    Args:
        options: none of its own
        classes: the dataset's class list, which must be the pack's
        root: folder of the pack

    Raises:
        ManifestError: it is no pack, it is damaged, of another version, or of other classes
    """
    del options
    what = f"{root}: pack"
    try:
        about = json.loads((root / DESCRIPTION).read_text(encoding="utf-8"))
        sums = read_sums(root)
        for name in (DESCRIPTION, MANIFEST, TRACKS):
            if file_sha256(root / name) != sums.get(name):
                problem = f"{name}: not as SHA256SUMS lists it"
                raise ManifestError(what, [problem], advice="Unpack the archive again.")
        tracks = {row["clip_id"]: row for row in iter_rows(root / TRACKS, TRACK_COLUMNS)}
    except (OSError, ValueError, TableError) as error:
        if isinstance(error, ManifestError):
            raise
        raise ManifestError(what, [str(error)], advice=_ADVICE) from error
    if problem := _problem(about, classes):
        advice = "Use the version that made it, and its classes: README.md in the pack shows them."
        raise ManifestError(what, [problem], advice=advice)
    clips = [clip for clip in read_manifest(root / MANIFEST) if clip.clip_id in tracks]
    columns: dict[str, list[Any]] = {name: [getattr(c, name) for c in clips] for name in COLUMNS}
    for name in ("video_idx", "actual"):
        del columns[name]
    keys = [tracks[clip.clip_id] for clip in clips]
    if not all(_HEX.fullmatch(row["key"]) for row in keys):
        raise ManifestError(what, [f"{TRACKS}: found a key that is none"], advice=_ADVICE)
    columns["file_path"] = [shard_name(row["key"]) for row in keys]
    columns["table"] = [PackedTrack(row["key"], row["sha256"]).to_json() for row in keys]
    return Rows(source=what, columns=columns, place=lambda index: clips[index].clip_id)


def _problem(about: dict[str, Any], classes: Sequence[str]) -> str:
    if about.get("format") != FORMAT:
        return f"format {about.get('format')!r}; expected {FORMAT}"
    if about.get("track_version") != TRACK_VERSION:
        return f"trajectories of version {about.get('track_version')!r}; expected {TRACK_VERSION}"
    if list(classes) != about.get("classes"):
        return f"classes {list(classes)}; expected {about.get('classes')}"
    return ""
