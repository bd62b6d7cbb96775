"""The trajectory of a clip: a view of its shard."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewave.storage.store import iter_frames, read_metadata

_CHUNK = 1024


@dataclass(frozen=True, kw_only=True, eq=False)
class Trajectory:
    """The primary person of a clip of T frames.

    Attributes:
        shard: trajectory shard.
        width, height: pixels of its frames.
        fps: frames per second of the video.
        timestamp_ms: int64 (T,), times of the frames.
        detected: bool (T,), whether the face was found.
        announced, decoded: frames that the video announces, and those that could be decoded.
        error: why there is no trajectory; empty if there is one.
        notes: oddities of the video in words.
    """

    shard: Path
    width: int
    height: int
    fps: float
    timestamp_ms: NDArray[np.int64]
    detected: NDArray[np.bool_]
    announced: int
    decoded: int
    error: str
    notes: str

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.detected)

    def iter(
        self, name: str, *, chunk: int = _CHUNK, frames: slice | None = None
    ) -> Iterator[NDArray[np.float32]]:
        """Yield values of the face in chunks of frames, NaN where it is missing.

        Args:
            name: `landmarks`, `blendshapes` or `transform`.
            chunk: most frames at a time.
            frames: range of the clip's frames; None: all of them.

        Raises:
            DamagedShardError: if the shard is damaged.
        """
        start, stop, _ = (frames or slice(None)).indices(len(self))
        position = 0
        for part in iter_frames(self.shard, name, chunk=chunk):
            first, last = max(position, start), min(position + len(part), stop)
            if first < last:
                yield part[first - position : last - position]
            position += len(part)


def open_trajectory(shard: Path) -> Trajectory:
    """Open the trajectory of a clip.

    Raises:
        DamagedShardError: if the shard is missing, truncated or altered.
    """
    metadata = read_metadata(shard)
    detected = np.concatenate([np.empty(0, np.bool_), *iter_frames(shard, "detected")])
    return Trajectory(
        shard=shard,
        width=metadata["width"],
        height=metadata["height"],
        fps=metadata.get("fps", math.nan),
        timestamp_ms=np.concatenate([np.empty(0, np.int64), *iter_frames(shard, "timestamp_ms")]),
        detected=detected,
        announced=metadata["frames_announced"],
        decoded=len(detected),
        error=metadata["error"],
        notes=metadata.get("notes", ""),
    )
