"""Thumbnails of clips: one frame with the landmarks that were tracked in it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewave.report.clips import ReportClip
from facewave.storage.store import DamagedShardError, frame_step, iter_frames, shard_path
from facewave.video.decode import UnreadableVideoError
from facewave.video.open import open_video

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

    A file that cannot be decoded gives a thumbnail with `problem`, not an exception.
    """
    frame_index, step, points = _choose_frame(clip, store)
    try:
        # The frame rate does not matter here: frames are counted.
        with open_video(Path(clip.file_path), default_fps=25.0) as video:
            if clip.segment is not None:
                video.restrict(*clip.segment)
            video.take_every(step)
            frame = next(islice(video.frames(), frame_index, None), None)
    except UnreadableVideoError as error:
        return Thumbnail(problem=str(error))
    if frame is None:
        return Thumbnail(problem="the file cannot be decoded")
    image = _draw(frame, points)
    return Thumbnail(
        uri=_jpeg_uri(image),
        width=image.shape[1],
        height=image.shape[0],
        frame=frame_index,
        landmarks=points is not None,
    )


def _choose_frame(clip: ReportClip, store: Path) -> tuple[int, int, NDArray[np.float32] | None]:
    """Return a frame's index, the step between tracked frames, and landmarks (478, 2) or None."""
    middle = min(max(clip.frames - 1, 0) // 2, _LAST_FRAME)
    if not clip.track_key or not clip.detected:
        return middle, 1, None
    shard = shard_path(store, "tracks", clip.track_key)
    try:
        detected = np.flatnonzero(np.concatenate(list(iter_frames(shard, "detected"))))
        frame = int(detected[np.abs(detected - middle).argmin()])
        return frame, frame_step(shard), _landmarks(shard, frame)
    except (DamagedShardError, ValueError):
        return middle, 1, None


def _landmarks(shard: Path, frame: int) -> NDArray[np.float32]:
    chunk = 256
    rows = next(islice(iter_frames(shard, "landmarks", chunk=chunk), frame // chunk, None))
    points: NDArray[np.float32] = rows[frame % chunk, :, :2]
    return points


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
