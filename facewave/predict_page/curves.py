"""The lines of a timeline: head pose and blendshapes, as means over short steps of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.face.blendshapes import BLENDSHAPES, without_side
from facewave.features.alignment import head_pose
from facewave.features.encode_clip import fit_alignments, has_pose
from facewave.tracking.trajectory import Trajectory

# Steps are this long in seconds, or as long as makes so many steps of a long video.
STEP, MOST_STEPS = 0.1, 20_000
ANGLES = ("yaw", "pitch", "roll")
# What is shown at first, by the names without side; all others can be chosen.
SHOWN = ("mouthSmile", "browInnerUp", "browDown", "jawOpen")


@dataclass(frozen=True, kw_only=True, eq=False)
class Curves:
    """Means over S steps of time; NaN where the face was not found.

    Attributes:
        step: length of a step, seconds; the first begins at 0.
        pose: float32 (S, 3), yaw, pitch and roll in degrees; None: not known.
        shapes: by name without side, float32 (S,), mean of both sides, 0 to 1.
    """

    step: float
    pose: NDArray[np.float32] | None
    shapes: dict[str, NDArray[np.float32]]


def read_curves(clip: Trajectory) -> Curves:
    """Return the lines of a trajectory.

    Raises:
        DamagedShardError: if the trajectory shard is damaged.
    """
    seconds = clip.timestamp_ms / 1000
    step = max(STEP, float(seconds[-1]) / MOST_STEPS) if len(seconds) else STEP
    # A frame on the edge of two steps must not fall into the earlier one by rounding.
    steps = np.floor(seconds / step + 1e-6).astype(np.int64)
    pose = None
    if has_pose(clip.channels) and (alignments := fit_alignments(clip, {"transform"})):
        pose = step_means(head_pose(alignments["transform"])[:, :3], steps)
    shapes: dict[str, NDArray[np.float32]] = {}
    if clip.channels.blendshapes and clip.detected.any():
        groups = shape_groups()
        sides = [
            np.column_stack([part[:, columns].mean(axis=1) for columns in groups.values()])
            for part in clip.iter("blendshapes")
        ]
        means = step_means(np.concatenate(sides), steps)
        shapes = {name: means[:, i] for i, name in enumerate(groups)}
    return Curves(step=step, pose=pose, shapes=shapes)


def shape_groups() -> dict[str, list[int]]:
    """Return the columns of each blendshape by its name without side; `_neutral` is left out."""
    groups: dict[str, list[int]] = {}
    for column, name in enumerate(BLENDSHAPES[1:], start=1):
        groups.setdefault(without_side(name), []).append(column)
    return groups


def step_means(values: NDArray[Any], steps: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the mean of each column in each step, (S, c); NaN where it has no value.

    Args:
        values: (T, c); NaN where they are missing.
        steps: int64 (T,), step of each frame, increasing.
    """
    count = int(steps[-1]) + 1 if len(steps) else 0
    means = np.full((count, values.shape[1]), np.nan, np.float32)
    for column in range(values.shape[1]):
        known = np.isfinite(values[:, column])
        frames = np.bincount(steps[known], minlength=count)
        sums = np.bincount(steps[known], weights=values[known, column], minlength=count)
        np.divide(sums, frames, out=means[:, column], where=frames > 0, casting="unsafe")
    return means
