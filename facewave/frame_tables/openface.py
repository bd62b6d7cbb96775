"""The columns that users of OpenFace 2 read, as far as they can honestly be filled.

Not from OpenFace, and so not the same numbers:

- `x_i`, `y_i`: the vertices of MediaPipe's mesh that lie nearest by anatomy to the 68 points
  (`facewave.face.point_sets.DLIB_VERTICES`). The jaw is a line on the skin, not the outline.
- `pose_T*` (mm), `pose_R*` (radians), `X_i`, `Y_i`, `Z_i` (mm): in the camera that OpenFace assumes
  where it is told of none (a focal length of 500 at 640 x 480), x to the right, y down, z away from
  the camera; the rotation is Rx Ry Rz. The head has the size of MediaPipe's canonical face, and its
  place is that of the middle of the face.
- `confidence` is `success`: the landmarker states no other.
- Action units are means of blendshapes, 0 to 1, and named so: their scale is not that of `AU12_r`.

Gaze is left out. Where the face is missing, cells are empty.

Reference:
- T. Baltrušaitis et al., "OpenFace 2.0: facial behavior analysis toolkit", FG 2018; its columns are
  described in the project's wiki, "Output Format".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.face.blendshapes import BLENDSHAPES, without_side
from facewave.face.channels import Channels
from facewave.face.point_sets import DLIB_VERTICES, point_set
from facewave.features.alignment import POSE_NAMES, focal_length
from facewave.frame_tables.measures import CHUNK, Measures
from facewave.frame_tables.plain import Columns, rows_of
from facewave.tracking.trajectory import Trajectory

# Action unit to the blendshape, without its side, that moves as it does.
ACTION_UNITS = {
    "AU01": "browInnerUp",
    "AU02": "browOuterUp",
    "AU04": "browDown",
    "AU05": "eyeWide",
    "AU06": "cheekSquint",
    "AU07": "eyeSquint",
    "AU09": "noseSneer",
    "AU10": "mouthUpperUp",
    "AU12": "mouthSmile",
    "AU14": "mouthDimple",
    "AU15": "mouthFrown",
    "AU17": "mouthShrugLower",
    "AU20": "mouthStretch",
    "AU26": "jawOpen",
    "AU45": "eyeBlink",
}
POSE_COLUMNS = ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz")
_MM_PER_CM = 10
# From axes with y up and z towards the viewer to those with y down and z away.
_FLIP = np.array([1.0, -1.0, -1.0])


def openface_columns(clip: Trajectory, measures: Measures) -> Iterator[Columns]:
    """Yield the columns of consecutive frames, at least one chunk, all with the same names.

    Raises:
        DamagedShardError: if the trajectory shard is damaged.
    """
    for start in range(0, max(len(clip), 1), CHUNK):
        frames = slice(start, min(start + CHUNK, len(clip)))
        found = clip.detected[frames].astype(np.int8)
        columns: Columns = {
            "frame": np.arange(frames.start + 1, frames.stop + 1, dtype=np.int32),
            "face_id": np.zeros(len(found), np.int8),
            "timestamp": clip.timestamp_ms[frames] / 1000,
            "confidence": found,
            "success": found,
        }
        points = rows_of(clip, "landmarks", frames)[:, _vertices(clip.channels)]
        space: Columns = {}
        if measures.pose is not None:
            size = (clip.width, clip.height)
            turn, place = camera_pose(measures.pose[frames], size)
            values = np.column_stack([place, _euler(turn)]).astype(np.float32)
            columns |= dict(zip(POSE_COLUMNS, values.T, strict=True))
            space = _in_space(points, clip, measures, frames, turn, place)
        pixels = points[:, :, :2].astype(np.float64) * [clip.width, clip.height]
        columns |= _by_axis(pixels, "xy") | space
        if clip.channels.blendshapes:
            columns |= _action_units(rows_of(clip, "blendshapes", frames))
        yield columns


def camera_pose(
    pose: NDArray[Any], size: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the rotation (T, 3, 3) and place (T, 3), mm, of the head in OpenFace's camera.

    Args:
        pose: (T, 6), see `facewave.features.alignment.head_pose`.
        size: width and height of the picture, pixels.
    """
    values = dict(zip(POSE_NAMES, pose.astype(np.float64).T, strict=True))
    yaw, pitch, roll = (np.radians(values[name]) for name in ("yaw", "pitch", "roll"))
    towards = _about(2, roll) @ _about(1, yaw) @ _about(0, pitch)
    width, height = size
    wanted = 500 * (width / 640 + height / 480) / 2
    place = pose[:, 3:].astype(np.float64) * _FLIP * _MM_PER_CM
    place[:, 2] *= wanted / focal_length(size)
    # The pose is seen along the ray to the face, OpenFace's along the camera's axis.
    turn = _from_axis(place) @ (towards * np.outer(_FLIP, _FLIP))
    return turn, place


def _about(axis: int, angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rotations (T, 3, 3) about an axis."""
    one, two = (axis + 1) % 3, (axis + 2) % 3
    turn = np.zeros((len(angle), 3, 3))
    turn[:, axis, axis] = 1
    turn[:, one, one] = turn[:, two, two] = np.cos(angle)
    turn[:, two, one] = np.sin(angle)
    turn[:, one, two] = -np.sin(angle)
    return turn


def _from_axis(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the shortest rotations (T, 3, 3) from the camera's axis to the rays to places."""
    ray = place / np.linalg.norm(place, axis=1, keepdims=True)
    x, y, z = ray.T
    turn = np.empty((len(place), 3, 3))
    turn[:, :, 2] = ray
    turn[:, 2, :2] = -ray[:, :2]
    turn[:, 0, 0], turn[:, 1, 1] = 1 - x * x / (1 + z), 1 - y * y / (1 + z)
    turn[:, 0, 1] = turn[:, 1, 0] = -x * y / (1 + z)
    return turn


def _euler(turn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the angles (T, 3), radians, of rotations Rx Ry Rz."""
    return np.column_stack(
        [
            np.arctan2(-turn[:, 1, 2], turn[:, 2, 2]),
            np.arcsin(np.clip(turn[:, 0, 2], -1, 1)),
            np.arctan2(-turn[:, 0, 1], turn[:, 0, 0]),
        ]
    )


def _vertices(channels: Channels) -> list[int]:
    return list(range(68)) if channels.points == "dlib_68" else list(DLIB_VERTICES)


def _in_space(
    points: NDArray[np.float32],
    clip: Trajectory,
    measures: Measures,
    frames: slice,
    turn: NDArray[np.float64],
    place: NDArray[np.float64],
) -> Columns:
    face = point_set(clip.channels.points)
    shape = np.full(points.shape, np.nan)
    if measures.alignment is not None:
        shape = measures.alignment.of_frames(frames)(points).astype(np.float64)
    middle = face.weights[face.basis] @ face.canonical[face.basis]
    offsets = (shape - middle) * _FLIP * _MM_PER_CM
    return _by_axis(np.einsum("tij,tnj->tni", turn, offsets) + place[:, np.newaxis], "XYZ")


def _by_axis(points: NDArray[np.float64], axes: str) -> Columns:
    names = [f"{axis}_{number}" for axis in axes for number in range(points.shape[1])]
    values = points.astype(np.float32).transpose(0, 2, 1).reshape(len(points), len(names))
    return dict(zip(names, values.T, strict=True))


def _action_units(blendshapes: NDArray[np.float32]) -> Columns:
    places = {
        unit: [i for i, name in enumerate(BLENDSHAPES) if without_side(name) == shape]
        for unit, shape in ACTION_UNITS.items()
    }
    return {
        f"{unit}_from_blendshapes": blendshapes[:, chosen].mean(axis=1)
        for unit, chosen in places.items()
    }
