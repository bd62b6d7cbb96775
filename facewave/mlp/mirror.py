"""The mirrored face: the features that a clip would have if its video were flipped left to right.

Landmarks swap with their partners, and x changes sign; blendshapes swap left and right; action
units are of both sides; of the head's pose yaw, roll and x change sign. Codes are linear in the
trajectories, so a code can be mirrored without the video. Energies and deviations have no sign.
This holds for aligned landmarks, whose x is 0 in the middle of the face, not for image coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from facewave.face.blendshapes import BLENDSHAPES
from facewave.face.channels import VIDEO, Channels
from facewave.face.point_sets import MEDIAPIPE, point_set
from facewave.features.groups import split_group
from facewave.splits.read import SplitTable

# yaw, pitch, roll, x, y, z
_POSE_SIGNS = (-1.0, 1.0, -1.0, -1.0, 1.0, 1.0)
_SIDES = {"Left": "Right", "Right": "Left"}


@dataclass(frozen=True, eq=False)
class SignedSwap:
    """Mirrors columns: column i of the mirrored features is sign[i] x column partner[i].

    Attributes:
        partner: int64 (d,), its own inverse.
        sign: float32 (d,), 1 or -1.
    """

    partner: NDArray[np.int64]
    sign: NDArray[np.float32]

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mirror features (n, d)."""
        return features[:, self.partner] * self.sign


def mirrored_landmarks(points: str = MEDIAPIPE) -> NDArray[np.int64]:
    """Return each landmark's partner on the other side, (N,); its own inverse."""
    return point_set(points).mirror


@cache
def mirrored_blendshapes() -> NDArray[np.int64]:
    """Return each blendshape's partner, (52,): left and right change places."""
    partner = np.arange(len(BLENDSHAPES))
    for index, name in enumerate(BLENDSHAPES):
        for side, other in _SIDES.items():
            if name.endswith(side) and name.removesuffix(side) + other in BLENDSHAPES:
                partner[index] = BLENDSHAPES.index(name.removesuffix(side) + other)
    partner.setflags(write=False)
    return partner


def mirror_inputs(table: SplitTable, inputs: Sequence[str]) -> SignedSwap:
    """Return how the columns of several groups, one behind the other, are mirrored.

    Args:
        table: says how its features were made.
        inputs: names of its groups.

    Raises:
        ValueError: a group cannot be mirrored; landmarks in image coordinates never can.
    """
    features = table.metadata.get("features")
    given = features if isinstance(features, dict) else {}
    align = given.get("features", {}).get("align")
    channels = Channels.parse(given.get("channels", str(VIDEO)))
    if "landmarks" in inputs and align == "none":
        raise ValueError(
            "mlp.fusion.mirror: landmarks in image coordinates cannot be mirrored; set "
            "features.align, or mlp.fusion.mirror to false"
        )
    swaps = [mirror_swap(name, table.shapes[name], channels) for name in inputs]
    offsets = np.cumsum([0, *(swap.partner.size for swap in swaps[:-1])])
    return SignedSwap(
        partner=np.concatenate([s.partner + o for s, o in zip(swaps, offsets, strict=True)]),
        sign=np.concatenate([swap.sign for swap in swaps]),
    )


def mirror_swap(group: str, shape: tuple[int, ...], channels: Channels = VIDEO) -> SignedSwap:
    """Return how a feature group is mirrored.

    Args:
        group: `landmarks`, `blendshapes`, `action_units`, `pose` or the energies of one of them;
            `text`, which stays as it is.
        shape: (rows, ...) of a clip's array.
        channels: what the trajectories hold.

    Raises:
        ValueError: the group cannot be mirrored column by column (statistics: a low quantile
            becomes a high one).
    """
    if group == "text":
        every = np.arange(math.prod(shape))
        return SignedSwap(partner=every, sign=np.ones(every.size, np.float32))
    source, kind = split_group(group)
    if kind not in ("", "energy"):
        raise ValueError(
            f"mlp.fusion.mirror: the group {group!r} cannot be mirrored; leave it out of "
            "mlp.inputs or set mlp.fusion.mirror to false"
        )
    partner, sign = _frame(source, channels)
    rows = shape[0]
    steps = np.arange(rows)[:, np.newaxis] * partner.size
    return SignedSwap(
        partner=(steps + partner).ravel(),
        sign=np.tile(sign if not kind else np.abs(sign), rows).astype(np.float32),
    )


def _frame(source: str, channels: Channels) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    if source == "landmarks":
        dimensions = channels.dimensions
        points = mirrored_landmarks(channels.points)
        partner = (points[:, np.newaxis] * dimensions + np.arange(dimensions)).ravel()
        return partner, np.tile([-1.0, 1.0, 1.0][:dimensions], len(points))
    if source == "blendshapes":
        return mirrored_blendshapes(), np.ones(len(BLENDSHAPES))
    if source == "action_units":
        count = len(channels.action_units)
        return np.arange(count), np.ones(count)
    return np.arange(len(_POSE_SIGNS)), np.array(_POSE_SIGNS)
