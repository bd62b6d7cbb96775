"""Tables about clips that people or other programs wrote: CSV in UTF-8, or Parquet."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facewave.manifest.clips import ManifestError
from facewave.messages import did_you_mean, listed


def read_columns(path: Path, names: Sequence[str], *, advice: str) -> list[tuple[Any, ...]]:
    """Return the cells of some columns, a tuple a row: text of CSV, values of Parquet, or None.

    Args:
        path: `.parquet`, else CSV in UTF-8 with a header.
        names: of the columns.
        advice: what to do, for the error.

    Raises:
        ManifestError: the file cannot be read, or lacks columns; naming both.
    """
    read = _read_parquet if path.suffix.lower() == ".parquet" else _read_csv
    try:
        there, rows = read(path, names)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(str(path), [f"cannot be read: {error}"], advice=advice) from error
    missing = [
        f"no column {name!r}; there are {listed(there)}{did_you_mean(name, there)}"
        for name in names
        if name not in there
    ]
    if missing:
        raise ManifestError(str(path), missing, advice=advice)
    return rows


def _read_csv(path: Path, names: Sequence[str]) -> tuple[list[str], list[tuple[Any, ...]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        there = list(reader.fieldnames or [])
        return there, [tuple(row.get(name) for name in names) for row in reader]


def _read_parquet(path: Path, names: Sequence[str]) -> tuple[list[str], list[tuple[Any, ...]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            there = list(file.schema_arrow.names)
            table = file.read(columns=[name for name in names if name in there], use_threads=False)
    except pa.ArrowInvalid as error:
        raise OSError(str(error)) from error
    return there, list(zip(*(column.to_pylist() for column in table.columns), strict=True))
