"""Thumbnails of clips: one frame with the landmarks that were tracked in it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewave.report.clips import ReportClip
from facewave.storage.store import DamagedShardError, shard_path
from facewave.tracking.trajectory import Trajectory, open_trajectory
from facewave.video.decode import UnreadableVideoError
from facewave.video.open import read_images

_SIDE = 220
_JPEG_QUALITY = 80
# The landmarks are drawn this many times larger and averaged: dots of a fraction of a pixel.
_OVERSAMPLING = 4
# Blue is a colour that neither skin nor lips nor most backgrounds have.
_DOT_COLOUR = (0, 70, 255)
# Dots shrink with the face, or they would cover a small one.
_DOTS_ACROSS = 140
# A frame is reached by decoding all frames before it: a bound for clips of many minutes.
_LAST_FRAME = 3000


@dataclass(frozen=True, kw_only=True)
class Thumbnail:
    """An image, or why there is none.

    Attributes:
        uri: JPEG as a data URI; empty if there is no image.
        width, height: pixels.
        frame: index of the frame.
        landmarks: whether the face was found in this frame, and its landmarks are drawn.
        problem: why there is no image; empty if there is one.
    """

    uri: str = ""
    width: int = 0
    height: int = 0
    frame: int = 0
    landmarks: bool = False
    problem: str = ""


def make_thumbnail(clip: ReportClip, *, store: Path) -> Thumbnail:
    """Draw a frame near the middle of a clip, one with the face if there is any.

    Of a clip that is a table of landmarks the points are drawn, without a picture behind them.

    A file that cannot be decoded gives a thumbnail with `problem`, not an exception. A clip that
    tracking refused is not opened again.
    """
    if not clip.track_key or not clip.frames:
        return Thumbnail(problem=clip.reason)
    shard = shard_path(store, "tracks", clip.track_key)
    try:
        trajectory = open_trajectory(shard, span_ms=clip.span_ms)
        index, points = _choose_frame(trajectory)
    except DamagedShardError as error:
        return Thumbnail(problem=str(error))
    if trajectory.from_table:
        return _points_alone(trajectory, index, points)
    time = int(trajectory.timestamp_ms[index])
    try:
        # Where a file names no times, the rate that was assumed for tracking.
        frame = read_images(Path(clip.file_path), [time], default_fps=clip.fps)[0]
    except UnreadableVideoError as error:
        return Thumbnail(problem=str(error))
    return _thumbnail(_draw(frame, points), index, points)


def _points_alone(clip: Trajectory, index: int, points: NDArray[np.float32] | None) -> Thumbnail:
    if points is None:
        return Thumbnail(problem="the table has no row with a face")
    pixels = points * np.array([clip.width, clip.height], np.float32)
    low, span = pixels.min(axis=0), max(1e-9, float(np.ptp(pixels, axis=0).max()))
    # In the middle of a square, with a margin.
    fractions = 0.1 + 0.8 * ((pixels - low) / span + (1 - np.ptp(pixels, axis=0) / span) / 2)
    blank = np.full((_SIDE, _SIDE, 3), 255, np.uint8)
    return _thumbnail(_draw(blank, fractions.astype(np.float32)), index, points)


def _thumbnail(
    image: NDArray[np.uint8], index: int, points: NDArray[np.float32] | None
) -> Thumbnail:
    return Thumbnail(
        uri=_jpeg_uri(image),
        width=image.shape[1],
        height=image.shape[0],
        frame=index,
        landmarks=points is not None,
    )


def _choose_frame(clip: Trajectory) -> tuple[int, NDArray[np.float32] | None]:
    """Return a frame's index, and its landmarks (N, 2) or None."""
    middle = min((len(clip) - 1) // 2, _LAST_FRAME)
    found = np.flatnonzero(clip.detected)
    if not len(found):
        return middle, None
    frame = int(found[np.abs(found - middle).argmin()])
    return frame, clip.at("landmarks", clip.rows[frame : frame + 1])[0, :, :2]


def _draw(frame: NDArray[np.uint8], points: NDArray[np.float32] | None) -> NDArray[np.uint8]:
    import cv2

    height, width = frame.shape[:2]
    scale = _SIDE / max(height, width)
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = cv2.resize(frame, small, interpolation=cv2.INTER_AREA)
    if points is not None:
        large = cv2.resize(image, None, fx=_OVERSAMPLING, fy=_OVERSAMPLING)
        pixels = np.rint(points * [large.shape[1], large.shape[0]]).astype(int)
        radius = max(1, round(float(np.ptp(pixels[:, 0])) / _DOTS_ACROSS))
        for x, y in pixels:
            cv2.circle(large, (int(x), int(y)), radius, _DOT_COLOUR, -1)
        image = cv2.resize(large, small, interpolation=cv2.INTER_AREA)
    return np.asarray(image, np.uint8)


def _jpeg_uri(image: NDArray[np.uint8]) -> str:
    import cv2

    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    # Colours at full resolution, or the dots would run.
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, data = cv2.imencode(".jpg", bgr, options)
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
