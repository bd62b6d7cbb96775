"""Perceptual hashes of a few frames of a clip: alike for the same pictures, coded otherwise."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewave.storage.buckets import read_key_file
from facewave.storage.tables import format_rows, iter_rows, write_text
from facewave.video.decode import UnreadableVideoError, Video
from facewave.video.open import open_video

HASH_COLUMNS = ("clip_id", "hashes")

_log = logging.getLogger("facewave")
# Pictures that differ less than this (of 255) hold nothing to compare: black frames are all alike.
_FLAT = 4.0


def dhash(frame: NDArray[np.uint8]) -> int | None:
    """Return the 64-bit difference hash of a frame, None for one without contrast.

    The picture is reduced to 9x8 grey pixels; a bit says whether a pixel is brighter than its left
    neighbour. Size, compression and brightness hardly change it.

    Args:
        frame: uint8 (height, width, 3) RGB.
    """
    import cv2

    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA).astype(np.int16)
    if small.std() < _FLAT:
        return None
    bits = np.packbits(small[:, 1:] > small[:, :-1])
    return int.from_bytes(bits.tobytes(), "big")


def clip_hashes(
    path: Path, *, frames: int, fps: float, segment: tuple[int, int] | None = None
) -> list[int]:
    """Return the hashes of frames spread evenly over a clip.

    A frame without contrast gives its place to the next one that has some.

    Args:
        path: a video or a folder of frames.
        frames: how many, at most.
        fps: frames a second where the file names none.
        segment: range of frames (first, one after the last); None for the whole clip.

    Returns:
        up to `frames` hashes; none for a clip that cannot be decoded
    """
    try:
        with open_video(path, default_fps=fps) as video:
            if segment is not None:
                video.restrict(*segment)
            return _spread_hashes(video, frames)
    except UnreadableVideoError as error:
        _log.warning("%s: %s", path, error)
        return []


def _spread_hashes(video: Video, frames: int) -> list[int]:
    announced = video.frames_announced
    if not announced:
        every = [value for frame in video.frames() if (value := dhash(frame)) is not None]
        places = np.linspace(0, len(every), frames, endpoint=False) + len(every) / frames / 2
        return [every[int(place)] for place in places] if every else []
    wanted = [int((i + 0.5) * announced / frames) for i in range(frames)]
    found: list[int] = []
    for index, frame in enumerate(video.frames()):
        if index >= wanted[len(found)]:
            value = dhash(frame)
            if value is not None:
                found.append(value)
                if len(found) == frames:
                    break
    return found


def hash_bucket(key_file: Path, *, table: Path, frames: int, default_fps: float) -> None:
    """Write the hashes of every clip of a bucket as TSV: clip id, hashes as 16 hex digits each.

    Args:
        key_file: the bucket's clips (see `facewave.storage.buckets`).
        table: the file that is written.
        frames: how many a clip.
        default_fps: frames a second where neither container nor manifest names one.
    """
    rows = [
        {
            "clip_id": row.clip_id,
            "hashes": " ".join(
                f"{value:016x}"
                for value in clip_hashes(
                    Path(row.file_path),
                    frames=frames,
                    fps=row.fps_hint or default_fps,
                    segment=row.frames,
                )
            ),
        }
        for row in read_key_file(key_file)
    ]
    write_text(table, format_rows(HASH_COLUMNS, rows))


def read_hashes(tables: Sequence[Path]) -> dict[str, list[int]]:
    """Return the hashes of each clip id."""
    return {
        row["clip_id"]: [int(value, 16) for value in row["hashes"].split()]
        for table in tables
        for row in iter_rows(table, HASH_COLUMNS)
    }
