"""Join the parts of all buckets to the tables of a run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from facewave import __version__
from facewave.natural_order import natural_key
from facewave.storage.atomic import write_json
from facewave.storage.parquet import read_parquet
from facewave.storage.tables import write_csv

_ROWS = 1000


def join_parts(
    videos: Sequence[Path],
    windows: Sequence[Path],
    *,
    predictions: Path,
    timeline: Path,
    summary: Path,
    description: Mapping[str, Any],
) -> dict[str, Any]:
    """Write the tables of a run and what they were made with; return the counts.

    Args:
        videos, windows: parts, one of each per bucket.
        predictions, timeline: CSV to write, by the names of the videos.
        summary: JSON to write: `description` and counts.
        description: options, model, versions, classes; JSON-serialisable.
    """
    rows, parts = _sorted(videos, []), _sorted(windows, ["start_seconds"])
    write_csv(predictions, rows.column_names, _cells(rows))
    write_csv(timeline, parts.column_names, _cells(parts))
    answers = [answer for answer in rows.column("answer").to_pylist() if answer]
    counts = {
        "videos": len(rows.column("video").unique()),
        "rows": rows.num_rows,
        "answered": len(answers),
        "trusted": rows.column("trusted").to_pylist().count("yes"),
        "windows": parts.num_rows,
        "answers": dict(sorted(Counter(answers).items())),
    }
    write_json(summary, {**description, "facewave_version": __version__, "counts": counts})
    return counts


def _sorted(parts: Iterable[Path], columns: Sequence[str]) -> Any:
    """Return the rows of all parts as an Arrow table: by video, by person, then by columns.

    Names with numbers are sorted as people count.
    """
    table = pa.concat_tables(read_parquet(path) for path in parts)
    places = {}
    for name in ("video", "person"):
        values = sorted(table.column(name).unique().to_pylist(), key=natural_key)
        places[name] = pc.index_in(table.column(name), value_set=pa.array(values, pa.string()))
    wide = table.append_column("place", places["video"]).append_column("whose", places["person"])
    keys = [(name, "ascending") for name in ("place", "whose", *columns)]
    return table.take(pc.sort_indices(wide, sort_keys=keys))


def _cells(table: Any) -> Iterator[list[Any]]:
    """Yield rows of cells; as Python objects a million windows would take a gigabyte."""
    for batch in table.to_batches(max_chunksize=_ROWS):
        for row in batch.to_pylist():
            yield [_cell(value) for value in row.values()]


def _cell(value: Any) -> Any:
    """Return a cell; eight digits tell all numbers of float32 apart that matter here."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.8g}"
    return value
