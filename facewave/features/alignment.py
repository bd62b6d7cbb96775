"""Alignment: remove position, size and rotation of the head from landmarks, frame by frame.

Landmarks come in normalised image coordinates, in which x and y have different units; they are
first brought to one unit. Then each frame gets a similarity transform, fitted to the weighted
vertices of the canonical face; or, with `transform`, MediaPipe's own mapping from the screen to the
canonical face, the one that its facial transformation matrices come from.

Fitting and applying are separate: the transforms of a long clip are a few numbers per frame, with
which any group of its landmarks can be aligned without the others in memory.

References:
- S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
  IEEE Transactions on Pattern Analysis and Machine Intelligence 13(4), 1991.
- MediaPipe, `tasks/cc/vision/face_geometry/libs/geometry_pipeline.cc` (steps of `transform`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.face.canonical_mesh import N_VERTICES, canonical_face

METHODS = ("none", "similarity", "procrustes", "transform")

# MediaPipe's virtual camera: vertical field of view; the near plane is at distance 1.
_FIELD_OF_VIEW = math.radians(63.0)

# A face whose points all coincide has scale 0, which nothing can be divided by.
_LEAST_SCALE = 1e-12
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Alignment:
    """The transforms of T frames; NaN where the face is missing.

    Attributes:
        method: one of `METHODS` except `none`.
        size: width and height of the image, pixels.
        matrix: float64 (T, 3, 3), scaled rotation.
        shift: float64 (T, 3), centimetres.
        depth: float64 (T, 2), offset and scale of the depth with `transform`, else (T, 0).
    """

    method: str
    size: tuple[int, int]
    matrix: Array
    shift: Array
    depth: Array

    def __call__(self, landmarks: NDArray[Any]) -> NDArray[np.float32]:
        """Align any of the landmarks of all T frames.

        Args:
            landmarks: (T, m, 3), normalised image coordinates. Not modified.

        Returns:
            float32 (T, m, 3), centimetres in the axes of the canonical face.
        """
        points = _to_points(landmarks, self.method, self.size)
        if self.method == "transform":
            points = _unproject(points, self.depth)
        # Three products in place of a matrix product: BLAS may round differently for other shapes,
        # and the result must not depend on how the columns were grouped.
        turned = sum(
            points[:, :, axis, np.newaxis] * self.matrix[:, np.newaxis, :, axis]
            for axis in range(3)
        )
        aligned: NDArray[np.float32] = (turned + self.shift[:, np.newaxis]).astype(np.float32)
        return aligned

    def of_frames(self, rows: slice) -> Alignment:
        """Return the alignment of a range of frames."""
        return Alignment(
            self.method, self.size, self.matrix[rows], self.shift[rows], self.depth[rows]
        )


def fit_alignment(landmarks: NDArray[Any], *, method: str, width: int, height: int) -> Alignment:
    """Find the transform of each frame.

    - ``"similarity"``: in the image plane only (translation, rotation, scale); depth gets the same
      scale and is measured from the mean depth of the weighted vertices.
    - ``"procrustes"``: translation, rotation and scale in three dimensions, of the landmarks in
      pixels: as if the camera were far away.
    - ``"transform"``: MediaPipe's method: depth is estimated for its virtual camera (63 degrees),
      so that perspective is removed as well.

    Args:
        landmarks: (T, 478, 3), normalised image coordinates; NaN where the face is missing.
        method: one of `METHODS` except `none`.
        width, height: of the image, pixels.

    Raises:
        ValueError: the method is unknown, or width or height is less than 1.
    """
    if method not in METHODS or method == "none":
        raise ValueError(f"align: expected one of {', '.join(METHODS[1:])}, got {method!r}")
    if width < 1 or height < 1:
        raise ValueError(f"expected an image of at least 1 x 1 pixels, got {width} x {height}")
    frames = len(landmarks)
    matrix, shift = np.full((frames, 3, 3), np.nan), np.full((frames, 3), np.nan)
    depth = np.full((frames, 2 if method == "transform" else 0), np.nan)
    seen = np.isfinite(landmarks).all(axis=(1, 2))
    if seen.any():
        points = _to_points(landmarks[seen, :N_VERTICES], method, (width, height))
        if method == "transform":
            depth[seen] = _depth(points)
            points = _unproject(points, depth[seen])
        fit = _fit_plane if method == "similarity" else _fit
        matrix[seen], shift[seen] = fit(points[:, canonical_face().basis])
    return Alignment(method, (width, height), matrix, shift, depth)


def join_alignments(parts: Sequence[Alignment]) -> Alignment:
    """Join the alignments of consecutive chunks of frames, at least one."""
    return Alignment(
        parts[0].method,
        parts[0].size,
        np.concatenate([part.matrix for part in parts]),
        np.concatenate([part.shift for part in parts]),
        np.concatenate([part.depth for part in parts]),
    )


def _to_points(landmarks: NDArray[Any], method: str, size: tuple[int, int]) -> Array:
    """Return landmarks in one unit: pixels, or with `transform` on the near plane."""
    width, height = size
    points = landmarks.astype(np.float64)
    if method != "transform":
        # y up and z towards the viewer, as in the canonical face.
        return points * [width, -height, -width]
    high = 2 * math.tan(_FIELD_OF_VIEW / 2)
    wide = high * width / height
    return (points - [0.5, 0.5, 0.0]) * [wide, -high, wide]


def _depth(points: Array) -> Array:
    """Return offset and scale of the depth, (T, 2), from 468 points on the near plane."""
    basis = canonical_face().basis
    offset = points[:, :, 2].mean(axis=1)
    # In two steps: first with the depth as it is, then with x and y unprojected by that scale.
    first = _scale(points[:, basis] * [1, 1, -1])
    depth = np.stack([offset, first], axis=1)
    depth[:, 1] *= _scale(_unproject(points[:, basis], depth))
    return depth


def _unproject(points: Array, depth: Array) -> Array:
    distance = (points[:, :, 2] - depth[:, :1] + 1) / depth[:, 1:]
    return np.stack([points[:, :, 0] * distance, points[:, :, 1] * distance, -distance], axis=2)


def _scale(points: Array) -> Array:
    """Return the scale (T,) from the canonical face to basis points (T, 33, 3)."""
    face = canonical_face()
    weights = face.weights[face.basis]
    source, target = _centred(face.points[face.basis], weights), _centred(points, weights)
    _, gain = _rotation(np.einsum("n,tni,nj->tij", weights, target, source))
    scale: Array = gain / (weights @ np.sum(source**2, axis=1))
    return np.maximum(scale, _LEAST_SCALE)


def _fit(points: Array) -> tuple[Array, Array]:
    """Fit basis points (T, 33, d) to the canonical face; returns (T, d, d) and (T, d).

    The rotation is the same in either direction. The scale is that from the canonical face to the
    points, inverted, as in MediaPipe: fitted the other way round, noise would shrink the face.
    """
    face = canonical_face()
    weights = face.weights[face.basis]
    target = face.points[face.basis, : points.shape[2]]
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


def _fit_plane(points: Array) -> tuple[Array, Array]:
    plane, shift = _fit(points[:, :, :2])
    scale = np.hypot(plane[:, 0, 0], plane[:, 1, 0])
    matrix = np.zeros((len(points), 3, 3))
    matrix[:, :2, :2], matrix[:, 2, 2] = plane, scale
    face = canonical_face()
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


def head_pose(transform: NDArray[Any]) -> NDArray[np.float32]:
    """Split facial transformation matrices into angles and position.

    The rotation is R = Ry(yaw) Rx(pitch) Rz(roll): with a yaw of 90 the face looks along the
    camera's x axis, with a positive pitch down, with a positive roll it leans to its own right.

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
