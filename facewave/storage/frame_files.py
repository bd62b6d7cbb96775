"""The files of a folder of frames: their order, their content, and whether they changed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from facewave.natural_order import natural_key
from facewave.storage.store import file_sha256

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


def is_frame(name: str) -> bool:
    """Tell whether a file's name is that of a frame; macOS leaves `._name` beside copied files."""
    return not name.startswith(".") and name.lower().endswith(IMAGE_SUFFIXES)


def frame_names(folder: Path) -> list[str]:
    """Return the names of a folder's frames in natural order; other and hidden files are left out.

    Raises:
        OSError: if the folder is missing or may not be read.
    """
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if is_frame(entry.name)]
    return sorted(names, key=natural_key)


def clip_sha256(path: Path) -> str:
    """Return the SHA-256 (64 hex digits) of a clip: of a file's bytes, or of a folder's frames.

    That of a folder is over name and SHA-256 of each frame, in natural order.

    Raises:
        OSError: if the file, the folder or one of its frames cannot be read.
    """
    if not path.is_dir():
        return file_sha256(path)
    digest = hashlib.sha256()
    for name in frame_names(path):
        line = f"{name}\0{file_sha256(path / name)}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def folder_glance(folder: str, entry: str, *, frames: int, before: str = "") -> str:
    """Return what a look at a folder and at a few of its frames says, without reading any.

    It changes when a file is added, removed, renamed or replaced by another one, which changes the
    folder itself, and when one of those looked at is written to. Every plan of a workflow takes
    such a look at every folder, and a dataset can have ten million frames.

    Args:
        folder: its path.
        entry: text of the folder's own `stat`.
        frames: how many of its frames are looked at, the first and the last by name and others
            evenly between them; all where there are no more.
        before: of an earlier look: while the folder itself stayed, the same frames are looked at
            and it need not be listed.

    Returns:
        The folder's entry, a digest, and after slashes the names of the frames looked at.
    """
    try:
        names = before.split("/")[1:] if before.startswith(f"{entry}-") else _some(folder, frames)
        found = [os.stat(f"{folder}/{name}") for name in names]  # noqa: PTH116 (see stat_text)
    except OSError:
        return f"{entry}-unreadable"
    # Writing to a file, and setting its dates, sets its ctime.
    text = repr([(stat.st_size, stat.st_ctime_ns, stat.st_ino) for stat in found])
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return "/".join([f"{entry}-{digest}", *names])


def _some(folder: str, count: int) -> list[str]:
    every = os.listdir(folder)  # noqa: PTH208 (a Path a frame takes ten times as long)
    # Names that are no text could not be written down.
    names = sorted(name for name in every if is_frame(name) and name.isprintable())
    if len(names) <= count:
        return names
    return [names[i * (len(names) - 1) // (count - 1)] for i in range(count)]


def folder_stat(folder: str) -> str | None:
    """Return a digest of name, size and time of each frame; None where there is no such folder.

    It changes when a frame is added, removed, renamed or written; no frame is read.
    """
    try:
        with os.scandir(folder) as entries:
            # Writing to a file, and setting its dates, sets its ctime.
            frames = sorted(
                (entry.name, stat.st_size, stat.st_ctime_ns, stat.st_ino)
                for entry in entries
                if is_frame(entry.name)
                for stat in (entry.stat(),)
            )
    except OSError:
        return None
    text = repr(frames).encode("utf-8", "surrogateescape")
    return f"folder-{len(frames)}-{hashlib.blake2b(text, digest_size=16).hexdigest()}"
