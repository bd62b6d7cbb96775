"""Before a run: dates in the future come back to today, and left-overs of killed jobs go.

Snakemake looks at dates first: an output from the future (a wrong clock, a copy from another
machine) would look newer than whatever is made until then, and nothing after it would run again.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from facewave.storage.atomic import is_temporary

# Clocks of file servers may differ by less than this.
_AHEAD_SECONDS = 120
_OLD_SECONDS = 24 * 3600
# Files that are outputs or inputs of jobs; of frames and logs there can be one per clip.
_SUFFIXES = (".tsv", ".parquet", ".csv", ".json", ".pt", ".html", ".png", ".task", ".mp4")
_SKIPPED = ("logs", "face_crops", "frames", "store")


def tidy(folder: Path) -> None:
    """Bring the dates in a dataset's folder back that lie in the future, all to the same moment.

    Unfinished files of jobs that were killed more than a day ago are removed. What may not be
    changed stays as it is.
    """
    now, moved = time.time(), 0
    for entry in _entries(folder):
        with suppress(OSError):
            modified = entry.stat(follow_symlinks=False).st_mtime
            if entry.name.startswith("."):
                if modified < now - _OLD_SECONDS:
                    os.unlink(entry.path)  # noqa: PTH108 - making a Path costs more than the call
            elif modified > now + _AHEAD_SECONDS:
                os.utime(entry.path, (now, now))
                moved += 1
    if moved:
        print(
            f"facewave: {folder}: {moved} files were dated in the future and are of today now",
            file=sys.stderr,
        )


def _entries(folder: Path | str, *, below: bool = False) -> Iterator[os.DirEntry[str]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name.endswith(_SUFFIXES):
            if not entry.name.startswith(".") or is_temporary(entry.name):
                yield entry
        elif entry.is_dir(follow_symlinks=False):
            if entry.name not in _SKIPPED:
                yield from _entries(entry.path, below=True)
            elif not below:  # the indexes of a stage whose folder has a file per clip
                yield from (e for e in os.scandir(entry.path) if e.name.endswith(".tsv"))
