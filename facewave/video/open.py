"""Opens a clip, whether it is a video file or a folder of frames."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facewave.jobs.signs_of_life import alive
from facewave.video.decode import (
    Limits,
    UnreadableVideoError,
    Video,
    check_clip,
    check_frame_rate,
    has_times,
    open_container,
    video_stream,
)
from facewave.video.images import Image
from facewave.video.stream import open_file

# Times of the same frame that were reached in other ways differ by rounding only.
_SAME_MS = 1


@contextmanager
def open_video(
    path: Path, *, default_fps: float = 25.0, limits: Limits | None = None
) -> Iterator[Video]:
    """Open a video file, or a folder of frames, for reading its frames once, in order.

    Args:
        path: the file, or the folder.
        default_fps: frames per second (0.01 to 1000) if the file names no times.
        limits: what it may be at most.

    Raises:
        UnreadableVideoError: if it is missing, empty, not a video, has no video stream, has one of
            a codec that cannot be decoded, or exceeds the limits.
        ValueError: if `default_fps` is out of range.
        OSError: if the machine fails to read it.
    """
    check_frame_rate(default_fps)
    check_clip(path)
    limits = limits or Limits()
    if path.is_dir():
        from facewave.video.frame_folder import open_frame_folder

        yield open_frame_folder(path, fps=default_fps, limits=limits)
        return
    with open_file(path, default_fps=default_fps, limits=limits) as video:
        yield video


def read_images(
    path: Path, times_ms: Sequence[int], *, default_fps: float, limits: Limits | None = None
) -> list[Image]:
    """Return the images of a video at given times.

    Args:
        path: a video or a folder of frames.
        times_ms: times of frames as tracking stored them, increasing.
        default_fps, limits: see `open_video`.

    Raises:
        UnreadableVideoError: as `open_video`; or there is no frame at one of the times: the video
            is not the one that was tracked.
    """
    found: list[Image] = []
    # From a jump into the middle first; if times do not fit then, from the beginning.
    for start in dict.fromkeys((times_ms[0] if times_ms else 0, 0)):
        found = []
        with open_video(path, default_fps=default_fps, limits=limits) as video:
            for frame in video.frames(start_ms=start - _SAME_MS):
                if len(found) == len(times_ms) or frame.ms > times_ms[len(found)] + _SAME_MS:
                    break
                if abs(frame.ms - times_ms[len(found)]) <= _SAME_MS:
                    found.append(frame.image)
        if len(found) == len(times_ms):
            return found
    raise UnreadableVideoError(
        f"it has no frame at {times_ms[len(found)] / 1000:.3f} s: it is not the video that was "
        "tracked"
    )


@dataclass(frozen=True, kw_only=True)
class Length:
    """How long a video is, from the times of its packets: nothing that it announces is believed.

    Attributes:
        frames: packets of the video stream; -1: the file cannot be read.
        ms: time from its first frame to the end of its last in ms; 0: not known.
    """

    frames: int
    ms: int


def measure(path: Path, *, default_fps: float = 0.0, limits: Limits | None = None) -> Length:
    """Return the length of a video without decoding it.

    Args:
        path: a video or a folder of frames.
        default_fps: frames per second if the file names no times; 0: not known.
        limits: as in `open_video`; a longer video is as one that cannot be read.

    Raises:
        OSError: if the machine fails to read it.
    """
    limits = limits or Limits()
    try:
        check_clip(path)
        if path.is_dir():
            with open_video(path, default_fps=default_fps or 25.0, limits=limits) as video:
                frames = video.frames_announced
            return Length(
                frames=frames, ms=round(1000 * frames / default_fps) if default_fps else 0
            )
        with open_container(path) as container:
            length = _packets(container, default_fps)
    except UnreadableVideoError:
        return Length(frames=-1, ms=0)
    return length if length.ms <= 1000 * limits.max_seconds else Length(frames=-1, ms=0)


def _packets(container: Any, default_fps: float) -> Length:
    import av

    stream = video_stream(container)
    times, count = array("q"), 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.error.FFmpegError, ValueError):
            break
        alive()
        if packet is None:
            break
        if packet.size and not packet.is_discard:
            count += 1
            if packet.pts is not None:
                times.append(packet.pts)
    if len(times) < 0.9 * count or not has_times(container):
        return _assumed(count, default_fps)
    if not times:
        return Length(frames=-1, ms=0)
    ms = np.sort(np.asarray(times)) * float(stream.time_base) * 1000.0
    step = float(np.median(np.diff(ms))) if len(ms) > 1 else 1000.0 / (default_fps or 25.0)
    length = float(ms[-1] - ms[0]) + step
    return Length(frames=count, ms=round(length) if math.isfinite(length) else 0)


def _assumed(frames: int, default_fps: float) -> Length:
    return Length(frames=frames, ms=round(1000 * frames / default_fps) if default_fps else 0)
