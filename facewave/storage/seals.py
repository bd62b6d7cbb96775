"""Digests inside the files themselves: damage is told by name, and never read as other data.

A table of text bears the SHA-256 of all that follows in its first line; a Parquet file bears its
digest just before the footer, where no reader looks; an archive (a checkpoint) in its comment. So
there is no second file that could be left behind, and other programs read these files as before.
Files without a digest, from earlier versions, are read unchecked; `verify_results` names them.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

_LINE = "# sha256 "
_MAGIC = b"FWSEAL01"
_DIGEST = 32
# Ends of an archive without a comment: signature, sizes and offsets, and the comment's length.
_ARCHIVE_END, _END_SIGNATURE = 22, b"PK\x05\x06"
_PARQUET = b"PAR1"
_BLOCK = 1 << 20
# Parquet files up to this size are hashed whole when they are opened. Of larger ones the footer is,
# and the checksums of those pages that are read.
_WHOLE_BYTES = 256 << 20


class DamagedFileError(ValueError):
    """A file that the workflow wrote is not as it was written.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path, problem: str) -> None:
        """Take what the message is made of."""
        super().__init__(f"{path}: {problem}; remove the file and run the same command again")
        self.path = path


def seal_text(text: str) -> str:
    """Return a table's text with its digest in a first line of its own."""
    return f"{_LINE}{hashlib.sha256(text.encode()).hexdigest()}\n{text}"


def is_seal(line: str) -> bool:
    """Return whether the first line of a text holds the digest of the others."""
    return line.startswith(_LINE)


def check_text(path: Path, line: str, text: str) -> None:
    """Compare what follows the first line with the digest in it.

    Raises:
        DamagedFileError: they differ.
    """
    if line != f"{_LINE}{hashlib.sha256(text.encode()).hexdigest()}\n":
        raise DamagedFileError(path, "damaged or edited: its digest is that of another content")


def seal_parquet(path: Path) -> None:
    """Put the digests of the whole and of the footer before the footer of a finished file.

    What a footer names lies at a distance from the file's beginning, so nothing moves that is read.
    """
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        start = _footer_start(path, file, size)
        whole = _digest(file, 0, size)
        file.seek(start)
        footer = file.read()
        file.seek(start)
        file.write(_MAGIC + whole + hashlib.sha256(footer).digest() + footer)


def check_parquet(path: Path, *, whole: bool = False) -> bool:
    """Compare a Parquet file with its digests; return whether it has any.

    Args:
        path: of the file.
        whole: whether all bytes are read, however large the file is.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedFileError: it is not as it was written.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        end = _footer_start(path, file, size)
        seal = len(_MAGIC) + 2 * _DIGEST
        start = end - seal
        file.seek(max(start, 0))
        found = file.read(seal)
        if not found.startswith(_MAGIC):
            return False
        footer = hashlib.sha256(file.read())
        body, ending = found[len(_MAGIC) : -_DIGEST], found[-_DIGEST:]
        same = footer.digest() == ending
        if same and (whole or size <= _WHOLE_BYTES):
            same = _digest(file, 0, start, end, size) == body
    if not same:
        raise DamagedFileError(path, "damaged: its digest is that of another content")
    return True


def _footer_start(path: Path, file: BinaryIO, size: int) -> int:
    file.seek(max(size - 8, 0))
    end = file.read()
    start = size - 8 - int.from_bytes(end[:4], "little")
    if end[4:] != _PARQUET or start < len(_PARQUET):
        raise DamagedFileError(path, "not a readable Parquet file: its end is not that of one")
    return start


def seal_archive(path: Path) -> None:
    """Put the digest of a finished ZIP archive without a comment into its comment."""
    with path.open("r+b") as file:
        size = file.seek(-_ARCHIVE_END, os.SEEK_END) + _ARCHIVE_END
        end = file.read()
        if not end.startswith(_END_SIGNATURE) or end[-2:] != b"\0\0":
            raise ValueError(f"{path}: not an archive without a comment")
        file.seek(-2, os.SEEK_END)
        file.write((len(_MAGIC) + _DIGEST).to_bytes(2, "little"))
        digest = _digest(file, 0, size)
        file.seek(size)
        file.write(_MAGIC + digest)


def check_archive(path: Path) -> bool:
    """Compare an archive with the digest in its comment; return whether it has one.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedFileError: it is not as it was written.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(size - len(_MAGIC) - _DIGEST, 0)
        file.seek(start)
        found = file.read()
        if not found.startswith(_MAGIC):
            return False
        if _digest(file, 0, start) != found[len(_MAGIC) :]:
            raise DamagedFileError(path, "damaged: its digest is that of another content")
    return True


def _digest(file: BinaryIO, *ranges: int) -> bytes:
    """Return the SHA-256 of some ranges of a file, each given by its start and its end."""
    digest = hashlib.sha256()
    for start, end in zip(ranges[::2], ranges[1::2], strict=True):
        file.seek(start)
        while start < end:
            block = file.read(min(_BLOCK, end - start))
            if not block:
                break
            digest.update(block)
            start += len(block)
    return digest.digest()
