"""Which frames of a clip a model is shown.

`uniform`: spread evenly over the frames that show the face. `motion`: the clip is cut into n equal
parts, and each part gives the frame in which the face moves most, by its landmarks with the head
held still; a part without a face gives its middle frame. Frames are counted within the clip, which
may be a segment of a video.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facewave.features.encode_clip import read_trajectories
from facewave.features.groups import FaceOptions
from facewave.tracking.landmarker import N_LANDMARKS
from facewave.tracking.trajectory import Trajectory

CHOICES = ("uniform", "motion")
# Landmarks jitter from frame to frame: motion is averaged over a fifth of a second.
_SMOOTH_SECONDS = 0.2


def facial_motion(clip: Trajectory, *, align: str = "similarity") -> NDArray[np.float32]:
    """Return how fast the face moves in each frame, float32 (T,); NaN where it is not known.

    With the head held still, the mean over the landmarks of the distance from the frame before and
    to the frame after, in centimetres per second; averaged over a fifth of a second.

    Args:
        clip: its trajectory.
        align: how position, size and rotation of the head are removed (`features.align`).

    Raises:
        DamagedShardError: if the shard is missing, truncated or altered.
    """
    if not clip.detected.any():
        return np.full(len(clip), np.nan, np.float32)
    points = read_trajectories(
        clip,
        source="landmarks",
        chosen=slice(0, 3 * N_LANDMARKS),
        face=FaceOptions(align=align),
        trim_ends=False,
    ).reshape(len(clip), N_LANDMARKS, 3)
    return motion(points, fps=clip.fps)


def motion(points: NDArray[np.float32], *, fps: float) -> NDArray[np.float32]:
    """Return the mean speed of points in each frame, float32 (T,), smoothed; NaN if unknown.

    Args:
        points: float32 (T, n, 3), NaN where there are none.
        fps: frames per second.
    """
    speed = np.full(len(points), np.nan)
    if len(points) > 1:
        steps = np.linalg.norm(np.diff(points, axis=0), axis=-1).mean(axis=1) * fps
        sides = np.stack([np.append(np.nan, steps), np.append(steps, np.nan)])
        known = np.isfinite(sides)
        count = known.sum(axis=0)
        total = np.where(known, sides, 0.0).sum(axis=0)
        speed = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return _smooth(speed, width=max(1, round(_SMOOTH_SECONDS * fps))).astype(np.float32)


def choose_frames(
    detected: NDArray[np.bool_],
    *,
    count: int,
    choice: str = "uniform",
    moving: NDArray[np.float32] | None = None,
) -> list[int]:
    """Return `count` frames of a clip, in order; a clip with fewer frames repeats some.

    Args:
        detected: bool (T,), frames with the face; T >= 1.
        count: number of frames wanted.
        choice: `uniform` or `motion`.
        moving: float (T,), see `facial_motion`; for `motion`.

    Raises:
        ValueError: if the clip has no frames, the choice is unknown, or `moving` is of another
            length.
    """
    if choice not in CHOICES:
        raise ValueError(
            f"vlm.frame_choice: found {choice!r}, expected one of {', '.join(CHOICES)}"
        )
    frames = len(detected)
    if frames < 1:
        raise ValueError("the clip has no frames to choose from")
    if choice == "uniform":
        shown = np.flatnonzero(detected) if detected.any() else np.arange(frames)
        return [int(shown[int((part + 0.5) * len(shown) / count)]) for part in range(count)]
    if moving is None or len(moving) != frames:
        found = "none" if moving is None else str(len(moving))
        raise ValueError(
            f"a clip of {frames} frames needs as many values of motion; there are {found}"
        )
    return [
        _fastest(moving, part * frames // count, max(1, (part + 1) * frames // count))
        for part in range(count)
    ]


def _smooth(values: NDArray[np.float64], *, width: int) -> NDArray[np.float64]:
    """Return the mean of the known values within `width`; what is not known stays so."""
    known = np.isfinite(values)
    window = np.ones(width)
    total = np.convolve(np.where(known, values, 0.0), window, mode="full")
    count = np.convolve(known.astype(float), window, mode="full")
    start = (width - 1) // 2
    part = slice(start, start + len(values))
    return np.where(known, total[part] / np.maximum(count[part], 1.0), np.nan)


def _fastest(moving: NDArray[np.float32], start: int, end: int) -> int:
    values = moving[min(start, end - 1) : end]
    if not np.isfinite(values).any():
        return (min(start, end - 1) + end) // 2
    return min(start, end - 1) + int(np.nanargmax(values))
