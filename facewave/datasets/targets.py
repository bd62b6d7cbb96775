"""Targets of clips, real values such as questionnaire scores: read from tables, checked, joined."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from facewave.datasets.files.paths import Problems
from facewave.datasets.files.sheets import read_columns
from facewave.manifest.clips import Clip, ManifestError, Targets
from facewave.manifest.targets import CLIP_ID

_ADVICE = (
    "`targets` of a dataset names a table (CSV in UTF-8, or Parquet) with the column clip_id, one "
    "row per clip, and its columns of numbers: `{table: scores.csv, columns: [valence, arousal]}`."
)


def targets_option(options: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    """Return the table that a dataset's option `targets` names, if any, and the columns.

    Without a table the columns are those of the label table; without the option there are none.
    """
    given = options.get("targets")
    if given is None:
        return None, []
    if isinstance(given, Mapping):
        return given.get("table"), list(given["columns"])
    return None, list(given)


def checked_targets(
    column: Sequence[Mapping[str, Any] | None] | None, problems: Problems
) -> list[Targets | None] | None:
    """Return the targets of each row without the empty cells; None for a row without any.

    Args:
        column: the cells of each row by name: numbers, text that holds a number, or nothing
        problems: cells that hold something else are added
    """
    if column is None:
        return None
    found: list[Targets | None] = []
    for index, cells in enumerate(column):
        pairs = []
        for name, cell in (cells or {}).items():
            value = target_value(cell)
            if name == CLIP_ID:
                expected = "expected another name than that of the column of ids"
                problems.append((index, f"target {name!r}: {expected}"))
            elif value is not None and not math.isfinite(value):
                expected = "expected a number or an empty cell"
                problems.append((index, f"target {name!r}: found {str(cell)!r}, {expected}"))
            elif value is not None:
                pairs.append((name, value))
        found.append(tuple(pairs) or None)
    return found


def target_value(cell: Any) -> float | None:
    """Return the number in a cell: None if it is empty, NaN if it holds anything else."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    if isinstance(cell, float) and math.isnan(cell):
        return None  # pandas writes missing values as NaN
    try:
        return float(cell)
    except (TypeError, ValueError):
        return math.nan


def read_target_table(path: Path, columns: Sequence[str]) -> dict[str, Targets]:
    """Return the targets of each clip of a table; a clip without any number is left out.

    Args:
        path: `.parquet`, else CSV in UTF-8; with the column `clip_id` and the named ones
        columns: names of the columns of numbers

    Raises:
        ManifestError: naming file, row and column
    """
    records = read_columns(path, ["clip_id", *columns], advice=_ADVICE)
    problems: Problems = []
    checked = checked_targets(
        [dict(zip(columns, record[1:], strict=True)) for record in records], problems
    )
    found: dict[str, Targets] = {}
    seen = set()
    for index, (record, targets) in enumerate(zip(records, checked or [], strict=True)):
        clip_id = str(record[0] or "").strip()
        if clip_id in seen:
            problems.append((index, f"clip_id {clip_id!r}: found twice, expected once"))
        seen.add(clip_id)
        if targets is not None:
            found[clip_id] = targets
    if problems:
        lines = [f"row {index + 1}: {text}" for index, text in sorted(problems)]
        raise ManifestError(str(path), lines, advice=_ADVICE)
    return found


def join_targets(clips: Sequence[Clip], found: Mapping[str, Targets]) -> list[Clip]:
    """Return clips with the targets of a table added; they replace those of the same name."""
    return [
        replace(clip, targets=_joined(clip.targets, found[clip.clip_id]))
        if clip.clip_id in found
        else clip
        for clip in clips
    ]


def check_joined(path: str, found: Mapping[str, Targets], clip_ids: Sequence[str]) -> None:
    """Refuse a table about other clips.

    Raises:
        ManifestError: none of its rows is about one of the clips
    """
    if clip_ids and found.keys().isdisjoint(clip_ids):
        problem = (
            f"none of its {len(found)} rows with numbers is about a clip of the dataset, such as"
        )
        advice = "Its column clip_id must hold the ids of the manifest."
        raise ManifestError(path, [f"{problem} {clip_ids[0]!r}"], advice=advice)


def _joined(own: Targets | None, more: Targets) -> Targets:
    return tuple({**dict(own or ()), **dict(more)}.items())
