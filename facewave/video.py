"""Decoding of video files with OpenCV's FFmpeg backend."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Read by OpenCV when it is imported. Bad files are reported once, by us; and a playlist that
# calls itself .mp4 must not make FFmpeg open other addresses.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "protocol_whitelist;file")

# Containers without a frame rate report 0, NaN or the ticks of their clock (1000 and more).
_HIGHEST_FPS = 1000.0
# Times between frames that differ by more than this share make the frame rate variable.
_VARIABLE_SHARE = 0.5


class UnreadableVideoError(Exception):
    """A file holds no video that can be decoded; the message says why."""


@dataclass
class Video:
    """An open video. `frames_decoded` and `variable_rate` are known after the last frame.

    Attributes:
        width, height: pixels, as decoded (a rotation flag is applied).
        fps: frames a second, from the container or the default.
        fps_assumed: whether the default was taken.
        frames_announced: what the container says; 0 where it does not.
        frames_decoded: frames yielded so far.
        variable_rate: whether the container's times between frames differ.
    """

    width: int
    height: int
    fps: float
    fps_assumed: bool
    frames_announced: int
    frames_decoded: int = 0
    variable_rate: bool = False
    _capture: Any = field(default=None, repr=False)

    def timestamp_ms(self, frame: int) -> int:
        """Return a frame's time in ms, from its index: containers repeat or reverse theirs."""
        return round(frame * 1000.0 / self.fps)

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames, uint8 (height, width, 3) RGB, as far as they can be decoded."""
        import cv2

        shortest, longest, before = math.inf, 0.0, math.nan
        while True:
            ok, frame = self._capture.read()
            if not ok or frame is None:
                return
            now = self._capture.get(cv2.CAP_PROP_POS_MSEC)
            if now > before:
                shortest, longest = min(shortest, now - before), max(longest, now - before)
                self.variable_rate = longest - shortest > _VARIABLE_SHARE * 1000.0 / self.fps
            before = now
            self.frames_decoded += 1
            self.height, self.width = frame.shape[:2]
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


@contextmanager
def open_video(path: Path, *, default_fps: float) -> Iterator[Video]:
    """Open a video file for reading its frames once, in order.

    Args:
        path: the file.
        default_fps: frames a second where the container names none that can be.

    Raises:
        UnreadableVideoError: if it is missing, empty, has no video stream or is no video.
    """
    _check_file(path)
    import cv2

    # One thread: how many clips are decoded at once is the scheduler's decision.
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    try:
        if not capture.isOpened():
            raise UnreadableVideoError("no video stream can be decoded")
        fps = float(capture.get(cv2.CAP_PROP_FPS))
        known = math.isfinite(fps) and 0.0 < fps < _HIGHEST_FPS
        width, height = (
            int(capture.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        announced = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        yield Video(
            width=width,
            height=height,
            fps=fps if known else default_fps,
            fps_assumed=not known,
            frames_announced=int(announced) if 0 < announced < 1e9 else 0,
            _capture=capture,
        )
    finally:
        capture.release()


def _check_file(path: Path) -> None:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.read(1)
    except FileNotFoundError:
        raise UnreadableVideoError("the file is missing") from None
    except OSError as error:
        raise UnreadableVideoError(f"the file cannot be read: {error.strerror}") from None
    if size == 0:
        raise UnreadableVideoError("the file is empty (0 bytes)")
