"""What Snakemake has to know before it builds its graph: buckets, folds and what changed.

Runs when the Snakefile is parsed, in the main process only: it looks at every clip's `stat` and
writes, only where their content changes, the key files that are the jobs' inputs. Snakemake sees
a changed key file and nothing else; see docs/design.md.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any

from facewave.datasets.files.paths import FOLLOW
from facewave.datasets.load import load_clips
from facewave.manifest.clips import COLUMNS, Clip, ManifestError
from facewave.manifest.targets import targets_of
from facewave.planning.running import KeyFiles
from facewave.storage.buckets import KeyRow, auto_buckets, bucket_of, key_file_text
from facewave.storage.fingerprint import fingerprint_clips
from facewave.storage.frame_files import frames_outside
from facewave.storage.roots import FILE as ROOTS
from facewave.storage.roots import prefixes, roots_text
from facewave.tracking.track_index import read_tracked
from facewave.video.content import digest_with
from facewave.video.isolated import Bounds, isolated_reader


class PlanError(ValueError):
    """The request cannot be planned; the message says what to do."""


@dataclass(frozen=True)
class DatasetPlan:
    """What the graph of a dataset depends on.

    Attributes:
        bucket_count: number of buckets that clips are hashed into.
        buckets: names of the buckets that hold clips.
        subjects: known subjects, sorted.
        folds: the dataset's own folds, sorted.
        targets: names of the clips' targets, sorted.
        videos: whether any clip is a video, not a table of landmarks.
        unlabelled: number of clips without a label.
        keys: digests of the key files by name, such as `tracks/0000`: in the `params` of a job they
            show what changed whatever the dates of files say.
        clips: number of clips.
        roots: where the clips' files are, by the names of `DatasetRoot`.
    """

    bucket_count: int
    buckets: list[str]
    subjects: list[str]
    folds: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    videos: bool = True
    unlabelled: int = 0
    keys: dict[str, str] = field(default_factory=dict)
    clips: int = 0
    roots: dict[str, str] = field(default_factory=dict)


NO_PLAN = DatasetPlan(bucket_count=1, buckets=[], subjects=[])


def manifest_digest(clips: Iterable[Clip]) -> str:
    """Return the SHA-256 of all manifest rows, in order."""
    digest = hashlib.sha256()
    # What a dataset that was moved keeps.
    names = ["relative_path" if name == "file_path" else name for name in COLUMNS]
    for row in map(attrgetter(*names), clips):
        digest.update(json.dumps(row, ensure_ascii=True).encode() + b"\n")
    return digest.hexdigest()


def plan_dataset(
    clips: Sequence[Clip],
    *,
    folder: Path,
    buckets: int | str,
    stage_options: Mapping[str, Mapping[str, Any]],
    link_roots: Sequence[Path] = (),
    looks: bool = False,
    bounds: Bounds | None = None,
) -> DatasetPlan:
    """Bring a dataset's key files up to date and return its plan.

    Args:
        clips: the manifest.
        folder: the dataset's results folder.
        buckets: number of buckets, or `auto`.
        stage_options: options of the stages `tracks` and `features`; part of their key files, so
            that a changed option is noticed even if Snakemake's own records are lost.
        link_roots: folders that single frames may be links into; none: into any.
        looks: as for `KeyFiles`.
        bounds: what hashing a file may take whose date has changed.

    Raises:
        ManifestError: a frame is a link that leads elsewhere.
        RunningError: a running workflow reads what would change.
    """
    keys = folder / "keys"
    files = KeyFiles(keys, looks=looks)
    videos = len({_together(clip) for clip in clips})
    count = auto_buckets(videos) if buckets == "auto" else int(buckets)
    members: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        # All segments of a video in one bucket: it is decoded once.
        members[bucket_of(_together(clip), count)].append(clip)
    bucket_by_clip = {clip.clip_id: name for name, group in members.items() for clip in group}

    def tracked(clip_ids: list[str]) -> Mapping[str, Any]:
        names = {bucket_by_clip[clip_id] for clip_id in clip_ids}
        return read_tracked((folder / "tracks" / f"{name}.tsv" for name in names), clip_ids)

    with isolated_reader(bounds) as read:
        fingerprints = fingerprint_clips(
            [(clip.clip_id, clip.file_path) for clip in clips if clip.fingerprint is None],
            index=keys / "fingerprints.tsv",
            tracked=tracked,
            inspect=lambda paths: _refuse_links(paths, link_roots),
            # A table that only has a new date must not make its bucket run: clips share it.
            hashed={clip.clip_id for clip in clips if clip.table is not None},
            digest=digest_with(read),
        )
    for name, group in members.items():
        rows = [
            KeyRow(
                clip.clip_id,
                clip.file_path,
                clip.fingerprint or fingerprints[clip.clip_id],
                clip.fps_hint,
                clip.span_ms,
                clip.table,
                clip.root,
            )
            for clip in group
        ]
        text = key_file_text(rows, options=stage_options["tracks"])
        files.write(keys / "tracks" / f"{name}.tsv", text)
    files.write(keys / "features.json", _json(stage_options["features"]))
    digest = {"clips": len(clips), "sha256": manifest_digest(clips)}
    files.write(keys / "manifest.json", _json(digest))
    plan = DatasetPlan(
        bucket_count=count,
        buckets=sorted(members),
        subjects=sorted({clip.subject for clip in clips if clip.subject is not None}),
        folds=sorted({clip.fold for clip in clips if clip.fold is not None}),
        targets=sorted({name for clip in clips for name, _ in clip.targets or ()}),
        videos=any(clip.table is None for clip in clips),
        unlabelled=sum(clip.label is None for clip in clips),
        clips=len(clips),
        roots=prefixes(clip.root for clip in clips),
    )
    if plan.targets:
        files.write(keys / "targets.json", json.dumps(targets_of(clips)) + "\n")
    for path, text in files.digests.items():
        plan.keys[path.relative_to(keys).with_suffix("").as_posix()] = text
    files.write(keys / "plan.json", _json(asdict(plan)))
    files.write(keys / ROOTS, roots_text(plan.roots))
    return plan


def _together(clip: Clip) -> str:
    """Return the name of what is read once for several clips: a video, or a table of landmarks."""
    return clip.video_id if clip.table is None else Path(clip.file_path).name


def read_plan(folder: Path) -> DatasetPlan:
    """Read the plan that the main process wrote: what a job on another machine starts from.

    A dataset that has not been planned yet has no buckets: the job belongs to `detect_scenes`.
    """
    try:
        text = (folder / "keys" / "plan.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return NO_PLAN
    return DatasetPlan(**json.loads(text))


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, indent=1) + "\n"


def _refuse_links(paths: Iterable[str], roots: Sequence[Path]) -> None:
    """Refuse folders of frames that are new or changed and hold links out of all roots."""
    if not roots:
        return
    problems = [text for path in paths if (text := frames_outside(path, roots)) is not None]
    if problems:
        raise ManifestError("folders of frames", problems, advice=FOLLOW)


def planned_clips(
    key_file: Path,
    *,
    dataset: str,
    options: Mapping[str, Any],
    demo_root: Path,
    seed: int,
) -> tuple[list[Clip], str]:
    """Read a dataset's label files again; return its clips and the digest of their rows.

    Args:
        key_file: `keys/manifest.json` of the dataset.
        dataset, options, demo_root, seed: as for `load_clips`.

    Raises:
        ManifestError: if the rows have changed since the workflow started.
    """
    clips = load_clips(
        dataset,
        options,
        classes=options["classes"],
        seed=seed,
        demo_root=demo_root,
        cache=key_file.parent,
    )
    planned = str(json.loads(key_file.read_text(encoding="utf-8"))["sha256"])
    if manifest_digest(clips) != planned:
        problem = "they changed since the workflow started"
        raise ManifestError("label files", [problem], advice="Run the same command again.")
    return list(clips), planned
