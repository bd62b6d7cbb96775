"""Excel workbooks: the first sheet as text, whole or refused by name, within bounds of memory."""

import warnings
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from facewave.manifest.clips import ManifestError

# MAFW's largest workbook unpacks to 6 MB; openpyxl takes several times what it unpacks.
MOST_BYTES = 128 * 2**20
MOST_CELLS = 20_000_000
# Blank rows that a damaged row number adds are not worth waiting for.
_MOST_BLANK_ROWS = 100_000


class _TooLargeError(Exception):
    pass


def read_workbook(path: Path) -> list[list[str]]:
    """Return the rows of a workbook's first sheet; cells are text, stripped, "" if blank.

    Raises:
        ManifestError: it is missing, damaged or too large; whatever a damaged file makes openpyxl
            raise, the message has the file's name
    """
    advice = "Copy it again."
    try:
        _check_size(path)
        return _even(list(_rows(path)))
    except _TooLargeError as error:
        advice = "Copy it again, or save the table as .csv."
        raise ManifestError(str(path), [str(error)], advice=advice) from None
    except OSError as error:
        problem = f"the file cannot be read: {error.strerror or error}"
        raise ManifestError(str(path), [problem], advice=advice) from None
    except Exception as error:
        # openpyxl hands on what its parts raise: TypeError, AttributeError, ParseError, zlib.error.
        what = f"{type(error).__name__}: {error}"
        problem = f"not a readable Excel workbook ({what[:200]}): damaged, or of another kind"
        raise ManifestError(str(path), [problem], advice=advice) from error


def _check_size(path: Path) -> None:
    """Refuse what unpacks to more than fits; an archive never yields more than it announces."""
    with zipfile.ZipFile(path) as archive:
        total = sum(member.file_size for member in archive.infolist())
    if total > MOST_BYTES:
        raise _TooLargeError(
            f"unpacks to {total / 2**20:,.0f} MiB, expected at most {MOST_BYTES // 2**20} MiB"
        )


def _rows(path: Path) -> Iterator[list[str]]:
    # Most runs read no workbook.
    from openpyxl import load_workbook

    # Opened here: openpyxl leaves a file open when it fails.
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of parts that are not read, such as styles
        book = load_workbook(file, read_only=True, data_only=True)
        try:
            sheet = book.worksheets[0]
            # What a sheet says about its own size can be wrong, and would cut it off.
            sheet.reset_dimensions()
            yield from _bounded(sheet.iter_rows(values_only=True))
        finally:
            book.close()


def _bounded(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[str]]:
    """Yield rows as text, without the blank ones at the end."""
    cells, blank = 0, 0
    for row in rows:
        texts = [_text(cell) for cell in row]
        cells += len(texts)
        if cells > MOST_CELLS:
            raise _TooLargeError(f"more than {MOST_CELLS:,} cells in its first sheet")
        if any(texts):
            yield from ([] for _ in range(blank))
            blank = 0
            yield texts
        else:
            blank += 1
            if blank > _MOST_BLANK_ROWS:
                raise _TooLargeError(
                    f"more than {_MOST_BLANK_ROWS:,} blank rows, one after another"
                )


def _even(rows: list[list[str]]) -> list[list[str]]:
    """Return rows of equal width."""
    width = max(map(len, rows), default=0)
    if width * len(rows) > MOST_CELLS:
        raise _TooLargeError(f"more than {MOST_CELLS:,} cells in its first sheet")
    return [row + [""] * (width - len(row)) for row in rows]


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()
