"""Sets of facial points: what each point of a tracker's output is, and where it lies on a face.

Every set that facewave knows is one entry of `POINT_SETS`: how many points there are, which of them
are the corners of the eyes, which point is whose mirror image, which region a point belongs to, and
where the points lie on MediaPipe's canonical face, to which faces are aligned.

- `mediapipe_478`: MediaPipe's face mesh with irises; `mediapipe_468`: the same without irises.
- `dlib_68`: the 68 points of the iBUG 300-W annotation, which dlib, OpenFace 2 and py-feat give:
  jaw 0-16, brows 17-26, nose 27-35, eyes 36-47, mouth 48-67. Their places on the canonical face are
  those of the vertices of the mesh that lie nearest by anatomy.

References:
- C. Sagonas et al., "300 faces in-the-wild challenge", ICCV workshops, 2013 (the 68 points).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from facewave.face.canonical_mesh import N_VERTICES, canonical_face

Array = TypeVar("Array", NDArray[np.float64], NDArray[np.int64])

MEDIAPIPE = "mediapipe_478"
REGIONS = ("eyes", "irises", "brows", "forehead", "nose", "cheeks", "mouth", "jaw")

# Partners of landmarks 468 to 477: centre, inner or outer, top, outer or inner, bottom of an iris.
_IRISES = (473, 476, 475, 474, 477, 468, 471, 470, 469, 472)

# Of each of the 68 points the vertex of MediaPipe's mesh at the same place of a face.
_DLIB_VERTICES = (
    127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356,  # jaw
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,  # brows
    168, 197, 5, 4, 98, 97, 2, 326, 327,  # nose
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,  # eyes
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,  # outer edge of the lips
    78, 82, 13, 312, 308, 317, 14, 87,  # inner edge of the lips
)  # fmt: skip
_DLIB_REGIONS = {
    "eyes": (36, 48), "brows": (17, 27), "nose": (27, 36), "mouth": (48, 68), "jaw": (0, 17),
}  # fmt: skip
# Corners of the eyes and bridge of the nose: expressions hardly move them.
_DLIB_RIGID = (27, 28, 29, 30, 36, 39, 42, 45)


@dataclass(frozen=True, eq=False)
class PointSet:
    """A set of N points, of which the first C have a place on the canonical face.

    Attributes:
        name: a key of `POINT_SETS`.
        count: N.
        right_eye, left_eye: outer corners of the eyes, the person's own right and left.
        nose_tip, lower_lip: tip of the nose, and middle of the lower lip's upper edge.
        pictures: whether coordinates are usually fractions of the picture's width and height, not
            pixels.
        canonical: float64 (C, 3), centimetres, in the axes of `facewave.face.canonical_mesh`.
        weights: float64 (C,), of the points in the alignment of a face; they sum to 1.
        basis: int64 (b,), the points whose weight is not 0.
        mirror: int64 (N,), each point's partner on the other side; its own inverse.
        regions: region to its points (int64), in the order of `REGIONS`, without overlap; a region
            without points is empty.
    """

    name: str
    count: int
    right_eye: int
    left_eye: int
    nose_tip: int
    lower_lip: int
    pictures: bool
    canonical: NDArray[np.float64]
    weights: NDArray[np.float64]
    basis: NDArray[np.int64]
    mirror: NDArray[np.int64]
    regions: Mapping[str, NDArray[np.int64]]


@cache
def point_set(name: str) -> PointSet:
    """Return a set by its name; its arrays are read-only.

    Raises:
        ValueError: there is no such set.
    """
    if name not in POINT_SETS:
        raise ValueError(f"no set of points is named {name!r}; there are {', '.join(POINT_SETS)}")
    return _dlib() if name == "dlib_68" else _mediapipe(name, POINT_SETS[name])


def set_of_count(count: int) -> str | None:
    """Return the name of the set with so many points; None if there is none."""
    return next((name for name, points in POINT_SETS.items() if points == count), None)


# Number of points of each set.
POINT_SETS = {MEDIAPIPE: 478, "mediapipe_468": N_VERTICES, "dlib_68": 68}


def _mediapipe(name: str, count: int) -> PointSet:
    face = canonical_face()
    with Path(__file__).with_name("regions.csv").open(encoding="utf-8", newline="") as file:
        named = {int(row["landmark"]): row["region"] for row in csv.DictReader(file)}
    partners = [*_partners(face.points), *_IRISES][:count]
    return PointSet(
        name=name,
        count=count,
        right_eye=33,
        left_eye=263,
        nose_tip=1,
        lower_lip=14,
        pictures=True,
        canonical=face.points,
        weights=face.weights,
        basis=face.basis,
        mirror=_fixed(np.array(partners, np.int64)),
        regions={
            region: np.array([i for i in range(count) if named[i] == region], np.int64)
            for region in REGIONS
        },
    )


def _dlib() -> PointSet:
    points = canonical_face().points[list(_DLIB_VERTICES)]
    weights = np.zeros(len(points))
    weights[list(_DLIB_RIGID)] = 1 / len(_DLIB_RIGID)
    return PointSet(
        name="dlib_68",
        count=len(points),
        right_eye=36,
        left_eye=45,
        nose_tip=30,
        lower_lip=66,
        pictures=False,
        canonical=_fixed(points),
        weights=_fixed(weights),
        basis=_fixed(np.array(_DLIB_RIGID, np.int64)),
        mirror=_fixed(np.array(_partners(points), np.int64)),
        regions={name: np.arange(*_DLIB_REGIONS.get(name, (0, 0))) for name in REGIONS},
    )


def _partners(points: NDArray[np.float64]) -> list[int]:
    """Return of each point the one at its mirror image; the mesh is symmetric to the last digit."""
    places = {tuple(point): index for index, point in enumerate(points.tolist())}
    # Adding 0 makes -0 into 0.
    return [places[tuple(point)] for point in (points * [-1, 1, 1] + 0.0).tolist()]


def _fixed(array: Array) -> Array:
    array.setflags(write=False)
    return array
