"""From the frames of a clip to the patches that Qwen2.5-VL sees.

Where torchvision is installed, transformers' `Qwen2VLVideoProcessor` makes them, elsewhere
`own_patches`, which is the same but for rounding (tests compare the two). Frames are chosen and
decoded by facewave's own reader and come with their timing, since the model counts time in
seconds.

Reference: S. Bai et al., "Qwen2.5-VL technical report", arXiv 2502.13923.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from facewave.vlm.inputs.clip_reader import ClipFrames
from facewave.vlm.inputs.kept_frames import FrameSize

_LARGEST_RATIO = 200


@dataclass(frozen=True, kw_only=True)
class VideoOptions:
    """How frames become patches; the defaults are those of all Qwen2.5-VL checkpoints.

    Attributes:
        min_pixels, max_pixels: of a frame, after resizing.
        patch: width and height of a patch in pixels.
        temporal: frames in a patch; a last frame without a partner is shown twice.
        merge: how many patches in height and in width become one token.
        mean, std: of the colours red, green, blue, from 0 to 1.
    """

    min_pixels: int = 56 * 56
    max_pixels: int = 448 * 448
    patch: int = 14
    temporal: int = 2
    merge: int = 2
    mean: tuple[float, ...] = (0.48145466, 0.4578275, 0.40821073)
    std: tuple[float, ...] = (0.26862954, 0.26130258, 0.27577711)

    def __post_init__(self) -> None:
        """Refuse limits that no size meets.

        Raises:
            ValueError: saying what is wrong.
        """
        side = self.patch * self.merge
        if not self.min_pixels <= self.max_pixels or self.max_pixels < side * side:
            raise ValueError(
                f"frames of {self.min_pixels} to {self.max_pixels} pixels: max_pixels must be at "
                f"least min_pixels and {side * side} ({side} x {side}, one token)"
            )


def smart_size(height: int, width: int, options: VideoOptions) -> tuple[int, int]:
    """Return the height and width that a frame is resized to.

    Both are multiples of the side of a token, the product lies within the options' limits, and
    the shape is kept as well as that allows.

    Raises:
        ValueError: one side is more than 200 times the other.
    """
    if max(height, width) > _LARGEST_RATIO * min(height, width):
        raise ValueError(f"a frame of {width} x {height} pixels is too narrow: 1:200 at most")
    side = options.patch * options.merge
    new_height, new_width = round(height / side) * side, round(width / side) * side
    if new_height * new_width > options.max_pixels:
        shrink = math.sqrt(height * width / options.max_pixels)
        new_height, new_width = (
            max(side, math.floor(length / shrink / side) * side) for length in (height, width)
        )
    elif new_height * new_width < options.min_pixels:
        grow = math.sqrt(options.min_pixels / (height * width))
        new_height, new_width = (
            math.ceil(length * grow / side) * side for length in (height, width)
        )
    return new_height, new_width


def frame_size(options: VideoOptions) -> FrameSize:
    """Return the size in which frames are kept: that of `smart_size`."""
    sides = {"side": options.patch * options.merge}
    return FrameSize(
        of=lambda height, width: smart_size(height, width, options),
        key={"min_pixels": options.min_pixels, "max_pixels": options.max_pixels, **sides},
    )


def video_patches(video: ClipFrames, options: VideoOptions) -> tuple[Tensor, tuple[int, int, int]]:
    """Return the patches of a video and its grid.

    Returns:
        float32 (t * h * w, 3 * temporal * patch * patch), in the order in which the model merges
        them to tokens, and the grid (t, h, w), in patches.
    """
    real = transformers_processor(options)
    if real is None:
        return own_patches(video, options)
    height, width = video.images.shape[1:3]
    smart_size(height, width, options)  # refuses slivers
    made = real([np.array(video.images)], video_metadata=[video.metadata], return_tensors="pt")
    t, h, w = made["video_grid_thw"][0].tolist()
    return made["pixel_values_videos"], (t, h, w)


@cache
def transformers_processor(options: VideoOptions) -> Any | None:
    """Return transformers' own class; None where torchvision is missing or does not fit torch."""
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        return None
    from transformers import Qwen2VLVideoProcessor

    return Qwen2VLVideoProcessor(
        size={"shortest_edge": options.min_pixels, "longest_edge": options.max_pixels},
        patch_size=options.patch,
        temporal_patch_size=options.temporal,
        merge_size=options.merge,
        image_mean=list(options.mean),
        image_std=list(options.std),
        do_sample_frames=False,
        cap_pixels_per_frame=False,
    )


def own_patches(video: ClipFrames, options: VideoOptions) -> tuple[Tensor, tuple[int, int, int]]:
    """Return `video_patches` without torchvision."""
    frames = torch.from_numpy(np.array(video.images)).permute(0, 3, 1, 2)
    size = smart_size(frames.shape[2], frames.shape[3], options)
    # On uint8, as torchvision does it: overshoots of the cubic are clipped and rounded.
    frames = functional.interpolate(frames, size=size, mode="bicubic", antialias=True)
    mean, std = (
        255.0 * torch.tensor(values)[:, None, None] for values in (options.mean, options.std)
    )
    pixels = (frames.float() - mean) / std
    if missing := -len(pixels) % options.temporal:
        pixels = torch.cat([pixels, pixels[-1:].expand(missing, -1, -1, -1)])
    t, h, w = len(pixels) // options.temporal, *(length // options.patch for length in size)
    m, p = options.merge, options.patch
    blocks = pixels.view(t, options.temporal, 3, h // m, m, p, w // m, m, p)
    return blocks.permute(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(t * h * w, -1), (t, h, w)


def seconds_of_grid(video: ClipFrames, options: VideoOptions) -> float:
    """Return the seconds between two steps of the grid along time."""
    return options.temporal / float(video.metadata.sampled_fps)
