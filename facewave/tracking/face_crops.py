"""Aligned images of the tracked face, for people who review clips and for vision models.

The eyes are level and at the same place in every crop. A clip's crops are of frames spread evenly
over those in which the face was found.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.jobs.clip_errors import ClipErrors
from facewave.jobs.log import Progress
from facewave.storage.atomic import atomic_path
from facewave.storage.buckets import KeyRow, read_key_file
from facewave.storage.store import (
    DroppedIndexError,
    content_key,
    drop_index_if_damaged,
    iter_index,
    shard_path,
)
from facewave.storage.tables import write_index
from facewave.tracking.track_index import TRACK_COLUMNS
from facewave.tracking.trajectory import open_trajectory
from facewave.versions import FACE_CROP_VERSION
from facewave.video.decode import UnreadableVideoError
from facewave.video.images import Image
from facewave.video.isolated import Read, read_here
from facewave.video.open import read_images

CROP_COLUMNS = ("clip_id", "pictures", "frames", "key", "reason")

_log = logging.getLogger("facewave")
_JPEG_QUALITY = 92
# Corners of the eye on the left and of the one on the right of the image, and of the mouth.
_LEFT_EYE, _RIGHT_EYE, _MOUTH = [33, 133], [362, 263], [61, 291]
# Where the middle between the eyes lies in a crop, and how far apart they are: parts of its side.
_EYES_AT = (0.5, 0.4)
_EYES_APART = 0.3
# The eyes are about as far from each other as from the mouth, and only the latter distance keeps
# its length when the head turns to the side.
_MOUTH_TO_EYES = 0.95
# A frame that is to be scaled by less than this is reduced by averaging first: no aliasing.
_SHRINK = 0.5


@dataclass(frozen=True, kw_only=True)
class CropOptions:
    """How the crops of a clip are made (config section `face_crops`).

    Attributes:
        size: width and height of a crop in pixels.
        frames: most crops of one clip.
        mode: `grid` (one image per clip, crops row by row) or `frames` (one image per crop).
    """

    size: int = 224
    frames: int = 9
    mode: str = "grid"


def chosen_frames(detected: NDArray[np.bool_], count: int) -> list[int]:
    """Return up to `count` indexes of frames with a face, spread evenly over all of these.

    Args:
        detected: bool (T,).
        count: at least 1.
    """
    found = np.flatnonzero(detected)
    places = (np.arange(count) + 0.5) * len(found) / count
    return [int(found[i]) for i in np.unique(places.astype(int))] if len(found) else []


def crop_matrix(points: NDArray[Any], *, width: int, height: int, size: int) -> NDArray[np.float64]:
    """Return the similarity transform, (2, 3), from a frame's pixels to those of the crop.

    Args:
        points: (478, 2) or (478, 3), landmarks in normalised image coordinates.
        width, height: of the frame, pixels.
        size: side of the crop, pixels.
    """
    pixels = np.asarray(points, np.float64)[:, :2] * [width, height]
    left, right, mouth = (pixels[rows].mean(axis=0) for rows in (_LEFT_EYE, _RIGHT_EYE, _MOUTH))
    across, middle = right - left, (left + right) / 2
    apart = max(math.hypot(*across), _MOUTH_TO_EYES * math.hypot(*(mouth - middle)), 1e-6)
    scale = _EYES_APART * size / apart
    angle = math.atan2(across[1], across[0])
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])
    shift = size * np.array(_EYES_AT) - turn @ middle
    return np.column_stack([turn, shift])


def crop_face(frame: NDArray[np.uint8], points: NDArray[Any], *, size: int) -> NDArray[np.uint8]:
    """Return the aligned face, uint8 (size, size, 3); black where the frame ends.

    Args:
        frame: uint8 (height, width, 3).
        points: landmarks, (478, 2) or (478, 3), in normalised image coordinates.
        size: width and height of the crop, pixels.
    """
    import cv2

    height, width = frame.shape[:2]
    scale = math.hypot(*crop_matrix(points, width=width, height=height, size=size)[:, 0])
    if scale < _SHRINK:
        smaller = (max(1, round(width * scale)), max(1, round(height * scale)))
        frame = np.asarray(cv2.resize(frame, smaller, interpolation=cv2.INTER_AREA), np.uint8)
        height, width = frame.shape[:2]
    matrix = crop_matrix(points, width=width, height=height, size=size)
    return np.asarray(cv2.warpAffine(frame, matrix, (size, size), flags=cv2.INTER_LINEAR), np.uint8)


def make_grid(crops: Sequence[NDArray[np.uint8]], *, count: int) -> NDArray[np.uint8]:
    """Return crops row by row in one image with room for `count`; empty places are black.

    Args:
        crops: at least one, uint8 (size, size, 3).
        count: at least `len(crops)`.
    """
    size = crops[0].shape[0]
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    grid = np.zeros((rows * size, columns * size, 3), np.uint8)
    for index, crop in enumerate(crops):
        top, left = size * (index // columns), size * (index % columns)
        grid[top : top + size, left : left + size] = crop
    return grid


def crop_bucket(
    key_file: Path,
    track_index: Path,
    *,
    index: Path,
    folder: Path,
    store: Path,
    options: CropOptions,
    default_fps: float,
    read: Read = read_here,
) -> None:
    """Write the face crops of a bucket's clips, then the bucket's index; remove all other images.

    The name of an image holds the clip's id and the beginning of a key made of everything that
    determines it: an image that exists is not made again.

    Args:
        key_file, track_index: of the bucket.
        index: TSV with one row per clip (`CROP_COLUMNS`): file names below `folder` and frames of
            the clip, both separated by blanks; a clip without an image has a reason.
        folder: holds this bucket's images and nothing else.
        store: folder of the content-addressed store.
        options: see `CropOptions`.
        default_fps: frames per second where neither container nor manifest gives a rate.
        read: calls what opens a video, possibly in another process.

    Raises:
        RunFaultError, SameErrorError, WorkerError, OSError, MemoryError: see
            `facewave.jobs.clip_errors.ClipErrors`; no index is written.
        DroppedIndexError: if a trajectory shard is damaged or missing, or the index is missing.
    """
    tracks = {row["clip_id"]: row for row in iter_index(track_index, TRACK_COLUMNS)}
    rows = [row for row in read_key_file(key_file) if row.clip_id in tracks]
    progress, errors = Progress(len(rows)), ClipErrors(fatal=(DroppedIndexError,))
    done = []
    for row in rows:
        try:
            with drop_index_if_damaged(track_index, clip_id=row.clip_id):
                made = _crop_clip(
                    row,
                    tracks[row.clip_id],
                    folder=folder,
                    store=store,
                    options=options,
                    read=partial(read, read_images, default_fps=row.fps_hint or default_fps),
                )
        except Exception as error:
            reason = errors.reason(row.file_path, error)
            made = _no_crops(row, reason or "")
        progress.step(computed=not made["reason"], frames=len(str(made["frames"]).split()))
        done.append(made)
    errors.fail()
    _remove_others(folder, {name for made in done for name in made["pictures"].split()})
    write_index(index, CROP_COLUMNS, done)


def _crop_clip(
    row: KeyRow,
    track: Mapping[str, str],
    *,
    folder: Path,
    store: Path,
    options: CropOptions,
    read: Callable[..., list[Image]],
) -> dict[str, str]:
    if not track["key"]:
        return _no_crops(row, track["error"] or "it was not tracked")
    clip = open_trajectory(shard_path(store, "tracks", track["key"]), span_ms=row.span_ms)
    frames = chosen_frames(clip.detected, options.frames)
    if not frames:
        return _no_crops(row, track["error"] or "no face was found")
    key = content_key(
        stage="face_crops",
        track=track["key"],
        span_ms=row.span_ms,
        **asdict(options),
        version=FACE_CROP_VERSION,
    )
    names = _names(f"{row.clip_id}-{key[:16]}", len(frames) if options.mode == "frames" else 1)
    if not all((folder / name).is_file() for name in names):
        try:
            times = [int(clip.timestamp_ms[frame]) for frame in frames]
            images = read(path=Path(row.file_path), times_ms=times)
        except UnreadableVideoError as error:
            return _no_crops(row, str(error))
        points = clip.at("landmarks", clip.rows[frames])
        crops = [
            crop_face(image, at, size=options.size)
            for image, at in zip(images, points, strict=True)
        ]
        if options.mode == "grid":
            crops = [make_grid(crops, count=options.frames)]
        for name, crop in zip(names, crops, strict=True):
            _write_jpeg(folder / name, crop)
    return _no_crops(row, "") | {
        "pictures": " ".join(names),
        "frames": " ".join(map(str, frames)),
        "key": key,
    }


def _no_crops(row: KeyRow, reason: str) -> dict[str, str]:
    return dict.fromkeys(CROP_COLUMNS, "") | {"clip_id": row.clip_id, "reason": reason}


def _names(stem: str, count: int) -> list[str]:
    return [f"{stem}.jpg"] if count == 1 else [f"{stem}_{i:02d}.jpg" for i in range(count)]


def _write_jpeg(path: Path, image: NDArray[np.uint8]) -> None:
    import cv2

    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.tobytes())


def _remove_others(folder: Path, names: set[str]) -> None:
    """Remove the images of other options, and of clips that left the bucket."""
    others = [path for path in folder.glob("*.jpg") if path.name not in names]
    for path in others:
        path.unlink()
    if others:
        _log.info("%s: %d images of earlier runs removed", folder, len(others))
