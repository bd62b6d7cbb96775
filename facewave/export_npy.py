"""The older form of the features: a NumPy file with an array of dicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facewave.atomic import atomic_path
from facewave.splits import iter_split_rows


def export_npy(split: Path, target: Path) -> int:
    """Write a split as an object array of dicts `file_path`, `landmarks`, `blendshapes`.

    `np.load(target, allow_pickle=True)` reads it. Such a file can run code when it is loaded:
    load only your own. facewave writes this form and never reads it.

    Args:
        split: Parquet file of one part.
        target: the `.npy` file.

    Returns:
        Number of clips. All of them are held in memory at once: the form allows nothing else.
    """
    rows = [
        {
            "file_path": row["file_path"],
            "landmarks": row["landmarks"],
            "blendshapes": row["blendshapes"],
        }
        for row in iter_split_rows(split)
    ]
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    with atomic_path(target) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=True)
    return len(rows)
