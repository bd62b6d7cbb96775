"""Texts made for clips (captions, transcripts, descriptions), joined to the manifest's `text`.

This is the only way in which a clip gets a text that its dataset's label files do not have: `texts`
of a dataset names a table. What uses texts (prompts, text fusion, exports) reads the manifest.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from facewave.config.cross_checks import MADE
from facewave.datasets.files.sheets import read_columns
from facewave.datasets.joint import joint_clip_id
from facewave.manifest.clips import Clip, ManifestError

_log = logging.getLogger("facewave")


@dataclass(frozen=True, kw_only=True)
class TextSource:
    """A table of texts.

    Attributes:
        file: with the columns `clip_id` and `text`: Parquet (`.parquet`), else CSV in UTF-8.
        replace: whether the clips' own texts are dropped, so that a clip without a text in the
            table has none; else only clips without a text of their own get one.
        member: of a joint dataset, the member that the table is about; None: the dataset itself.
    """

    file: str
    replace: bool
    member: str | None = None


def text_sources(name: str, options: Mapping[str, Any], results: Path) -> list[dict[str, Any]]:
    """Return the tables of texts of a dataset: those of its members, then its own.

    Args:
        name: of the dataset.
        options: as `facewave.config.check.dataset_config` returns them.
        results: folder with one folder per dataset.

    Returns:
        keyword arguments of `TextSource`.
    """
    given = {member: (member, part) for member, part in options.get("members", {}).items()}
    sources = []
    for member, (owner, part) in {**given, None: (name, options)}.items():
        texts = part.get("texts")
        if texts is not None:
            made = MADE.get(texts["from"])
            file = results / owner / made if made else Path(texts["from"])
            source = {"file": str(file), "replace": texts["replace"], "member": member}
            sources.append(source)
    return sources


def manifest_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that decide a dataset's own rows in the manifest.

    These are all but `texts` and `targets`, its own and its members'.
    """
    kept = {key: value for key, value in options.items() if key not in ("texts", "targets")}
    if "members" in kept:
        members = kept["members"].items()
        kept["members"] = {member: manifest_options(part) for member, part in members}
    return kept


def join_texts(clips: Sequence[Clip], source: TextSource) -> list[Clip]:
    """Return clips with the texts of a table; rows about other clips are ignored.

    Raises:
        ManifestError: the table cannot be read, lacks a column, has a clip twice, or is only about
            other clips.
    """
    texts = read_texts(Path(source.file))
    if source.member is not None:
        texts = {joint_clip_id(source.member, clip_id): text for clip_id, text in texts.items()}
    meant = [clip.clip_id for clip in clips if _is_of(clip, source.member)]
    if meant and texts.keys().isdisjoint(meant):
        problem = (
            f"none of its {len(texts)} rows is about a clip of the dataset, such as {meant[0]!r}"
        )
        raise ManifestError(
            source.file, [problem], advice="Its column clip_id must hold the ids of the manifest."
        )
    chosen = {clip.clip_id: clip.text for clip in clips}
    for clip_id in meant:
        if source.replace or not chosen[clip_id]:
            chosen[clip_id] = texts.get(clip_id) or None
    changed = sum(clip.text != chosen[clip.clip_id] for clip in clips)
    _log.info("texts of %s: new text for %d of %d clips", source.file, changed, len(meant))
    return [replace(clip, text=chosen[clip.clip_id]) for clip in clips]


def read_texts(path: Path) -> dict[str, str]:
    """Return the texts of a table by clip, each on one line; empty if there is none.

    Raises:
        ManifestError: it cannot be read, lacks a column, or has a clip twice.
    """
    rows = read_columns(path, ("clip_id", "text"), advice=_ADVICE)
    texts: dict[str, str] = {}
    problems = []
    for number, (cell, text) in enumerate(rows, start=1):
        clip_id = str(cell or "").strip()
        if clip_id in texts:
            problems.append(f"row {number}: clip {clip_id!r} is found twice, expected once")
        texts[clip_id] = " ".join(str(text or "").split())
    if problems:
        raise ManifestError(str(path), problems, advice="Keep one row per clip.")
    return texts


def _is_of(clip: Clip, member: str | None) -> bool:
    return member is None or clip.clip_id.startswith(f"{member}@")


_ADVICE = (
    "`texts.from` of a dataset names a table with the columns clip_id and text (CSV in UTF-8, or "
    "Parquet), or one of " + ", ".join(MADE) + "; `texts: null` joins nothing."
)
