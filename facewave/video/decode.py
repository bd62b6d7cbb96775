"""Decoding of video files with OpenCV's FFmpeg backend."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Containers with frames of their own, by the names of FFmpeg's demuxers. Playlists (hls, dash,
# concat) are not among them: they make FFmpeg open other files and addresses.
CONTAINERS = (
    "asf,av1,avi,dv,flv,gif,h264,hevc,ivf,jpeg_pipe,m4v,matroska,mjpeg,mov,mpeg,mpegts,mpegvideo,"
    "mxf,nut,obu,ogg,rm,vc1,wtv,yuv4mpegpipe"
)


# Read by OpenCV. Bad files are reported once, by facewave.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = (
    f"protocol_whitelist;file|format_whitelist;{CONTAINERS}"
)

# Containers without a frame rate report 0, NaN, the ticks of their clock (1000 and more) or almost
# 0. MediaPipe's clock counts milliseconds: 1000 frames per second are the maximum.
LOWEST_FPS, HIGHEST_FPS = 0.01, 1000.0

# The frame rate is variable if times between frames differ by more than this part of the mean.
_VARIABLE_PART = 0.5
_SAME_RATE = 0.01


class UnreadableVideoError(Exception):
    """A file holds no video that can be decoded; the message says why."""


@dataclass
class Video:
    """An open video. `frames_decoded` and `variable_rate` are known after the last frame.

    Attributes:
        width, height: pixels, as decoded (a rotation flag is applied).
        fps: frames per second, from the container or the default.
        fps_assumed: whether the default was used.
        frames_announced: how many frames the container says it shows; 0 if it does not say. For a
            container with a duration but no count it is, after the last frame, the number of
            frames that fill the duration.
        frames_decoded: frames yielded so far.
        step: every `step`-th frame is read.
        max_side: largest longer side, in pixels, of the frames that are yielded; None: as decoded.
        variable_rate: whether the container's times between frames differ.
        notes: further oddities in words, complete after the last frame.
    """

    width: int
    height: int
    fps: float
    fps_assumed: bool
    frames_announced: int
    frames_decoded: int = 0
    step: int = 1
    max_side: int | None = None
    variable_rate: bool = False
    notes: list[str] = field(default_factory=list)
    _duration_ms: float = field(default=0.0, repr=False)
    _first: int = field(default=0, repr=False)
    _count: int | None = field(default=None, repr=False)
    _capture: Any = field(default=None, repr=False)

    def restrict(self, first: int, end: int) -> None:
        """Read only the frames from `first` on and before `end`, as if there were no others.

        To be called before `frames`. The frames before `first` are decoded and dropped: containers
        do not seek to the exact frame.
        """
        self._first, self._count = first, end - first
        self.frames_announced, self._duration_ms = end - first, 0.0

    def limit_rate(self, max_fps: float | None) -> None:
        """Read only every n-th frame, with the smallest n for at most `max_fps` frames per second.

        Rates up to a hundredth above count as the same (30 and 29.97). None: all frames. To be
        called before `frames` and after `restrict`.
        """
        if max_fps is not None:
            check_frame_rate(max_fps)
            self.take_every(max(1, math.ceil(self.fps / max_fps - _SAME_RATE)))

    def take_every(self, step: int) -> None:
        """Read only every `step`-th frame, from the first on.

        `fps`, `frames_announced` and `frames_decoded` then refer to the frames that are read.
        """
        self.step, self.fps = step, self.fps / step
        self.frames_announced = -(-self.frames_announced // step)

    def timestamp_ms(self, frame: int) -> int:
        """Return a frame's time in ms, by its index: times of containers may repeat or go back."""
        return round(frame * 1000.0 / self.fps)

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames, uint8 (height, width, 3) RGB, until one cannot be decoded."""
        import cv2

        shortest, longest, first, before = math.inf, 0.0, math.nan, math.nan
        count = math.inf if self._count is None else -(-self._count // self.step)
        skip = self._first
        while self.frames_decoded < count:
            whole = all(self._capture.grab() for _ in range(skip))
            skip = self.step - 1
            ok, frame = self._capture.read() if whole else (False, None)
            if not ok or frame is None:
                if self._duration_ms and before > first:
                    between = (before - first) / (self.frames_decoded - 1)
                    self.frames_announced = round(self._duration_ms / between)
                return
            now = self._capture.get(cv2.CAP_PROP_POS_MSEC)
            if now > before:
                shortest, longest = min(shortest, now - before), max(longest, now - before)
                self.variable_rate = longest - shortest > _VARIABLE_PART * 1000.0 / self.fps
            first, before = now if self.frames_decoded == 0 else first, now
            self.frames_decoded += 1
            self.height, self.width = frame.shape[:2]
            yield rgb(frame, self.max_side)


def rgb(frame: NDArray[np.uint8], max_side: int | None) -> NDArray[np.uint8]:
    """Return a BGR frame, (height, width, 3), as RGB, with a longer side of at most `max_side`."""
    import cv2

    # Resized before the colours are converted: the same pixels, and fewer to convert.
    if max_side is not None and max(frame.shape[:2]) > max_side:
        scale = max_side / max(frame.shape[:2])
        height, width = (max(1, round(side * scale)) for side in frame.shape[:2])
        frame = np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA))
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))


def check_frame_rate(fps: float) -> None:
    """Raise ValueError unless a clip can have this many frames per second."""
    if not LOWEST_FPS <= fps <= HIGHEST_FPS:
        raise ValueError(f"{fps:g} frames per second: must be {LOWEST_FPS:g} to {HIGHEST_FPS:g}")


def check_clip(path: Path) -> None:
    """Raise UnreadableVideoError unless `path` is a folder, or a file with readable content."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            return
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableVideoError("it is not a regular file")
        with path.open("rb") as file:
            file.read(1)
    except FileNotFoundError:
        raise UnreadableVideoError("the file is missing") from None
    except OSError as error:
        raise UnreadableVideoError(f"the file cannot be read: {error.strerror}") from None
    if status.st_size == 0:
        raise UnreadableVideoError("the file is empty (0 bytes)")
