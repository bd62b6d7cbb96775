"""MediaPipe's canonical face: the neutral, frontal mesh that faces are aligned to.

The table `canonical_mesh.csv` holds what the landmarker's bundle contains in its member
`geometry_pipeline_metadata_landmarks.binarypb` (Apache License 2.0): 468 vertices in centimetres,
x to the face's left (to the right in an image that is not mirrored), y up, z towards the viewer,
and the weight of each in the estimate of the head's pose. The weights are 0 except for 33 vertices
that expressions hardly move. The mesh is exactly symmetric about x = 0. The ten landmarks of the
irises (468 to 477) are not part of it.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

N_VERTICES = 468


@dataclass(frozen=True, eq=False)
class CanonicalFace:
    """The mesh.

    Attributes:
        points: float64 (468, 3), centimetres.
        weights: float64 (468,), not negative; they sum to 1.
        basis: int64 (33,), the vertices whose weight is not 0.
    """

    points: NDArray[np.float64]
    weights: NDArray[np.float64]
    basis: NDArray[np.int64]


@cache
def canonical_face() -> CanonicalFace:
    """Return the canonical face; its arrays are read-only."""
    table = np.loadtxt(
        Path(__file__).with_name("canonical_mesh.csv"), delimiter=",", skiprows=1, ndmin=2
    )
    points, weights = table[:, :3].copy(), table[:, 3] / table[:, 3].sum()
    basis = np.flatnonzero(weights).astype(np.int64)
    for array in (points, weights, basis):
        array.setflags(write=False)
    return CanonicalFace(points=points, weights=weights, basis=basis)
