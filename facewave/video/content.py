"""The digest of a clip's bytes, computed where the clip is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from facewave.jobs.signs_of_life import alive
from facewave.storage.frame_files import clip_sha256
from facewave.video.decode import UnreadableVideoError, raise_for_machine
from facewave.video.isolated import Read


def content_sha256(path: Path) -> str:
    """Return the SHA-256 (64 hex digits) of a clip; each block is a sign of life.

    Raises:
        UnreadableVideoError: if it is missing, may not be read, or is no regular file.
        OSError: if the machine fails to read it.
    """
    try:
        return clip_sha256(path, on_block=alive)
    except OSError as error:
        raise_for_machine(error)
        raise UnreadableVideoError(f"the file cannot be read: {error.strerror}") from None


def digest_with(read: Read) -> Callable[[Path], str]:
    """Return a function that computes `content_sha256` by a reader."""
    return lambda path: read(content_sha256, path=path)
