"""Rows as a CSV file that people read."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from facewave.atomic import atomic_path


def write_rows(path: Path, kind: type[Any], rows: Iterable[Any], *, digits: int = 4) -> None:
    """Write rows as CSV, atomically, with a header even where there is no row.

    Args:
        path: to write.
        kind: the rows' dataclass; its fields are the columns.
        rows: of that class.
        digits: behind the point of a float; NaN is an empty cell.
    """
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(kind)], lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: _cell(v, digits) for k, v in asdict(row).items()} for row in rows)


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a header and rows of cells as CSV, atomically; None is an empty cell."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([columns, *rows])


def _cell(value: object, digits: int) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:z.{digits}f}"
    return value
