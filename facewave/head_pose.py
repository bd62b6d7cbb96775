"""Where the head is and where it looks, as trajectories of their own."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# The trajectories: degrees, then centimetres in the camera's axes (x right, y up, z to the viewer).
POSE_NAMES = ("yaw", "pitch", "roll", "x", "y", "z")


def head_pose(transform: NDArray[Any]) -> NDArray[np.float32]:
    """Split facial transformation matrices into angles and position.

    The rotation is R = Ry(yaw) Rx(pitch) Rz(roll): at yaw 90 the face looks along the camera's x
    axis, at positive pitch it looks down, at positive roll it leans to its own right.

    Args:
        transform: (T, 4, 4), canonical face to camera; NaN where the face is missing.

    Returns:
        float32 (T, 6) in the order of `POSE_NAMES`, angles within ±180 (pitch ±90) degrees.
    """
    matrix = transform.astype(np.float64)
    yaw = np.arctan2(matrix[:, 0, 2], matrix[:, 2, 2])
    pitch = np.arcsin(np.clip(-matrix[:, 1, 2], -1, 1))
    roll = np.arctan2(matrix[:, 1, 0], matrix[:, 1, 1])
    angles = np.degrees(np.column_stack([yaw, pitch, roll]))
    return np.concatenate([angles, matrix[:, :3, 3]], axis=1).astype(np.float32)
