"""Boxes around faces, as x0, y0, x1, y1 in normalised image coordinates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def face_boxes(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the boxes (n, 4) around landmarks (n, 478, 3)."""
    # Coordinates in rows first: numpy takes extremes along short strides many times slower.
    points = np.ascontiguousarray(landmarks[..., :2].transpose(0, 2, 1))
    boxes = np.empty((len(points), 4))
    np.minimum.reduce(points, axis=2, out=boxes[:, :2])
    np.maximum.reduce(points, axis=2, out=boxes[:, 2:])
    return boxes


def overlaps(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the intersection over union, 0 to 1, of boxes (n, 4) and (m, 4): (n, m)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0.0, None), axis=-1)
    areas = [np.prod(box[:, 2:] - box[:, :2], axis=-1) for box in (a, b)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    share = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0.0)
    return np.asarray(share, np.float64)


def overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the intersection over union of two boxes (4,), without the cost of arrays."""
    ax0, ay0, ax1, ay1 = a.tolist()
    bx0, by0, bx1, by1 = b.tolist()
    width, height = min(ax1, bx1) - max(ax0, bx0), min(ay1, by1) - max(ay0, by0)
    shared = max(width, 0.0) * max(height, 0.0)
    union = (ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - shared
    return float(shared / union) if union > 0.0 else 0.0


def centres(boxes: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the centres (..., 2) of boxes (..., 4)."""
    boxes = boxes.astype(np.float64, copy=False)
    return np.asarray((boxes[..., :2] + boxes[..., 2:]) / 2.0)


def grown(box: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """Return a box (4,) that is `factor` times as wide and high, about the same centre."""
    half = (box[2:] - box[:2]) * factor / 2.0
    return np.concatenate([centres(box) - half, centres(box) + half])
