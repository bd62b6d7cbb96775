"""The mirrored face: the features that a clip would have if its video were flipped left to right.

Landmarks swap with their partners, and x changes sign; blendshapes swap left and right; of the
head's pose yaw, roll and x change sign. Codes are linear in the trajectories, so a code can be
mirrored without the video. Energies and deviations have no sign. This holds for aligned landmarks,
whose x is 0 in the middle of the face, not for image coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from facewave.face.blendshapes import BLENDSHAPES
from facewave.face.canonical_mesh import N_VERTICES, canonical_face
from facewave.features.groups import split_group
from facewave.splits.read import SplitTable

# Partners of landmarks 468 to 477: centre, inner or outer, top, outer or inner, bottom of an iris.
_IRISES = (473, 476, 475, 474, 477, 468, 471, 470, 469, 472)
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


@cache
def mirrored_landmarks() -> NDArray[np.int64]:
    """Return each landmark's partner on the other side, (478,); its own inverse."""
    points = canonical_face().points
    places = {tuple(point): index for index, point in enumerate(points.tolist())}
    # The canonical mesh is symmetric to the last digit. Adding 0 makes -0 into 0.
    flipped = (points * [-1, 1, 1] + 0.0).tolist()
    partner = np.array([*(places[tuple(point)] for point in flipped), *_IRISES], np.int64)
    partner.setflags(write=False)
    return partner


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
    align = features.get("features", {}).get("align") if isinstance(features, dict) else None
    if "landmarks" in inputs and align == "none":
        raise ValueError(
            "mlp.fusion.mirror: landmarks in image coordinates cannot be mirrored; set "
            "features.align, or mlp.fusion.mirror to false"
        )
    swaps = [mirror_swap(name, table.shapes[name]) for name in inputs]
    offsets = np.cumsum([0, *(swap.partner.size for swap in swaps[:-1])])
    return SignedSwap(
        partner=np.concatenate([s.partner + o for s, o in zip(swaps, offsets, strict=True)]),
        sign=np.concatenate([swap.sign for swap in swaps]),
    )


def mirror_swap(group: str, shape: tuple[int, ...]) -> SignedSwap:
    """Return how a feature group is mirrored.

    Args:
        group: `landmarks`, `blendshapes`, `pose` or the energies of one of them; `text`, which
            stays as it is.
        shape: (rows, ...) of a clip's array.

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
    partner, sign = _frame(source)
    rows = shape[0]
    steps = np.arange(rows)[:, np.newaxis] * partner.size
    return SignedSwap(
        partner=(steps + partner).ravel(),
        sign=np.tile(sign if not kind else np.abs(sign), rows).astype(np.float32),
    )


def _frame(source: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    if source == "landmarks":
        partner = (mirrored_landmarks()[:, np.newaxis] * 3 + np.arange(3)).ravel()
        return partner, np.tile([-1.0, 1.0, 1.0], N_VERTICES + len(_IRISES))
    if source == "blendshapes":
        return mirrored_blendshapes(), np.ones(len(BLENDSHAPES))
    return np.arange(len(_POSE_SIGNS)), np.array(_POSE_SIGNS)
