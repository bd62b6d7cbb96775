"""Adapter of the user's own table: CSV, TSV or Parquet with one row per clip.

Columns `file_path` and `label` (without it no clip has a label; with `classes: null` it is not
read); optional `clip_id`, `subject`, `take`, `fold`, `split`, `text`, `fps_hint`, `source`, `scene`
and `label_distribution` (votes in the order of the class list, separated by spaces, as in a
manifest). The option `targets` names columns of numbers. Other columns are ignored.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from facewave.datasets.files.alike import plain
from facewave.datasets.files.sheets import check_file, own_table, without_separator_line
from facewave.datasets.rows import Rows
from facewave.datasets.targets import targets_option
from facewave.manifest.clips import ManifestError
from facewave.messages import did_you_mean, listed
from facewave.storage.cells import unguarded

REQUIRED = ("file_path",)
OPTIONAL = (
    "label", "clip_id", "subject", "take", "fold", "split", "text", "fps_hint", "source", "scene",
    "label_distribution",
)  # fmt: skip

_ADVICE = (
    "Correct the file, or `table` and `columns` of its dataset in config.yaml: `table` is relative "
    "to `root`, `columns` gives the table's own column names."
)


def load(options: dict[str, Any], *, classes: Sequence[str], root: Path) -> Rows:
    """Read the table.

    Args:
        options: `table`, and `columns` if the table has other column names; `targets`
        classes: the dataset's class list; a single one where clips have no class
        root: folder that `table` is relative to

    Returns:
        the table's rows without blank ones

    Raises:
        ManifestError: the file is missing, cannot be read or lacks a column
    """
    return read_rows(options, classes=classes, root=root)


def read_rows(
    options: dict[str, Any], *, classes: Sequence[str], root: Path, more: Sequence[str] = ()
) -> Rows:
    """Read the table as `load` does, with the columns `more`, where it has them."""
    path = root / options["table"]
    # A class list has two classes or more: the only one says that there are none.
    classless = len(classes) == 1
    usual = [name for name in (*REQUIRED, *OPTIONAL, *more) if name != "label" or not classless]
    names = {name: name for name in usual} | dict(options.get("columns") or {})
    mapped = set(options.get("columns") or {})
    joined, scores = targets_option(options)
    targets = {} if joined else {f"targets.{name}": name for name in scores}
    names |= targets
    mapped |= set(targets)
    check_file(path, advice=_ADVICE)
    read = _read_parquet if path.suffix.lower() == ".parquet" else _read_delimited
    try:
        rows = _with_targets(read(path, names, mapped), targets)
    except FileNotFoundError as error:
        raise ManifestError(str(path), ["no such file"], advice=_ADVICE) from error
    except OSError as error:
        raise ManifestError(str(path), [str(error)], advice=_ADVICE) from error
    if classless:
        labels = list(classes) * len(rows.columns["file_path"])
        rows = replace(rows, columns={**rows.columns, "label": labels})
    return rows


def _with_targets(rows: Rows, targets: Mapping[str, str]) -> Rows:
    """Combine the columns of targets into one column of mappings."""
    if not targets:
        return rows
    columns = dict(rows.columns)
    cells = zip(*(columns.pop(key) for key in targets), strict=True)
    columns["targets"] = [dict(zip(targets.values(), row, strict=True)) for row in cells]
    return replace(rows, columns=columns)


def _read_delimited(path: Path, names: Mapping[str, str], mapped: set[str]) -> Rows:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"found a byte that is not UTF-8 ({error}), expected a table saved as UTF-8"
        raise ManifestError(str(path), [problem], advice=_ADVICE) from error
    text, named = without_separator_line(text)
    delimiter = named or _delimiter(path, text, names)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    records: list[list[str]] = []
    lines: list[int] = []
    try:
        before = 0
        for record in reader:
            if any(map(str.strip, record)):
                records.append(record)
                lines.append(before + 1)  # a quoted cell can span lines: where the row starts
            before = reader.line_num
    except csv.Error as error:
        problem = f"line {reader.line_num}: {error}; expected quotes that open and close a cell"
        raise ManifestError(str(path), [problem], advice=_ADVICE) from error
    header = [cell.strip() for cell in records[0]] if records else []
    picked, notes = _picked(path, header, names, mapped)
    del records[:1], lines[:1]
    if own_table(header):
        records = [list(map(unguarded, record)) for record in records]
    problems = _even(records, len(header))
    columns: dict[str, list[Any]] = {
        name: [record[position] for record in records] for name, position in picked.items()
    }
    return Rows(
        source=path.name,
        columns=columns,
        place=lambda index: f"{path.name} line {lines[index]}",
        problems=problems,
        notes=notes,
    )


def _delimiter(path: Path, text: str, names: Mapping[str, str]) -> str:
    """Choose the delimiter that finds the most known columns in the header."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    choices = "\t,;" if path.suffix.lower() == ".tsv" else ",;\t"

    def known(delimiter: str) -> int:
        cells = next(csv.reader([header], delimiter=delimiter), [])
        return len({plain(cell.strip()) for cell in cells} & set(map(plain, names.values())))

    # On a tie (no known column at all) the most frequent wins, then the first choice.
    return max(choices, key=lambda delimiter: (known(delimiter), header.count(delimiter)))


def _even(records: list[list[str]], width: int) -> list[tuple[int, str]]:
    """Make all records as wide as the header, in place; report those with more cells."""
    problems = []
    for index, record in enumerate(records):
        if len(record) == width:
            continue
        if any(record[width:]):
            problems.append(
                (
                    index,
                    f"found {len(record)} cells, expected {width} as in the header (a cell that "
                    "contains the delimiter needs quotes)",
                )
            )
        records[index] = record[:width] + [""] * (width - len(record))
    return problems


def _read_parquet(path: Path, names: Mapping[str, str], mapped: set[str]) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # read_table would read `fold=1` in a folder's name as a column.
        with pq.ParquetFile(path) as file:
            header = file.schema_arrow.names
            picked, notes = _picked(path, header, names, mapped)
            table = file.read(columns=[header[position] for position in picked.values()])
    except pa.ArrowException as error:
        problem = f"not a readable Parquet file ({error})"
        raise ManifestError(str(path), [problem], advice=_ADVICE) from error
    return Rows(
        source=path.name,
        columns={name: table.column(header[i]).to_pylist() for name, i in picked.items()},
        place=lambda index: f"{path.name} row {index + 1}",
        notes=notes,
    )


def _picked(
    path: Path, header: Sequence[str], names: Mapping[str, str], mapped: set[str]
) -> tuple[dict[str, int], list[str]]:
    """Return the position of each of our columns that the table has, and notes.

    A column of another letter case or form of Unicode is taken where no other fits.
    """
    problems, notes, positions = [], [], {}
    for name, own in names.items():
        exact = [i for i, there in enumerate(header) if there == own]
        fitting = exact or [i for i, there in enumerate(header) if plain(there) == plain(own)]
        if len(fitting) == 1:
            positions[name] = fitting[0]
            if not exact:
                notes.append(f"column {header[fitting[0]]!r}: read as {own!r}")
        elif fitting:
            as_written = "" if exact else f" as {listed(repr(header[i]) for i in fitting)}"
            times = f"found {len(fitting)} times{as_written}, expected once"
            problems.append(f"column {own!r}: {times}")
        elif name == "label" and name not in mapped and not did_you_mean(own, header):
            notes.append("no column 'label': the clips have no labels")
        elif name in REQUIRED or name in mapped or name == "label":
            which = f"column {own!r}" + (f" (for {name})" if name != own else "")
            found = listed(header) or "none"
            near = did_you_mean(own, header)
            problems.append(f"{which}: missing; found the columns {found}{near}")
    if problems:
        raise ManifestError(str(path), problems, advice=_ADVICE)
    return positions, notes
