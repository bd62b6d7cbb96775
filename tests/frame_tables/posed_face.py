"""MediaPipe's canonical face before a camera, as the landmarker would see it."""

import numpy as np

from facewave.face.canonical_mesh import canonical_face
from tests.tracking.track_shards import write_track_shard

SIZE = (640, 480)
# Rotations about an axis of OpenFace's camera: x to the right, y down, z away.
FLIP = np.diag([1.0, -1.0, -1.0])


def turned(rx, ry, rz):
    """Return Rx Ry Rz."""
    (a, b, c), (s, t, u) = np.cos([rx, ry, rz]), np.sin([rx, ry, rz])
    x = np.array([[1, 0, 0], [0, a, -s], [0, s, a]])
    y = np.array([[b, 0, t], [0, 1, 0], [-t, 0, b]])
    z = np.array([[c, -u, 0], [u, c, 0], [0, 0, 1]])
    return x @ y @ z


def in_space(angles, place):
    """Return the canonical face (468, 3), mm, in OpenFace's camera; its middle is at `place`."""
    face = canonical_face()
    offsets = 10 * (face.points - face.weights @ face.points) @ FLIP
    return offsets @ turned(*angles).T + place


def landmarks(points, focal=500.0):
    """Return points (468, 3) in mm as landmarks (478, 3); irises at the origin of the picture.

    The landmarker sees a square cut out around the face, and nothing of the camera: depth is that
    along the ray to the face.
    """
    found = np.zeros((478, 3), np.float32)
    middle = canonical_face().weights @ points
    pixels = focal * points[:, :2] / points[:, 2:] + np.array(SIZE) / 2
    depth = focal / middle[2] * (points - middle) @ (middle / np.linalg.norm(middle))
    found[:468] = np.column_stack([pixels / SIZE, depth / SIZE[0]])
    return found


def write_faces(path, faces, *, detected=None, **arrays):
    """Write a trajectory shard of landmarks (T, 478, 3), 25 frames a second."""
    found = np.ones(len(faces), bool) if detected is None else detected
    size = {"width": SIZE[0], "height": SIZE[1]}
    return write_track_shard(path, found, arrays={"landmarks": np.array(faces), **arrays}, **size)
