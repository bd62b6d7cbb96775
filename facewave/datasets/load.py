"""Datasets: one module (adapter) a kind of label files, one way to their clips.

An adapter has two functions:

    label_files(options) -> list[Path]
        the files whose change makes the clips stale; none for a dataset made by recipe
    load(options, *, classes, root) -> Rows
        the rows as they stand in those files; raises ManifestError where there are none to read

and, where it reads an official release, a constant `RELEASE` for `check_dataset`. `load_clips`
checks the rows of all adapters alike. To add an adapter: its module here, its name in `ADAPTERS`,
its options in schemas/config.schema.yaml; docs/datasets.md shows one. `joint` reads no files: it
joins the clips of other datasets.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.datasets.joint import Member, join_clips
from facewave.datasets.registry import adapter
from facewave.datasets.rows import build_clips
from facewave.datasets.targets import check_joined, join_targets, read_target_table, targets_option
from facewave.manifest.clips import Clip, ManifestError
from facewave.manifest.subsets import choose_subset

_log = logging.getLogger("facewave")


def load_clips(
    name: str,
    options: Mapping[str, Any],
    *,
    classes: Sequence[str],
    seed: int,
    demo_root: Path,
    check_files: bool = True,
    cache: Path | None = None,
) -> list[Clip]:
    """Read and check the clips of a dataset; take the subset and the segments that it asks for.

    A table of targets is joined by clip id: a segment takes the row of its own id, else its clip's.

    Args:
        name: of the dataset, for messages
        options: of the dataset, as `facewave.config.check.dataset_config` returns them
        classes: the dataset's class list
        seed: part of the recipe of clips that the workflow makes; decides about subsets
        demo_root: folder of the clips that the workflow makes
        check_files: whether to look for every file; False where the caller does so anyway. Then
            no clip is `missing`, and a file that is itself a symbolic link is not followed.
        cache: folder in which the content of large workbooks and the lengths of videos are
            remembered

    Returns:
        the clips in the order of the label files (segments of a subset's videos, not a subset of
        segments)

    Raises:
        ManifestError: naming all rows that cannot be used, of all kinds at once
    """
    common: dict[str, Any] = {"seed": seed, "check_files": check_files, "cache": cache}
    try:
        if options["adapter"] == "joint":
            members = {
                key: Member(
                    member["classes"],
                    load_clips(
                        key, member, classes=member["classes"], demo_root=demo_root, **common
                    ),
                )
                for key, member in options["members"].items()
            }
            clips = join_clips(
                members,
                classes=classes,
                class_map=options.get("class_map"),
                keep_folds=options.get("keep_folds", False),
            )
        else:
            clips = _read_clips(name, options, classes=classes, demo_root=demo_root, **common)
        table, columns = targets_option(options)
        found = read_target_table(Path(table).expanduser(), columns) if table else {}
        clips = join_targets(clips, found)
    except ManifestError as error:
        what = f"dataset {name}, {error.what}"
        raise type(error)(what, error.problems, advice=error.advice) from None
    chosen = choose_subset(clips, options.get("subset"), seed=seed)
    divided = _divided(name, chosen, options, cache)
    if not table:
        return divided
    try:
        check_joined(table, found, [clip.clip_id for clip in (*clips, *divided)])
    except ManifestError as error:
        what = f"dataset {name}, {error.what}"
        raise type(error)(what, error.problems, advice=error.advice) from None
    return join_targets(divided, found)


def _divided(
    name: str, clips: list[Clip], options: Mapping[str, Any], cache: Path | None
) -> list[Clip]:
    if options.get("segments") is None:
        return clips
    from facewave.video.segments import split_clips

    try:
        lengths = None if cache is None else cache / f"lengths-{name}.tsv"
        return split_clips(clips, options["segments"], cache=lengths)
    except ManifestError as error:
        what = f"dataset {name}, {error.what}"
        raise type(error)(what, error.problems, advice=error.advice) from None


def _read_clips(
    name: str,
    options: Mapping[str, Any],
    *,
    classes: Sequence[str],
    seed: int,
    demo_root: Path,
    check_files: bool,
    cache: Path | None,
) -> list[Clip]:
    root = Path(options["root"]).expanduser() if "root" in options else Path(demo_root)
    given = {**options, "seed": seed, "cache": cache}
    rows = adapter(options["adapter"]).load(given, classes=list(classes), root=root)
    for note in rows.notes:
        _log.info("dataset %s: %s", name, note)
    return build_clips(
        rows,
        classes=classes,
        root=root,
        label_names=options.get("label_names"),
        flag_missing=options.get("missing_files") == "flag",
        check_files=check_files,
    )
