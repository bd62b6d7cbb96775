"""The clips of a dataset: read by its adapter, checked, joined, reduced to a subset, segmented."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facewave.datasets.adapters import adapter
from facewave.datasets.build_clips import build_clips
from facewave.datasets.joint import Member, join_clips
from facewave.datasets.rows import Rows
from facewave.datasets.targets import check_joined, join_targets, read_target_table, targets_option
from facewave.manifest.clips import Clip, ManifestError, NotThereYetError
from facewave.manifest.subsets import choose_subset

if TYPE_CHECKING:
    from facewave.video.isolated import Bounds

_log = logging.getLogger("facewave")

# In place of an adapter's name: the videos of `predict`.
VIDEOS = "videos"


def load_clips(
    name: str,
    options: Mapping[str, Any],
    *,
    classes: Sequence[str],
    seed: int,
    demo_root: Path,
    check_files: bool = True,
    cache: Path | None = None,
    bounds: Bounds | None = None,
) -> list[Clip]:
    """Read and check the clips of a dataset; choose its subset, divide the clips into segments.

    A table of targets is joined by clip id: a segment has the row of its own id, else its clip's.

    Args:
        name: of the dataset, for messages
        options: of the dataset, as `facewave.config.check.dataset_config` returns them
        classes: the dataset's class list
        seed: of subsets, and part of the recipe of clips that the workflow renders
        demo_root: folder of the clips that the workflow renders
        check_files: whether to look for every file; False if the caller does so anyway. Then
            no clip is `missing`, and a file that is itself a symbolic link is not followed.
        cache: folder that keeps the content of large workbooks and the lengths of videos
        bounds: what reading a video may take, where its length must be known; None: as in `cache`

    Returns:
        the clips in the order of the label files (segments of a subset's videos, not a subset of
        segments)

    Raises:
        ManifestError: naming all rows that cannot be used, for whatever reason
    """
    given = {**options, "seed": seed, "cache": cache, "bounds": bounds}
    root = Path(options["root"]) if "root" in options else Path(demo_root)
    with _named(name):
        if options["adapter"] == "joint":
            clips = _joined(given, classes=classes, demo_root=demo_root, check_files=check_files)
        else:
            rows = _reader(options["adapter"])(given, classes=list(classes), root=root)
            try:
                clips = build_clips(
                    rows,
                    classes=classes,
                    root=root,
                    label_names=options.get("label_names"),
                    flag_missing=options.get("missing_files") == "flag",
                    check_files=check_files,
                    follow_links=options.get("follow_links", False),
                )
            finally:
                for note in rows.notes:
                    _log.info("dataset %s: %s", name, note)
        table, columns = targets_option(options)
        found = read_target_table(Path(table), columns) if table else {}
        clips = join_targets(clips, found)
        chosen = choose_subset(clips, options.get("subset"), seed=seed)
        if options.get("segments") and options.get("download") is not None:
            _check_downloaded(chosen)
        segments = _segmented(name, chosen, options.get("segments"), cache, bounds)
        if table:
            check_joined(table, found, [clip.clip_id for clip in (*clips, *segments)])
        return join_targets(segments, found)


def _reader(name: str) -> Callable[..., Rows]:
    if name == VIDEOS:
        # Few runs predict; what lists files imports more than this module does.
        from facewave.datasets.videos import load

        return load
    return adapter(name).load


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Put a dataset's name into the errors of a block."""
    try:
        yield
    except ManifestError as error:
        what = f"dataset {name}, {error.what}"
        raise type(error)(what, error.problems, advice=error.advice) from None


def _joined(
    options: Mapping[str, Any], *, classes: Sequence[str], demo_root: Path, check_files: bool
) -> list[Clip]:
    members = {
        name: Member(
            member["classes"],
            load_clips(
                name,
                member,
                classes=member["classes"],
                seed=options["seed"],
                demo_root=demo_root,
                check_files=check_files,
                cache=options["cache"],
                bounds=options["bounds"],
            ),
        )
        for name, member in options["members"].items()
    }
    return join_clips(
        members,
        classes=classes,
        class_map=options.get("class_map"),
        keep_folds=options.get("keep_folds", False),
    )


def _check_downloaded(clips: Sequence[Clip]) -> None:
    lacking = [clip for clip in clips if clip.fingerprint and not Path(clip.file_path).exists()]
    if lacking:
        problem = f"{len(lacking):,} videos that are divided into segments are not downloaded yet"
        advice = "Run `snakemake download` first, then the same command again."
        raise NotThereYetError("videos", [problem], advice=advice)


def _segmented(
    name: str,
    clips: list[Clip],
    options: Mapping[str, Any] | None,
    cache: Path | None,
    bounds: Bounds | None,
) -> list[Clip]:
    if options is None:
        return clips
    # Few runs divide videos into segments.
    from facewave.video.segments import split_clips

    lengths = None if cache is None else cache / f"lengths-{Path(name).name}.tsv"
    return split_clips(clips, options, cache=lengths, bounds=bounds)
