"""Lines to draw on a face: the contours of its parts, or the whole mesh.

The contours are MediaPipe's own connection sets (`FaceLandmarksConnections`, Apache License 2.0) as
chains of landmarks; `mesh_edges.csv` holds the edges of its mesh, each once. A test compares both
with MediaPipe, which is not loaded here.
"""

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# Part of the face: chains of landmarks, and whether a chain comes back to its beginning.
_CHAINS: dict[str, tuple[tuple[tuple[int, ...], bool], ...]] = {
    "oval": (
        ((10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
          152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
         True),
    ),
    "brows": (
        ((276, 283, 282, 295, 285), False), ((300, 293, 334, 296, 336), False),
        ((46, 53, 52, 65, 55), False), ((70, 63, 105, 66, 107), False),
    ),
    "eyes": (
        ((263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466), True),
        ((33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246), True),
    ),
    "irises": (((474, 475, 476, 477), True), ((469, 470, 471, 472), True)),
    "lips": (
        ((61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40,
          185), True),
        ((78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80,
          191), True),
    ),
}  # fmt: skip


def contours() -> dict[str, list[tuple[NDArray[np.int64], bool]]]:
    """Return the contours of oval, brows, eyes, irises and lips for `mediapipe_478`.

    Each is a list of chains: the landmarks in order, int64 (n,), and whether the last is joined to
    the first.
    """
    return {
        part: [(np.array(chain, np.int64), closed) for chain, closed in chains]
        for part, chains in _CHAINS.items()
    }


@cache
def mesh_edges() -> NDArray[np.int64]:
    """Return the edges of the mesh, int64 (e, 2), each once, smaller landmark first; read-only."""
    edges = np.loadtxt(
        Path(__file__).with_name("mesh_edges.csv"), np.int64, delimiter=",", skiprows=1, ndmin=2
    )
    edges.setflags(write=False)
    return edges
