"""Of what each file was made that bears the name of its clip alone: a journal beside the index.

It is no output of the job, so that a killed job goes on where it was: a file whose size and date
are as they were when it was made, of what it would be made of now, is not made again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from facewave.storage.atomic import write_text

_STAMP = "stamp"


class Journal:
    """What was made, by clip: rows of an index whose `file` exists, with `key`."""

    def __init__(self, path: Path, folder: Path, columns: Sequence[str]) -> None:
        """Read the journal, if there is one.

        Args:
            path: of the journal.
            folder: of the files that it is about.
            columns: of a row, `file` and `key` among them; the first names the clip.
        """
        self._path, self._folder = path, folder
        self._columns = (*columns, _STAMP)
        self._file: TextIO | None = None
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            lines = []
        cells = [line.split("\t") for line in lines]
        # The last line of a job that was killed may be half of one.
        self._known = {
            row[0]: dict(zip(self._columns, row, strict=True))
            for row in cells
            if len(row) == len(self._columns)
        }

    @contextmanager
    def open(self) -> Iterator[None]:
        """Keep the journal open for `add`."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as self._file:
            yield

    def made(self, clip: str, *, key: str, file: str) -> dict[str, str] | None:
        """Return the row of a clip whose file is there, untouched and made of `key`; else None."""
        row = self._known.get(clip, {})
        current = row.get("key") == key and row.get(_STAMP) == _stamp(self._folder / file)
        return {name: row[name] for name in self._columns[:-1]} if current else None

    def add(self, row: Mapping[str, Any]) -> None:
        """Append the row of a file that was just made."""
        assert self._file is not None
        self._file.write(self._line(row))
        self._file.flush()

    def replace(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Let the journal hold these rows alone."""
        write_text(self._path, "".join(map(self._line, rows)))

    def _line(self, row: Mapping[str, Any]) -> str:
        cells = [str(row[name]) for name in self._columns[:-1]]
        return "\t".join([*cells, _stamp(self._folder / str(row["file"]))]) + "\n"


def _stamp(path: Path) -> str:
    """Return what changes when somebody changes a file: its size and date; empty without one."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"
