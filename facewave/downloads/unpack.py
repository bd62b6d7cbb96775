"""Takes the clips out of an archive that may hold anything.

No path of the archive is used: its members are found by the names of the clips that are wanted,
and written where those belong.
"""

from __future__ import annotations

import lzma
import os
import shutil
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO

from facewave.messages import shown

_MOST_MEMBERS = 10_000
_CHUNK = 1 << 20


class UnpackError(Exception):
    """The archive is not what it should be; nothing of it was put in place."""


def unpack(archive: Path, targets: Mapping[str, Path], *, folder: Path, max_bytes: int) -> None:
    """Put the wanted members of a ZIP archive in their places, when all of them have been read.

    Args:
        archive: the file
        targets: by the name of a member, without its folders, the path that it gets
        folder: for what is unpacked but not in place yet, on the same file system; removed
        max_bytes: most bytes that the wanted members may have together

    Raises:
        UnpackError: the archive is damaged, lacks a member or has it twice, holds more bytes, a
            path that leads out of a folder, a link, a device or an encrypted file
        OSError: a file cannot be written
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        try:
            with zipfile.ZipFile(archive) as opened:
                members = _members(opened, targets)
                left = max_bytes
                for name, member in members.items():
                    with opened.open(member) as source, (folder / name).open("wb") as file:
                        left -= _copy(source, file, left)
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
            raise UnpackError(f"it is damaged: {error}") from error
        except (NotImplementedError, RuntimeError, UnicodeError) as error:
            raise UnpackError(f"it cannot be read: {error}") from error
        for name, target in targets.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(folder / name, target)  # noqa: PTH105
    except UnpackError as error:
        raise UnpackError(f"{archive.name}: {error}; nothing of it was used") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _members(opened: zipfile.ZipFile, targets: Mapping[str, Path]) -> dict[str, zipfile.ZipInfo]:
    listed = opened.infolist()
    if len(listed) > _MOST_MEMBERS:
        raise UnpackError(f"it lists {len(listed):,} files, more than {_MOST_MEMBERS:,}")
    found: dict[str, zipfile.ZipInfo] = {}
    for member in listed:
        if problem := _problem(member):
            raise UnpackError(f"its member {shown(member.filename)!r} {problem}")
        name = PurePosixPath(member.filename).name
        if name not in targets or member.is_dir() or member.filename.startswith("__MACOSX/"):
            continue
        if name in found:
            raise UnpackError(f"it holds {shown(name)!r} twice")
        found[name] = member
    lacking = [name for name in targets if name not in found]
    if lacking:
        raise UnpackError(f"it lacks {len(lacking):,} clips such as {lacking[0]}")
    return found


def _problem(member: zipfile.ZipInfo) -> str:
    # What zipfile has made of the name, and the name as it stands in the archive.
    for name in (member.filename, member.orig_filename):
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in name or "\0" in name:
            return "has a path that leads out of the folder"
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device"
    return "is encrypted" if member.flag_bits & 1 else ""


def _copy(source: IO[bytes], file: IO[bytes], most: int) -> int:
    """Copy at most so many bytes; return how many it were."""
    copied = 0
    # Counted as they come: the sizes that an archive states may be wrong.
    while chunk := source.read(_CHUNK):
        copied += len(chunk)
        if copied > most:
            raise UnpackError("its clips are larger than such an archive can hold")
        file.write(chunk)
    return copied
