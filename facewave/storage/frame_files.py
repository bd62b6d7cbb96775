"""The files of a folder of frames: their order, their content, and whether they changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from facewave.natural_order import natural_key
from facewave.storage.store import file_sha256

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


def is_frame(name: str) -> bool:
    """Return whether a file is named as a frame; macOS leaves `._name` beside copied files."""
    return not name.startswith(".") and name.lower().endswith(IMAGE_SUFFIXES)


def frame_names(folder: Path) -> list[str]:
    """Return the names of a folder's frames in natural order; hidden and other files are left out.

    Raises:
        OSError: if the folder is missing or may not be read.
    """
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if is_frame(entry.name)]
    return sorted(names, key=natural_key)


def clip_sha256(path: Path, *, on_block: Callable[[], None] = lambda: None) -> str:
    """Return the SHA-256 (64 hex digits) of a clip: of a file's bytes, or of a folder's frames.

    The digest of a folder covers the name and the SHA-256 of each frame, in natural order;
    `on_block` is called after each block that was read.

    Raises:
        OSError: if the file, the folder or one of its frames cannot be read.
    """
    if not path.is_dir():
        return file_sha256(path, on_block=on_block)
    digest = hashlib.sha256()
    for name in frame_names(path):
        line = f"{name}\0{file_sha256(path / name, on_block=on_block)}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def folder_stat(folder: str) -> str | None:
    """Return a digest of name, size and time of each frame; None if there is no such folder.

    It changes when a frame is added, removed, renamed or written to; no frame is read.
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
