"""Join the parts of all buckets to the tables of a run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from facewave import __version__
from facewave.natural_order import natural_key
from facewave.storage.atomic import write_json
from facewave.storage.tables import write_csv


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
    rows = _read(videos)
    rows.sort(key=lambda row: (natural_key(row["video"]), row["person"]))
    _write(predictions, rows, _columns(videos))
    parts = _read(windows)
    parts.sort(key=lambda row: (natural_key(row["video"]), row["person"], row["start_seconds"]))
    _write(timeline, parts, _columns(windows))
    answered = [row for row in rows if row["answer"]]
    counts = {
        "videos": len({row["video"] for row in rows}),
        "rows": len(rows),
        "answered": len(answered),
        "trusted": sum(row["trusted"] == "yes" for row in rows),
        "windows": len(parts),
        "answers": dict(sorted(Counter(row["answer"] for row in answered).items())),
    }
    write_json(summary, {**description, "facewave_version": __version__, "counts": counts})
    return counts


def _columns(parts: Sequence[Path]) -> list[str]:
    names: list[str] = pq.read_schema(parts[0]).names
    return names


def _read(parts: Iterable[Path]) -> list[dict[str, Any]]:
    table = pa.concat_tables(pq.read_table(path, use_threads=False) for path in parts)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _write(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    write_csv(path, columns, ([_cell(row[name]) for name in columns] for row in rows))


def _cell(value: Any) -> Any:
    """Return a cell; eight digits tell all numbers of float32 apart that matter here."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.8g}"
    return value
