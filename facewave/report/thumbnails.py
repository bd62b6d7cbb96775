"""Thumbnails of clips: a picture that tracking kept, with the landmarks that it found there.

No video is opened: what tracking could not decode has no picture.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewave.report.clips import ReportClip
from facewave.storage.store import DamagedShardError, read_rows, shard_path
from facewave.tracking.trajectory import Trajectory, open_trajectory

_SIDE = 220
_JPEG_QUALITY = 80
# The landmarks are drawn this many times larger and averaged: dots of a fraction of a pixel.
_OVERSAMPLING = 4
# Blue is a colour that neither skin nor lips nor most backgrounds have.
_DOT_COLOUR = (0, 70, 255)
# Dots shrink with the face, or they would cover a small one.
_DOTS_ACROSS = 140


@dataclass(frozen=True, kw_only=True)
class Thumbnail:
    """An image, or why there is none.

    Attributes:
        jpeg: its bytes; empty if there is no image.
        width, height: pixels.
        frame: index of the frame within the clip.
        landmarks: whether the face was found in this frame, and its landmarks are drawn.
        problem: why there is no image; empty if there is one.
    """

    jpeg: bytes = b""
    width: int = 0
    height: int = 0
    frame: int = 0
    landmarks: bool = False
    problem: str = ""

    @property
    def uri(self) -> str:
        """The JPEG as a data URI; empty if there is no image."""
        text = base64.b64encode(self.jpeg).decode("ascii")
        return f"data:image/jpeg;base64,{text}" if text else ""


def make_thumbnail(clip: ReportClip, *, store: Path) -> Thumbnail:
    """Draw the thumbnail of a clip; see `draw_thumbnail`."""
    if not clip.track_key or not clip.frames:
        return Thumbnail(problem=clip.reason)
    return draw_thumbnail(shard_path(store, "tracks", clip.track_key), span_ms=clip.span_ms)


def draw_thumbnail(
    shard: Path, *, span_ms: tuple[int, int] | None = None, landmarks: bool = True
) -> Thumbnail:
    """Draw the picture that tracking kept nearest to a clip's middle, one with the face if any.

    A clip without a picture, or with a damaged shard, gives a thumbnail with `problem`. Of a clip
    that is a table of landmarks the points are drawn, without a picture behind them.

    Args:
        shard: of the trajectory.
        span_ms: see `facewave.tracking.trajectory.open_trajectory`.
        landmarks: whether they are drawn into the picture.
    """
    try:
        trajectory = open_trajectory(shard, span_ms=span_ms)
        if trajectory.from_table:
            return _points_alone(trajectory)
        chosen = _choose_picture(trajectory)
        if chosen is None:
            return Thumbnail(problem="no picture was kept from this part of the video")
        picture, frame = chosen
        image = read_rows(shard, "thumbnails", picture, picture + 1)[0]
        points = None
        if landmarks and trajectory.detected[frame]:
            rows = trajectory.rows[frame : frame + 1]
            points = trajectory.at("landmarks", rows)[0, :, :2]
    except DamagedShardError as error:
        return Thumbnail(problem=str(error))
    return _thumbnail(_draw(image, points), frame, points)


def _points_alone(clip: Trajectory) -> Thumbnail:
    """Draw the points of the frame with a face that is nearest to the middle."""
    found = np.flatnonzero(clip.detected)
    if not len(found):
        return Thumbnail(problem="the table has no row with a face")
    index = int(found[np.abs(found - (len(clip) - 1) // 2).argmin()])
    points = clip.at("landmarks", clip.rows[index : index + 1])[0, :, :2]
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
        jpeg=_jpeg(image),
        width=image.shape[1],
        height=image.shape[0],
        frame=index,
        landmarks=points is not None,
    )


def _choose_picture(clip: Trajectory) -> tuple[int, int] | None:
    """Return the number of a picture of the video, and the index of its frame within the clip."""
    kept = read_rows(clip.shard, "thumbnail_frame", 0, 1 << 62)
    times = read_rows(clip.shard, "timestamp_ms", 0, 1 << 62)[kept]
    places = np.searchsorted(clip.timestamp_ms, times)
    inside = [
        (int(picture), int(place))
        for picture, place in enumerate(places)
        if place < len(clip) and clip.timestamp_ms[place] == times[picture]
    ]
    middle = (len(clip) - 1) / 2
    return min(
        inside,
        key=lambda found: (not clip.detected[found[1]], abs(found[1] - middle)),
        default=None,
    )


def _draw(image: NDArray[np.uint8], points: NDArray[np.float32] | None) -> NDArray[np.uint8]:
    import cv2

    height, width = image.shape[:2]
    scale = _SIDE / max(height, width)
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), np.uint8)
    if points is not None:
        large = cv2.resize(image, None, fx=_OVERSAMPLING, fy=_OVERSAMPLING)
        pixels = np.rint(points * [large.shape[1], large.shape[0]]).astype(int)
        radius = max(1, round(float(np.ptp(pixels[:, 0])) / _DOTS_ACROSS))
        for x, y in pixels:
            cv2.circle(large, (int(x), int(y)), radius, _DOT_COLOUR, -1)
        image = np.asarray(cv2.resize(large, small, interpolation=cv2.INTER_AREA), np.uint8)
    return image


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    import cv2

    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    # Colours at full resolution, or the dots would run.
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, data = cv2.imencode(".jpg", bgr, options)
    return bytes(data.tobytes())
