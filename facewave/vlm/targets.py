"""Real values to predict (questionnaire scores, valence): a CSV table beside the clips."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from facewave.hints import did_you_mean, listed


class TargetsError(ValueError):
    """The table of targets cannot be used; the message says what to do."""


def read_targets(path: Path, columns: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Return the targets of each clip of a table; a clip with an empty cell is left out.

    Args:
        path: CSV in UTF-8 with a header; column `clip_id` and those asked for.
        columns: names of the columns of numbers.

    Raises:
        TargetsError: naming file, row and column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            _check_header(path, reader.fieldnames or [], columns)
            rows = [(number, row) for number, row in enumerate(reader, start=2)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TargetsError(
            f"{path}: cannot be read ({error}); vlm.targets.table must be a CSV table in UTF-8"
        ) from error
    found: dict[str, tuple[float, ...]] = {}
    for number, row in rows:
        clip_id = (row["clip_id"] or "").strip()
        if clip_id in found:
            raise TargetsError(f"{path}, line {number}: clip {clip_id!r} is there twice")
        cells = [(row[name] or "").strip() for name in columns]
        if all(cells):
            place = f"{path}, line {number}"
            found[clip_id] = tuple(
                _number(cell, name, place) for name, cell in zip(columns, cells, strict=True)
            )
    return found


def _check_header(path: Path, names: Sequence[str], columns: Sequence[str]) -> None:
    for name in ("clip_id", *columns):
        if name not in names:
            raise TargetsError(
                f"{path}: no column {name!r}; there are {listed(names)}{did_you_mean(name, names)}"
            )


def _number(cell: str, column: str, place: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise TargetsError(f"{place}: {column} is {cell!r}, expected a number or an empty cell")
    return value
