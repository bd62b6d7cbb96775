"""The frames that a model is shown of a clip, decoded once and kept in the store.

They are shrunk to the size that the model would make of them, and kept as JPEG (quality 95, colours
in full resolution). A model always sees what was kept, the first time too, so that an answer does
not depend on what lay in the store.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from facewave.storage.store import (
    DamagedShardError,
    clip_shard,
    read_shard,
    write_shard,
)
from facewave.versions import SHOWN_FRAME_VERSION

_log = logging.getLogger("facewave")

STAGE = "shown_frames"
_QUALITY = 95


@dataclass(frozen=True, kw_only=True)
class FrameSize:
    """The size in which a model takes its frames.

    Attributes:
        of: height and width in pixels of a frame to those that the model makes of them.
        key: what decides that, JSON-serialisable.
    """

    of: Callable[[int, int], tuple[int, int]]
    key: Mapping[str, Any]


def square(pixels: int) -> FrameSize:
    """Return the size of a model that makes a square of every frame."""
    return FrameSize(of=lambda height, width: (pixels, pixels), key={"square": pixels})


def shrink(images: NDArray[np.uint8], size: FrameSize) -> NDArray[np.uint8]:
    """Return frames (n, height, width, 3) in the model's size; smaller ones as they are."""
    height, width = size.of(*images.shape[1:3])
    if height * width >= images.shape[1] * images.shape[2]:
        return images
    return resized(images, height=height, width=width)


def resized(images: NDArray[np.uint8], *, height: int, width: int) -> NDArray[np.uint8]:
    """Return frames in another size, as torchvision makes them for transformers: bicubic, smoothed.

    Args:
        images: uint8 (n, any height, any width, 3).
        height, width: in pixels.
    """
    if images.shape[1:3] == (height, width):
        return images
    frames = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2)
    made = functional.interpolate(frames, size=(height, width), mode="bicubic", antialias=True)
    return np.ascontiguousarray(made.permute(0, 2, 3, 1).numpy())


def frames_path(
    store: Path,
    *,
    track_key: str,
    span_ms: tuple[int, int] | None,
    count: int,
    choice: str,
    image: str,
    size: FrameSize,
) -> Path:
    """Return where the frames of a clip lie; the name holds everything that decides them.

    Args:
        store: folder of the content-addressed store.
        track_key: of the trajectory of the clip's video, which stands for the video's bytes.
        span_ms: of the clip in its video, in ms; None: all of it.
        count, choice: which frames are chosen, see `facewave.vlm.inputs.frames.choose_frames`.
        image: what is shown of them, see `facewave.vlm.inputs.clip_reader.ClipReader`.
        size: of the model.
    """
    return clip_shard(
        store,
        STAGE,
        track_key,
        version=SHOWN_FRAME_VERSION,
        span_ms=span_ms,
        count=count,
        choice=choice,
        image=image,
        size=dict(size.key),
    )


def write_frames(path: Path, images: NDArray[np.uint8], indices: Sequence[int]) -> None:
    """Keep frames.

    Args:
        path: of `frames_path`.
        images: uint8 (n, height, width, 3) RGB, each frame once, in the order of their numbers.
        indices: the numbers of the frames as they are shown; one may come more than once.
    """
    files = [_encoded(image) for image in images]
    arrays = {
        "jpeg": np.concatenate(files),
        "ends": np.cumsum([len(file) for file in files]),
        "indices": np.asarray(indices, np.int64),
    }
    write_shard(path, arrays, {})


def read_frames(path: Path) -> tuple[NDArray[np.uint8], list[int]] | None:
    """Return the frames as they are shown, and their numbers; None if they are not kept.

    Returns:
        uint8 (count, height, width, 3) RGB, and `count` numbers.
    """
    if not path.exists():
        return None
    try:
        arrays, _ = read_shard(path)
        files = np.split(arrays["jpeg"], arrays["ends"][:-1])
        images = np.stack([_decoded(file) for file in files])
        _, order = np.unique(arrays["indices"], return_inverse=True)
        return images[order], arrays["indices"].tolist()
    except (DamagedShardError, KeyError, IndexError, ValueError, cv2.error) as error:
        _log.warning("frames are decoded again: %s: %s", path, error)
        return None


def _encoded(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), options)
    return np.asarray(data, np.uint8).ravel()


def _decoded(file: NDArray[np.uint8]) -> NDArray[np.uint8]:
    image = cv2.imdecode(file, cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("no JPEG")
    return np.asarray(image[..., ::-1], np.uint8)
