"""Which videos have their scenes detected, and what each list depends on.

Runs when the Snakefile is parsed, like `facewave.planning.plan`: each video has a key file, the
input of its job, which changes only when the video or an option changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.datasets.load import load_clips
from facewave.planning.plan import PlanError
from facewave.planning.running import KeyFiles
from facewave.storage.fingerprint import MISSING, Tracked, fingerprint_clips
from facewave.storage.roots import FILE as ROOTS
from facewave.storage.roots import prefixes, roots_text
from facewave.video.content import digest_with
from facewave.video.isolated import Bounds, isolated_reader
from facewave.video.scene_lists import key_path, read_header, scene_list


def wanting_scenes(name: str, options: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and options of a dataset, or of those members, that `detect_scenes` applies to.

    Args:
        name: of the dataset.
        options: as `facewave.config.check.dataset_config` returns them.
    """
    if (options.get("segments") or {}).get("keys"):
        yield name, dict(options)
    for member, given in options.get("members", {}).items():
        yield from wanting_scenes(member, given)


def plan_scenes(
    name: str,
    options: Mapping[str, Any],
    *,
    scenes: Mapping[str, Any],
    seed: int,
    demo_root: Path,
    looks: bool = False,
    bounds: Bounds | None = None,
) -> dict[str, str]:
    """Bring the key files of a dataset's videos up to date.

    Args:
        name: of the dataset.
        options: of the dataset, one of `wanting_scenes`.
        scenes: options of the detection and the version of the list, JSON-serialisable.
        seed, demo_root: as for `load_clips`.
        looks: as for `KeyFiles`.
        bounds: what hashing a file may take whose date has changed.

    Returns:
        the clip ids of the videos that exist, each of which gets a key file and whose job writes a
        list, to the digests of their key files

    Raises:
        ManifestError: what the adapter says about bad rows.
        RunningError: a running workflow reads what would change.
    """
    lists, keys = Path(options["segments"]["scenes"]), Path(options["segments"]["keys"])
    clips = load_clips(
        name,
        {**options, "segments": None, "texts": None, "targets": None},
        classes=options["classes"],
        seed=seed,
        demo_root=demo_root,
        cache=keys.parent,
    )
    with isolated_reader(bounds) as read:
        fingerprints = fingerprint_clips(
            [(clip.clip_id, clip.file_path) for clip in clips],
            index=keys.parent / "scene_fingerprints.tsv",
            tracked=lambda clip_ids: _listed(lists, clip_ids),
            digest=digest_with(read),
        )
    there = [clip for clip in clips if fingerprints[clip.clip_id] != MISSING]
    files = KeyFiles(keys, looks=looks)
    digests = {}
    for clip in there:
        key = {"fingerprint": fingerprints[clip.clip_id], **scenes}
        path, listed = key_path(keys, clip.clip_id), scene_list(lists, clip.clip_id)
        content = {"file_path": clip.relative_path, "fps_hint": clip.fps_hint, "key": key}
        mine = files.write(path, json.dumps(content, sort_keys=True, indent=1) + "\n")
        # Snakemake compares dates: a list that was copied there must not look newer than its key.
        if mine and listed.exists() and read_header(listed).get("key") != key:
            path.touch()
        digests[clip.clip_id] = files.digests[path]
    files.write(_videos_path(keys), json.dumps(digests) + "\n")
    files.write(keys.parent / ROOTS, roots_text(prefixes(clip.root for clip in clips)))
    return digests


def planned_videos(options: Mapping[str, Any]) -> dict[str, str]:
    """Return what `plan_scenes` last returned for a dataset; empty before that.

    Args:
        options: of the dataset, one of `wanting_scenes`.
    """
    try:
        text = _videos_path(Path(options["segments"]["keys"])).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    videos = json.loads(text)
    # Earlier versions wrote a list.
    return videos if isinstance(videos, dict) else dict.fromkeys(videos, "")


def _videos_path(keys: Path) -> Path:
    return keys.with_suffix(".json")


def _listed(lists: Path, clip_ids: Sequence[str]) -> dict[str, Tracked]:
    headers = {clip_id: read_header(scene_list(lists, clip_id)) for clip_id in clip_ids}
    return {
        clip_id: Tracked(header["key"]["fingerprint"], header.get("content_sha256", ""))
        for clip_id, header in headers.items()
        if "fingerprint" in header.get("key", {})
    }


def scene_tables(videos: Iterable[str], results: Path) -> list[Path]:
    """Return the tables of scenes of some datasets.

    Raises:
        PlanError: no dataset has `scenes: detect`.
    """
    if not videos:
        raise PlanError(
            "detect_scenes: no enabled dataset uses it; give one of them "
            "`segments: {seconds: 10, scenes: detect}` (docs/datasets.md, Long videos)"
        )
    return [results / name / "scenes.tsv" for name in videos]
