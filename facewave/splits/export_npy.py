"""The older form of a split: a NumPy file with an array of dicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facewave.splits.write import iter_split_rows
from facewave.storage.atomic import atomic_path

_NAMES, _RANGE, _GROUPS = (
    ("clip_id", "file_path"),
    ("start_ms", "end_ms"),
    ("landmarks", "blendshapes"),
)


def export_npy(split: Path, target: Path) -> int:
    """Write a split as an object array of dicts `clip_id`, `file_path`, `landmarks`, `blendshapes`.

    The segments of a long video share its `file_path`; their dicts have `start_ms` and
    `end_ms` (its part of the video) as well, and `clip_id` is what tells them apart.

    `np.load(target, allow_pickle=True)` reads it. Loading such a file can run code: load only your
    own. facewave writes this form and never reads it.

    Args:
        split: Parquet file of one part.
        target: the `.npy` file.

    Returns:
        Number of clips. All of them are in memory at once: the form allows nothing else.
    """
    rows = [
        {name: row[name] for name in (*_NAMES, *(_RANGE if row["end_ms"] else ()), *_GROUPS)}
        for row in iter_split_rows(split)
    ]
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    with atomic_path(target) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=True)
    return len(rows)
