"""Small typed tables as TSV: key files and bucket indexes, read by people and by later stages."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, fields
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

from facewave.storage.atomic import atomic_path, write_text
from facewave.storage.cells import write_rows_to
from facewave.storage.seals import DamagedFileError, check_text, is_seal, seal_text

_SPECIAL = re.compile(r'[\t\n\r"]')
_SPECIAL_BUT_TAB = re.compile(r'[\n\r"]')


class TableError(ValueError):
    """A table that the workflow itself wrote is not as it should be."""


def format_rows(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return a header and rows as TSV text; None and NaN become empty cells."""
    pick = _picker(columns)
    lines = [_line(columns), *(_line([_cell(value) for value in pick(row)]) for row in rows)]
    return "".join(lines)


def _picker(columns: Sequence[str]) -> Callable[[Mapping[str, Any]], Sequence[Any]]:
    if len(columns) == 1:
        return lambda row: (row[columns[0]],)
    return itemgetter(*columns)


def _line(cells: Sequence[str]) -> str:
    # One check of the whole line instead of one per cell: every run formats 100,000 lines.
    line = "\t".join(cells)
    if line.count("\t") != len(cells) - 1 or _SPECIAL_BUT_TAB.search(line):
        line = "\t".join(map(_quoted, cells))
    return line + "\n"


def _cell(value: Any) -> str:
    if type(value) is str:
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _quoted(cell: str) -> str:
    # csv.writer leaves a lone carriage return unquoted, which csv.reader takes for a new row.
    return '"' + cell.replace('"', '""') + '"' if _SPECIAL.search(cell) else cell


def write_index(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a table that a later stage reads, atomically and with its digest in the first line."""
    write_text(path, seal_text(format_rows(columns, rows)))


def write_cache(path: Path, text: str) -> None:
    """Write text that only saves time, atomically, where it may be written."""
    with suppress(OSError):
        write_text(path, text, sync=False)


def write_text_if_changed(path: Path, text: str) -> bool:
    """Write text atomically unless the file holds it already; return whether it was written.

    It does not wait for the disk: what a power loss damages is written again by the next call.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            if file.read() == text:
                return False
    except (FileNotFoundError, UnicodeDecodeError):
        pass
    write_text(path, text, sync=False)
    return True


def iter_rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the rows of a table; lines before the header that begin with `#` are skipped.

    Raises:
        TableError: if a column is missing, a row is too short or too long, it is not text, or the
            digest in its first line is that of another content.
    """
    with path.open(encoding="utf-8", newline="") as file:
        try:
            lines: Iterator[str] = file
            first = next(lines, "")
            if is_seal(first):
                text = file.read()
                check_text(path, first, text)
                lines = io.StringIO(text, newline="")
                first = next(lines, "")
            while first.startswith("#"):
                first = next(lines, "")
            header = first.rstrip("\n").split("\t")
            if missing := set(columns) - set(header):
                raise TableError(
                    f"{path}: no column {', '.join(sorted(missing))}; it was written by another "
                    "version of facewave: remove it and run again"
                )
            for cells in csv.reader(lines, dialect="excel-tab", strict=True):
                if len(cells) != len(header):
                    raise TableError(
                        f"{path}: found a row of {len(cells)} cells, expected {len(header)}; "
                        "remove the file and run again"
                    )
                yield dict(zip(header, cells))  # noqa: B905 - of equal length by the line above
        except DamagedFileError as error:
            raise TableError(str(error)) from error
        except (csv.Error, UnicodeDecodeError) as error:
            raise TableError(f"{path}: {error}; remove the file and run again") from error


def write_rows(path: Path, kind: type[Any], rows: Iterable[Any], *, digits: int = 4) -> None:
    """Write rows as CSV, atomically, with a header even if there are no rows.

    Args:
        path: to write.
        kind: the rows' dataclass; its fields are the columns.
        rows: of that class.
        digits: after the decimal point of a float; NaN is an empty cell.
    """
    columns = [field.name for field in fields(kind)]
    write_csv(path, columns, ([_csv_cell(v, digits) for v in asdict(row).values()] for row in rows))


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a header and rows of cells as CSV, atomically; None is an empty cell.

    Text that a spreadsheet would run as a formula begins with `'` (`facewave.storage.cells`).
    """
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        write_rows_to(file, chain([columns], rows))


def _csv_cell(value: object, digits: int) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:z.{digits}f}"
    return value
