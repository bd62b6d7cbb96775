"""Adapter of tables of landmarks over time with the user's own table of labels: no video is needed.

The label table is that of the adapter `table`; `file_path` names a table of landmarks (OpenFace 2,
py-feat, MediaPipe or the plain form, see `facewave.landmark_tables`). Where such a table holds
several clips, `track` is the clip's name in it; without that column it is the clip's id.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from facewave.datasets.adapters.table import read_rows
from facewave.datasets.rows import Rows
from facewave.landmark_tables.options import TrackTable


def load(options: dict[str, Any], *, classes: Sequence[str], root: Path) -> Rows:
    """Read the label table.

    Args:
        options: those of the adapter `table`, and `fps`, `size`, `dimensions`, `min_confidence`,
            `blendshapes`, `action_units`, `track_columns`
        classes: the dataset's class list; not needed here
        root: folder that `table` and the tables of landmarks are relative to

    Raises:
        ManifestError: the label table is missing, cannot be read or lacks a column
    """
    del classes
    rows = read_rows(options, root=root, more=["track"])
    columns = dict(rows.columns)
    count = len(columns["file_path"])
    names = columns.pop("track", [None] * count)
    ids = columns.get("clip_id", [None] * count)
    columns["table"] = [
        TrackTable.of_dataset(options, clip=_text(name) or _text(clip_id)).to_json()
        for name, clip_id in zip(names, ids, strict=True)
    ]
    if options.get("fps"):
        rates = columns.get("fps_hint", [None] * count)
        columns["fps_hint"] = [rate or options["fps"] for rate in rates]
    return replace(rows, columns=columns)


def _text(cell: Any) -> str | None:
    return None if cell is None or cell != cell else str(cell).strip() or None
