"""Regions of the face: which landmarks and which blendshapes belong to eyes, mouth and so on.

The table `regions.csv` gives each of the 478 landmarks one region. It follows MediaPipe's own
connection sets (`FaceLandmarksConnections`): a vertex belongs to the set (eyes, eyebrows, nose,
lips) that is nearest along the edges of the mesh, if that is at most 1.2 cm away on the canonical
face; irises are the ten landmarks behind the mesh. All other vertices are `forehead` from the
lowest point of the eyebrows upwards, `jaw` below the corners of the mouth, and `cheeks` between. A
test makes the table again from these rules. The regions of other sets of points are written out in
`facewave.face.point_sets`.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from facewave.face.blendshapes import BLENDSHAPES
from facewave.face.point_sets import MEDIAPIPE, REGIONS, point_set

__all__ = ["REGIONS", "region_blendshapes", "region_landmarks"]

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


def region_landmarks(points: str = MEDIAPIPE) -> dict[str, NDArray[np.int64]]:
    """Return the landmarks (int64) of each region, in the order of `REGIONS`, without overlap.

    Args:
        points: name of the set of points.
    """
    return dict(point_set(points).regions)


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
