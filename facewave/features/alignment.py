"""Alignment: remove position, size and rotation of the head from landmarks, frame by frame.

Landmarks come in normalised image coordinates. They are first brought to one unit, pixels; then
each frame gets a similarity transform, fitted to the weighted points of the canonical face: of
MediaPipe's mesh or of another set of points (`facewave.face.point_sets`). With `transform` the
perspective of a near camera is removed before.

Nothing here may depend on the picture around the face, its shape, its bars or how the camera was
held. Two things would:

- MediaPipe cuts a square out of the picture, turned as the head is, and gives depth on the scale
  of the square's upper edge as measured in normalised coordinates. Of a square of side s at an
  angle r in a picture of w x h pixels that is s/w sqrt(cos² r + sin² r (w/h)²): on the scale of x
  for an upright head or a square picture only. The angle is that of the line between the outer
  corners of the eyes.
- MediaPipe's facial transformation takes the picture for 63 degrees high, with the camera's axis
  in its centre: bars change what perspective is removed. Here the camera looks at the face.

Fitting and applying are separate: the transforms of a long clip are a few numbers per frame, with
which any group of its landmarks can be aligned without the others in memory.

References:
- S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
  IEEE Transactions on Pattern Analysis and Machine Intelligence 13(4), 1991.
- MediaPipe, `calculators/util/landmark_projection_calculator.cc` (scale of the depth) and
  `tasks/cc/vision/face_geometry/libs/geometry_pipeline.cc` (facial transformation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.face.channels import VIDEO, Channels
from facewave.face.point_sets import PointSet, point_set

METHODS = ("none", "similarity", "procrustes", "transform")

# Distance of the camera from the face with `transform`, centimetres. What MediaPipe estimates for
# ordinary recordings (28 to 36 in 120 clips of speakers), and where the aligned shape depends least
# on the turn of the head: 20 % of its variance, against 25 % without perspective.
_DISTANCE = 30.0

# Focal length of the camera that the head's place is measured with, in longer sides of the picture.
_FOCAL_LENGTH = 0.6

# A face whose points all coincide has scale 0, which nothing can be divided by.
_LEAST_SCALE = 1e-12
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Alignment:
    """The transforms of T frames; NaN where the face is missing.

    Attributes:
        method: one of `METHODS` except `none`.
        size: width and height of the image, pixels.
        depth_scale: float64 (T,), what z is divided by to have the scale of x.
        camera: float64 (T, 4), the point looked at in pixels (y up, z towards the viewer) and the
            distance from it in pixels with `transform`, else (T, 0).
        matrix: float64 (T, d, d), scaled rotation, of points in d = 2 or 3 dimensions.
        shift: float64 (T, d), centimetres.
    """

    method: str
    size: tuple[int, int]
    depth_scale: Array
    camera: Array
    matrix: Array
    shift: Array

    def __call__(self, landmarks: NDArray[Any]) -> NDArray[np.float32]:
        """Align any of the landmarks of all T frames.

        Args:
            landmarks: (T, m, d), normalised image coordinates. Not modified.

        Returns:
            float32 (T, m, d), centimetres in the axes of the canonical face.
        """
        points = _in_pixels(landmarks, self.size, self.depth_scale)
        if self.method == "transform":
            points = _without_perspective(points, self.camera)
        # Three products in place of a matrix product: BLAS may round differently for other shapes,
        # and the result must not depend on how the columns were grouped.
        turned = points[:, :, 0, np.newaxis] * self.matrix[:, np.newaxis, :, 0]
        for axis in range(1, points.shape[2]):
            turned += points[:, :, axis, np.newaxis] * self.matrix[:, np.newaxis, :, axis]
        turned += self.shift[:, np.newaxis]
        aligned: NDArray[np.float32] = turned.astype(np.float32)
        return aligned

    def of_frames(self, rows: slice) -> Alignment:
        """Return the alignment of a range of frames."""
        return Alignment(
            self.method,
            self.size,
            self.depth_scale[rows],
            self.camera[rows],
            self.matrix[rows],
            self.shift[rows],
        )


def check_method(method: str, channels: Channels) -> None:
    """Refuse a method that needs more than the landmarks have.

    Raises:
        ValueError: the method is unknown, or the points lack depth or are not MediaPipe's.
    """
    if method not in METHODS:
        raise ValueError(f"features.align: expected one of {', '.join(METHODS)}, got {method!r}")
    flat, own = channels.dimensions == 2, channels.points.startswith("mediapipe")
    if (flat and method in ("procrustes", "transform")) or (method == "transform" and not own):
        able = "similarity" if flat else "similarity or procrustes"
        raise ValueError(
            f"features.align: {method} does not suit points of {channels}; set it to {able}"
        )


def fit_alignment(
    landmarks: NDArray[Any],
    *,
    method: str,
    width: int,
    height: int,
    channels: Channels = VIDEO,
) -> Alignment:
    """Find the transform of each frame.

    - ``"similarity"``: in the image plane only (translation, rotation, scale); depth gets the same
      scale and is measured from the mean depth of the weighted vertices.
    - ``"procrustes"``: translation, rotation and scale in three dimensions: as if the camera were
      far away.
    - ``"transform"``: the same after undoing the perspective of a camera that looks at the face
      from 30 cm away.

    Args:
        landmarks: (T, N, d), normalised image coordinates; NaN where the face is missing.
        method: one of `METHODS` except `none`.
        width, height: of the image, pixels; 1 and 1 where the landmarks are in one unit already.
        channels: which set the points are of.

    Raises:
        ValueError: the method is unknown or does not suit the points, or width or height is less
            than 1.
    """
    check_method(method, channels)
    if method == "none":
        raise ValueError(f"align: expected one of {', '.join(METHODS[1:])}, got {method!r}")
    if width < 1 or height < 1:
        raise ValueError(f"expected an image of at least 1 x 1 pixels, got {width} x {height}")
    face = point_set(channels.points)
    frames, _, axes = landmarks.shape
    matrix, shift = np.full((frames, axes, axes), np.nan), np.full((frames, axes), np.nan)
    camera = np.full((frames, 4 if method == "transform" else 0), np.nan)
    depth_scale = _depth_scale(landmarks, face, (width, height))
    seen = np.isfinite(landmarks).all(axis=(1, 2))
    if seen.any():
        points = landmarks[seen][:, face.basis]
        basis = _in_pixels(points, (width, height), depth_scale[seen])
        if method == "transform":
            camera[seen] = _camera(basis, face)
            basis = _without_perspective(basis, camera[seen])
        fit = _fit_plane if method == "similarity" else _fit
        matrix[seen], shift[seen] = fit(basis, face)
    return Alignment(method, (width, height), depth_scale, camera, matrix, shift)


def join_alignments(parts: Sequence[Alignment]) -> Alignment:
    """Join the alignments of consecutive chunks of frames, at least one."""
    return Alignment(
        parts[0].method,
        parts[0].size,
        np.concatenate([part.depth_scale for part in parts]),
        np.concatenate([part.camera for part in parts]),
        np.concatenate([part.matrix for part in parts]),
        np.concatenate([part.shift for part in parts]),
    )


def _depth_scale(landmarks: NDArray[Any], face: PointSet, size: tuple[int, int]) -> Array:
    """Return how much longer z is than x in each frame, (T,); see the top of this file."""
    width, height = size
    eyes = landmarks[:, face.left_eye, :2].astype(np.float64) - landmarks[:, face.right_eye, :2]
    across, down = eyes[:, 0] * width, eyes[:, 1] * height
    length = np.hypot(across, down)
    # Eyes that coincide have no direction: upright.
    upright = length < _LEAST_SCALE
    length = np.where(upright, 1.0, length)
    cosine, sine = np.where(upright, 1.0, across / length), down / length
    scale: Array = np.hypot(cosine, sine * width / height)
    return scale


def _in_pixels(landmarks: NDArray[Any], size: tuple[int, int], depth_scale: Array) -> Array:
    """Return landmarks in pixels, y up and z towards the viewer, as in the canonical face."""
    width, height = size
    sides = [width, -height, -width][: landmarks.shape[2]]
    points: Array = np.multiply(landmarks, sides, dtype=np.float64)
    points[:, :, 2:] /= depth_scale[:, np.newaxis, np.newaxis]
    return points


def _camera(basis: Array, face: PointSet) -> Array:
    """Return the camera (T, 4) that looks at basis points (T, b, 3) in pixels."""
    weights = face.weights[face.basis]
    source, target = _centred(face.canonical[face.basis], weights), _centred(basis, weights)
    _, gain = _rotation(np.einsum("n,tni,nj->tij", weights, target, source))
    scale = np.maximum(gain / (weights @ np.sum(source**2, axis=1)), _LEAST_SCALE)
    return np.column_stack([np.einsum("n,tni->ti", weights, basis), _DISTANCE * scale])


def _without_perspective(points: Array, camera: Array) -> Array:
    """Return points (T, m, 3) as offsets from the point looked at, without perspective."""
    offsets = points - camera[:, np.newaxis, :3]
    # What is nearer to the camera looks larger than it is.
    offsets[:, :, :2] *= 1 - offsets[:, :, 2:] / camera[:, np.newaxis, 3:]
    return offsets


def _fit(points: Array, face: PointSet) -> tuple[Array, Array]:
    """Fit basis points (T, b, d) to the canonical face; returns (T, d, d) and (T, d).

    The rotation is the same in either direction. The scale is that from the canonical face to the
    points, inverted, as in MediaPipe: fitted the other way round, noise would shrink the face.
    """
    weights = face.weights[face.basis]
    target = face.canonical[face.basis, : points.shape[2]]
    centre, goal = np.einsum("n,tni->ti", weights, points), weights @ target
    middle = target - goal
    turn, gain = _rotation(
        np.einsum("n,tni,nj->tij", weights, points - centre[:, np.newaxis], middle)
    )
    spread = weights @ np.sum(middle**2, axis=1)
    # Points that all coincide have no scale: they go to the centre of the canonical face.
    scale = np.divide(spread, gain, out=np.zeros_like(gain), where=gain > _LEAST_SCALE * spread)
    matrix = scale[:, np.newaxis, np.newaxis] * np.swapaxes(turn, 1, 2)
    return matrix, goal - np.einsum("tij,tj->ti", matrix, centre)


def _fit_plane(points: Array, face: PointSet) -> tuple[Array, Array]:
    plane, shift = _fit(points[:, :, :2], face)
    if points.shape[2] == 2:
        return plane, shift
    scale = np.hypot(plane[:, 0, 0], plane[:, 1, 0])
    matrix = np.zeros((len(points), 3, 3))
    matrix[:, :2, :2], matrix[:, 2, 2] = plane, scale
    depth = np.einsum("n,tn->t", face.weights[face.basis], points[:, :, 2])
    return matrix, np.column_stack([shift, -scale * depth])


def _rotation(covariance: Array) -> tuple[Array, Array]:
    """Return the rotations R (T, d, d) that maximise trace(Rᵀ covariance), and that trace (T,)."""
    left, values, right = np.linalg.svd(covariance)
    values[:, -1] *= (sign := np.sign(np.linalg.det(left @ right)))
    left[:, :, -1] *= sign[:, np.newaxis]
    return left @ right, values.sum(axis=1)


def _centred(points: Array, weights: Array) -> Array:
    mean: Array = np.einsum("n,...ni->...i", weights, points)
    return points - mean[..., np.newaxis, :]


# Degrees, then centimetres along the camera's axes (x right, y up, z towards the viewer).
POSE_NAMES = ("yaw", "pitch", "roll", "x", "y", "z")


def head_pose(alignment: Alignment) -> NDArray[np.float32]:
    """Return how the head is turned and where it is, from alignments with `transform`.

    The rotation is R = Rz(roll) Ry(yaw) Rx(pitch): with a yaw of 90 the face looks along the
    camera's x axis, with a positive pitch down, with a positive roll it leans to its own right. A
    camera that is held askew changes the roll alone.

    The place is that of the middle of the face before a camera that looks at the middle of the
    picture and sees 80 degrees along its longer side: bars and a quarter turn do not change it,
    unless they move the middle. How near people sit and where they lean says something about
    them, so it is not made relative to the clip. MediaPipe's own facial transformation takes the
    picture's height for 63 degrees: its angles and places change with the picture's shape and bars.

    Returns:
        float32 (T, 6) in the order of `POSE_NAMES`, angles within ±180 (yaw ±90) degrees; NaN
        where the face is missing.

    Raises:
        ValueError: the alignment was fitted with another method.
    """
    if alignment.method != "transform":
        raise ValueError(f"expected an alignment with 'transform', got {alignment.method!r}")
    # From the canonical face to the camera: the inverse of the fitted rotation.
    turn = np.swapaxes(alignment.matrix, 1, 2)
    size = np.maximum(np.linalg.norm(turn[:, :, 2], axis=1), _LEAST_SCALE)
    turn = turn / size[:, np.newaxis, np.newaxis]
    yaw = np.arcsin(np.clip(-turn[:, 2, 0], -1, 1))
    pitch = np.arctan2(turn[:, 2, 1], turn[:, 2, 2])
    roll = np.arctan2(turn[:, 1, 0], turn[:, 0, 0])
    angles = np.degrees(np.column_stack([yaw, pitch, roll]))
    width, height = alignment.size
    scale = alignment.camera[:, 3] / _DISTANCE
    offset = alignment.camera[:, :2] - np.array([width, -height]) / 2
    far = np.full(len(scale), -focal_length(alignment.size))
    place = np.column_stack([offset, far]) / scale[:, np.newaxis]
    return np.column_stack([angles, place]).astype(np.float32)


def focal_length(size: tuple[int, int]) -> float:
    """Return the focal length, pixels, of the camera that `head_pose` takes for granted."""
    return _FOCAL_LENGTH * max(size)
