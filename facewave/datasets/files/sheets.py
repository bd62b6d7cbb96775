"""Tables: those of official releases (.xlsx, .csv, lists in text) and those that people join.

Official ones are read in the forms in circulation: UTF-8 with or without a byte order mark, UTF-16
with one, GBK (MAFW's captions), commas, tabs and spaces, with or without a title row.
"""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any

from facewave.datasets.files.workbooks import read_workbook
from facewave.manifest.clips import COLUMNS, ManifestError
from facewave.messages import did_you_mean, listed
from facewave.storage.cells import rows_from
from facewave.storage.tables import write_cache

# Excel writes and reads it as the first line of a .csv, also in quotes.
# Columns of the workflow's tables that people read in again: clips, what is said, descriptions.
_OWN = (
    COLUMNS,
    ("clip_id", "text", "engine", "confidence", "flag", "level_dbfs"),
    ("clip_id", "text", "flags", "attempts", "prompt_sha256"),
)
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?(?=\r|\n|\Z)', re.IGNORECASE)

# The header is one of the first rows: some copies have a title above it.
_HEADER_WITHIN = 5


def read_text(path: Path) -> str:
    """Return the content of a text file in any of the known encodings.

    Raises:
        ManifestError: it is missing, cannot be read or is not text
    """
    check_file(path, advice="Give the path of a file.")
    try:
        data = path.read_bytes()
    except OSError as error:
        problem = f"the file cannot be read: {error.strerror}"
        raise ManifestError(str(path), [problem], advice="Copy it again.") from None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    problem = "not valid text in UTF-8 or GBK"
    raise ManifestError(str(path), [problem], advice="Save it as UTF-8, or copy it again.")


def check_file(path: Path, *, advice: str) -> None:
    """Refuse a pipe or a device, which could be read for ever; what is missing is not its affair.

    Raises:
        ManifestError: it is there, and no file
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if not S_ISREG(mode):
        kind = "a folder" if S_ISDIR(mode) else "a pipe, a device or a socket"
        raise ManifestError(str(path), [f"{kind}, expected a file"], advice=advice)


def without_separator_line(text: str) -> tuple[str, str | None]:
    """Return a table's text with Excel's line `sep=;` blanked, and the delimiter that it names.

    The line stays as an empty one, so that numbers of lines are those of an editor.
    """
    match = _SEPARATOR_LINE.match(text)
    return (text[match.end() :], match[1]) if match else (text, None)


def read_table(path: Path, *, cache: Path | None = None) -> list[list[str]]:
    """Return the rows of a .csv, .tsv or .xlsx as text; cells are stripped, blank rows are kept.

    Args:
        path: the table
        cache: folder that keeps the content of workbooks (a large one takes seconds to open)

    Raises:
        ManifestError: it is missing or not of the kind that its name says
    """
    if path.suffix.lower() == ".xlsx":
        return _cached_workbook(path, cache)
    text, named = without_separator_line(read_text(path))
    delimiter = named or max(",\t;", key=text[:4096].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return [[cell.strip() for cell in row] for row in reader]
    except csv.Error as error:
        problem = f"line {reader.line_num}: {error}"
        raise ManifestError(str(path), [problem], advice="Copy the file again.") from error


def find_header(rows: Sequence[Sequence[str]], *names: str) -> int | None:
    """Return the index of the first row with all of these names, among the first five rows."""
    wanted = set(names)
    for index, row in enumerate(rows[:_HEADER_WITHIN]):
        if wanted <= {cell.casefold() for cell in row}:
            return index
    return None


def _cached_workbook(path: Path, cache: Path | None) -> list[list[str]]:
    if cache is None:
        return read_workbook(path)
    try:
        status = path.stat()
    except OSError:
        return read_workbook(path)  # reports what is wrong
    place = str(path.absolute())
    stamp = [place, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    name = hashlib.blake2s(place.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    file = cache / f"workbook-{name}.json"
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        if known["stamp"] == stamp:
            rows: list[list[str]] = known["rows"]
            return rows
    except (OSError, ValueError, KeyError, TypeError):
        pass  # the cache only saves time
    rows = read_workbook(path)
    write_cache(file, json.dumps({"stamp": stamp, "rows": rows}))
    return rows


def read_columns(path: Path, names: Sequence[str], *, advice: str) -> list[tuple[Any, ...]]:
    """Return the cells of some columns, one tuple per row: text (CSV), values (Parquet) or None.

    Args:
        path: `.parquet`, else CSV in UTF-8 with a header.
        names: of the columns.
        advice: what to do, for the message.

    Raises:
        ManifestError: the file cannot be read or lacks columns.
    """
    check_file(path, advice=advice)
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


def own_table(header: Iterable[str]) -> bool:
    """Return whether the workflow wrote a CSV file with this header: a `'` may be its own."""
    there = {cell.strip() for cell in header}
    return any(there.issuperset(columns) for columns in _OWN)


def _read_csv(path: Path, names: Sequence[str]) -> tuple[list[str], list[tuple[Any, ...]]]:
    text, delimiter = without_separator_line(path.read_bytes().decode("utf-8-sig"))
    # DictReader passes over blank lines.
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter or ",")
    there = list(reader.fieldnames or [])
    rows = rows_from(reader) if own_table(there) else reader
    return there, [tuple(row.get(name) for name in names) for row in rows]


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
