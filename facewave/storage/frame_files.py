"""The files of a folder of frames: their order, their content, and whether they changed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from facewave.messages import shown
from facewave.natural_order import natural_key
from facewave.storage.store import file_sha256

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


def is_frame(name: str) -> bool:
    """Return whether a file is named as a frame; macOS leaves `._name` beside copied files."""
    return not name.startswith(".") and name.lower().endswith(IMAGE_SUFFIXES)


def frame_names(folder: Path) -> list[str]:
    """Return the names of a folder's frames in natural order; hidden and other files are left out.

    A pipe, a device or a folder that is named like a frame is none, whether it lies there or a link
    leads to it: reading one could take for ever. A link to nothing stays, as an unreadable frame.

    Raises:
        OSError: if the folder is missing or may not be read.
    """
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if is_frame(entry.name) and may_be_file(entry)]
    return sorted(names, key=natural_key)


def odd_frames(folder: Path) -> list[str]:
    """Return the names that `frame_names` leaves out, sorted: pipes, devices and folders.

    Raises:
        OSError: if the folder is missing or may not be read.
    """
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if is_frame(e.name) and not may_be_file(e))


def may_be_file(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a file, a link to one, or a link that leads nowhere."""
    try:
        if entry.is_file(follow_symlinks=False):
            return True  # most systems say so without a look at the file itself
        return entry.is_symlink() and stat.S_ISREG(entry.stat().st_mode)
    except OSError:
        return entry.is_symlink()


def frames_outside(folder: str, roots: Sequence[Path]) -> str | None:
    """Return a message about the first frame of a folder that is a link out of all `roots`.

    Args:
        folder: of frames; of anything else there is nothing to say
        roots: folders that links may lead to
    """
    real = [os.path.realpath(root) for root in roots]
    try:
        with os.scandir(folder) as entries:
            frames = [e for e in entries if is_frame(e.name) and may_be_file(e)]
            links = sorted(entry.name for entry in frames if entry.is_symlink())
    except OSError:
        return None
    for name in links:
        target = os.path.realpath(f"{folder}/{name}")
        if not any(os.path.commonpath([target, root]) == root for root in real):
            path = shown(f"{folder}/{name}")
            return f"frame {path}: leaves the root by a symbolic link to {shown(target)}"
    return None


def clip_sha256(path: Path, *, on_block: Callable[[], None] = lambda: None) -> str:
    """Return the SHA-256 (64 hex digits) of a clip: of a file's bytes, or of a folder's frames.

    The digest of a folder covers the name and the SHA-256 of each frame, in natural order; a link
    that leads nowhere is in it as `missing`. `on_block` is called after each block that was read.

    Raises:
        OSError: if the file, the folder or one of its frames cannot be read, or is no file.
    """
    if not path.is_dir():
        return file_sha256(path, on_block=on_block)
    digest = hashlib.sha256()
    for name in frame_names(path):
        frame = path / name
        gone = frame.is_symlink() and not frame.exists()
        content = "missing" if gone else file_sha256(frame, on_block=on_block)
        line = f"{name}\0{content}\n"
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
                (entry.name, status.st_size, status.st_ctime_ns, status.st_ino)
                for entry in entries
                if is_frame(entry.name) and may_be_file(entry)
                for status in (_status(entry),)
            )
    except OSError:
        return None
    text = repr(frames).encode("utf-8", "surrogateescape")
    return f"folder-{len(frames)}-{hashlib.blake2b(text, digest_size=16).hexdigest()}"


def _status(entry: os.DirEntry[str]) -> os.stat_result:
    try:
        return entry.stat()
    except OSError:
        return entry.stat(follow_symlinks=False)  # a link that leads nowhere
