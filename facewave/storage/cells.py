"""Cells of CSV files that people open: no text of a data set is run as a formula.

A spreadsheet computes what begins with `=`, `+`, `-` or `@`, also after a tab or a line end, and a
formula can call programs and send data. Text that begins so gets a `'` in front, and so does text
that begins so after any number of `'`, so that taking one `'` away brings every text back. Numbers
stay as they are, also those that are given as text.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

_FIRST = frozenset("=+-@\t\r\n'")
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_PREFIXED = re.compile(r"'+[=+\-@\t\r\n]")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def guarded(cell: Any) -> Any:
    """Return a cell as it is written: text that a spreadsheet would run begins with `'`."""
    if not isinstance(cell, str) or cell[:1] not in _FIRST:
        return cell
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def unguarded(cell: str) -> str:
    """Return the text of a cell that `guarded` made."""
    return cell[1:] if cell[:1] == "'" and _PREFIXED.match(cell) else cell


def write_rows_to(file: IO[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows, the header among them, as CSV to a file opened with `newline=""`."""
    csv.writer(file, lineterminator="\n").writerows([guarded(c) for c in row] for row in rows)


def rows_from(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a `csv.DictReader` of a file that `write_rows_to` wrote."""
    for row in rows:
        yield {key: unguarded(c) if isinstance(c, str) else c for key, c in row.items()}
