"""Points of the demo's faces as arrays: shifting them and keeping lips and lids apart.

An array of points is (C, 2) float64 (x, y) in frame units, in the order of :data:`NAMES`.
"""

from collections.abc import Iterable
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from facewave.demo.expressions import MIDLINE, PAIRS, RELAX, TRAITS, Shifts

Array: TypeAlias = npt.NDArray[np.float64]
_Float = TypeVar("_Float", bound=np.floating[Any])

# Every point once: the middle line, then each pair's left and right member.
NAMES = (*MIDLINE, *(f"{name}.{side}" for name in PAIRS for side in ("left", "right")))
_INDEX = {name: index for index, name in enumerate(NAMES)}
# -1 for points on the image's left, 1 on its right, 0 on the middle line.
SIDES = np.array([0] * len(MIDLINE) + [-1, 1] * len(PAIRS))

# What is above stays above by a least gap: lips and lids just touch, brows leave the lids in sight.
_TOUCHING, _IN_SIGHT = 0.002, 0.008
_LIPS = (("gap_up_mid", "gap_low_mid"), ("gap_up_in", "gap_low_in"), ("gap_up_out", "gap_low_out"))
_LIDS = tuple((f"lid_up_{part}", f"lid_low_{part}") for part in ("out", "mid", "in"))
_BROWS = (
    ("brow_low_out", "lid_fold_out"),
    ("brow_low_mid", "lid_fold"),
    ("brow_low_in", "lid_fold_in"),
    ("lid_fold", "lid_up_mid"),
    ("lid_fold_in", "lid_up_in"),
)
# Parts into which the stretch between two neighbours on a lip's or lid's edge is divided.
_FINER = 3


def rows(names: Iterable[str]) -> list[int]:
    """Rows of named points in an array of all (C, 2); a side is part of the name, ``ala.left``."""
    return [_INDEX[name] for name in names]


def smooth_step(value: npt.NDArray[_Float]) -> npt.NDArray[_Float]:
    """0 below 0, 1 above 1, without a kink between; any shape."""
    clipped = np.clip(value, 0, 1)
    return np.asarray(clipped * clipped * (3 - 2 * clipped), value.dtype)


def portrait_points() -> Array:
    """Points on the portrait as it is, smiling: (C, 2) float64 in frame units."""
    pairs = np.array(list(PAIRS.values())).reshape(-1, 2)
    return np.concatenate([np.array(list(MIDLINE.values())), pairs])


def shift_field(shifts: Shifts) -> Array:
    """Spread named shifts over all points: (C, 2) float64 in frame units, zero where unnamed."""
    field = np.zeros((len(NAMES), 2))
    for name, (outward, down) in shifts.items():
        for row in rows((name,) if name in MIDLINE else (f"{name}.left", f"{name}.right")):
            field[row] = (outward * SIDES[row], down)
    return field / 1000


def subject_points(stream: np.random.Generator) -> Array:
    """Relaxed face of a made-up subject: (C, 2) float64 in frame units."""
    points = portrait_points() + shift_field(RELAX)
    for shifts in TRAITS.values():
        points += stream.uniform(-1, 1) * shift_field(shifts)
    return _shut_lips(points)


def part_edges(points: Array) -> Array:
    """Move lips, lids and brows (..., C, 2) apart where an expression would make them cross."""
    points = points.copy()
    for pairs, gap in ((_BROWS, _IN_SIGHT), (_LIPS + _LIDS, _TOUCHING)):
        for upper, lower in _both_sides(pairs):
            overlap = points[..., upper, 1] - points[..., lower, 1] + gap
            half = np.maximum(overlap, 0) / 2
            points[..., upper, 1] -= half
            points[..., lower, 1] += half
    return points


def close_lids(points: Array, shut: Array) -> Array:
    """Bring the upper lids (T, C, 2) down to the lower ones as far as `shut` (T,) says."""
    points = points.copy()
    for upper, lower in _both_sides(_LIDS):
        way = points[:, lower] - points[:, upper]
        points[:, upper] += way * (0.88 * shut)[:, None]
        points[:, lower] -= way * (0.06 * shut)[:, None]
    return points


def dense_weights() -> tuple[Array, dict[str, list[int]]]:
    """How to interpolate more points along the edges of lips and lids, where a warp almost tears.

    Returns:
        (C + E, C) float64 weights: times the (C, 2) points, these and E more; and for each edge
        (``lip_up``, ``lip_low``, ``lid_up.left`` ...) the rows that hold it, from left to right
        for lips, from the outer to the inner corner for lids.
    """
    weights, order = [np.eye(len(NAMES))], {}
    total = len(NAMES)
    for edge, names in _edges().items():
        knots = rows(names)
        places = np.linspace(0, len(knots) - 1, _FINER * (len(knots) - 1) + 1)
        between = np.arange(len(places)) % _FINER > 0
        spline = CubicSpline(np.arange(len(knots)), np.eye(len(NAMES))[knots])(places)
        weights.append(spline[between])
        row = np.repeat(knots, _FINER)[: len(places)]
        row[between] = total + np.arange(between.sum())
        order[edge] = row.tolist()
        total += int(between.sum())
    return np.concatenate(weights), order


def _edges() -> dict[str, list[str]]:
    """Names of the points along each edge of the mouth's and the eyes' openings."""
    edges = {}
    for row in ("up", "low"):
        half = [f"gap_{row}_out", f"gap_{row}_in"]
        left = ["gap_corner.left", *(f"{name}.left" for name in half)]
        right = [f"{name}.right" for name in reversed(half)] + ["gap_corner.right"]
        edges[f"lip_{row}"] = [*left, f"gap_{row}_mid", *right]
        for side in ("left", "right"):
            lid = [f"lid_{row}_{part}" for part in ("out", "mid", "in")]
            edges[f"lid_{row}.{side}"] = [f"{n}.{side}" for n in ("eye_out", *lid, "eye_in")]
    return edges


def _shut_lips(points: Array) -> Array:
    """Lay both lips along the line between the mouth's corners: (C, 2)."""
    points = points.copy()
    corners = points[[_INDEX["gap_corner.left"], _INDEX["gap_corner.right"]]]
    for pair in _both_sides(_LIPS):
        x = points[list(pair), 0].mean()
        y = np.interp(x, corners[:, 0], corners[:, 1])
        points[pair[0]], points[pair[1]] = (x, y - _TOUCHING / 2), (x, y + _TOUCHING / 2)
    return points


def _both_sides(pairs: tuple[tuple[str, str], ...]) -> list[tuple[int, int]]:
    """Indexes of named point pairs, each on the middle line or on both sides."""
    ends = ("", ".left", ".right")
    return [(_INDEX[a + e], _INDEX[b + e]) for a, b in pairs for e in ends if a + e in _INDEX]
