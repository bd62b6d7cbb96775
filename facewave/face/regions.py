"""Regions of the face: which landmarks and which blendshapes belong to eyes, mouth and so on.

The table `regions.csv` gives each of the 478 landmarks one region. It follows MediaPipe's own
connection sets (`FaceLandmarksConnections`): a vertex belongs to the set (eyes, eyebrows, nose,
lips) that is nearest along the edges of the mesh, if that is at most 1.2 cm away on the canonical
face; irises are the ten landmarks behind the mesh. All other vertices are `forehead` from the
lowest point of the eyebrows upwards, `jaw` below the corners of the mouth, and `cheeks` between. A
test makes the table again from these rules.
"""

import csv
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewave.face.blendshapes import BLENDSHAPES

REGIONS = ("eyes", "irises", "brows", "forehead", "nose", "cheeks", "mouth", "jaw")
# How the names of a region's blendshapes begin; `eyeLook…` comes before `eye…`.
_STEMS = {
    "eyeLook": "irises",
    "eye": "eyes",
    "brow": "brows",
    "nose": "nose",
    "cheek": "cheeks",
    "mouth": "mouth",
    "jaw": "jaw",
}


@cache
def region_landmarks() -> dict[str, NDArray[np.int64]]:
    """Return the landmarks (int64) of each region, in the order of `REGIONS`, without overlap."""
    with Path(__file__).with_name("regions.csv").open(encoding="utf-8", newline="") as file:
        rows = [(int(row["landmark"]), row["region"]) for row in csv.DictReader(file)]
    return {
        name: np.array([landmark for landmark, region in rows if region == name])
        for name in REGIONS
    }


@cache
def region_blendshapes() -> dict[str, NDArray[np.int64]]:
    """Return the blendshapes (int64) of each region; `forehead` has none, `_neutral` no region."""
    regions = [
        next((region for stem, region in _STEMS.items() if name.startswith(stem)), "")
        for name in BLENDSHAPES
    ]
    return {
        name: np.array([i for i, region in enumerate(regions) if region == name], np.int64)
        for name in REGIONS
    }
