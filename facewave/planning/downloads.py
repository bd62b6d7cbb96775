"""Which datasets are downloaded, and whether anything of them is still missing.

Runs when the Snakefile is parsed, like `facewave.planning.plan`. A dataset whose files are all
there is used as it is; where some are missing, its jobs wait for the marker of the download.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from facewave.datasets.files.tree import walk
from facewave.datasets.load import load_clips
from facewave.downloads.release import Part, announcement, missing_parts, open_release
from facewave.planning.plan import PlanError


def wanting_download(
    name: str, options: Mapping[str, Any], *, seed: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and options of a dataset, or of those members, that may be downloaded.

    Args:
        name: of the dataset
        options: as `facewave.config.check.dataset_config` returns them
        seed: of subsets; among the options that are yielded
    """
    if options.get("download") is not None:
        yield name, {**options, "seed": seed}
    for member, given in options.get("members", {}).items():
        yield from wanting_download(member, given, seed=seed)


def download_marker(config: Mapping[str, Any], name: str) -> Path:
    """Return the file that says that a dataset has been downloaded."""
    return Path(config["results"]) / name / "download.json"


def parts_to_download(options: Mapping[str, Any]) -> tuple[Part, ...]:
    """Return what of a dataset is missing below its root.

    Of a subset that is the archives that hold one of its clips, or the clips themselves.

    Args:
        options: of the dataset, one of `wanting_download`
    """
    root = Path(options["root"])
    follow = options.get("follow_links", False)
    present = walk(root, follow_links=follow).videos if root.is_dir() else ()
    missing = missing_parts(open_release(options), present)
    if options.get("subset") is None:
        return missing
    chosen = load_clips(
        "to download",
        {**options, "segments": None, "targets": None},
        classes=options["classes"],
        seed=options["seed"],
        demo_root=root,
        check_files=False,
    )
    needed = {Path(clip.file_path).stem for clip in chosen}
    found = []
    for part in missing:
        wanted = [clip for clip in part.clips if PurePosixPath(clip).stem in needed]
        if wanted:
            # What an archive holds beside them costs nothing more.
            found.append(part if part.archive else part.of(wanted))
    return tuple(found)


def plan_download(
    name: str, options: Mapping[str, Any], marker: Path, *, write: bool, looks: bool = False
) -> bool:
    """Return whether a dataset's jobs depend on its download.

    Args:
        name: of the dataset
        options: of the dataset, one of `wanting_download`
        marker: see `download_marker`; it is removed if it says more than is true
        write: whether this is the main process
        looks: whether the command runs no job; then the marker stays
    """
    missing = parts_to_download(options)
    if missing and write:
        if not looks:
            marker.unlink(missing_ok=True)
        # Also before a dry run: who reads it can still decline.
        text = announcement(open_release(options), missing)
        print(f"facewave: dataset {name}: {text}", file=sys.stderr)
    # Once downloaded, the marker stays an input: another set of inputs would run the jobs again.
    return bool(missing) or marker.exists()


def download_targets(config: Mapping[str, Any], datasets: Mapping[str, Any]) -> list[Path]:
    """Return the markers of all datasets that can be downloaded.

    Raises:
        PlanError: there are none
    """
    names = {
        part
        for name, options in datasets.items()
        for part, _ in wanting_download(name, options, seed=config["seed"])
    }
    if not names:
        raise PlanError(
            "download: no enabled dataset is downloaded; presets/ravdess.yaml and "
            "presets/crema_d.yaml show how (docs/datasets.md, Open datasets)"
        )
    return [download_marker(config, name) for name in sorted(names)]
