"""How far eyes are open, and when they blink.

Reference:
- T. Soukupová and J. Čech, "Real-time eye blink detection using facial landmarks", Computer Vision
  Winter Workshop, 2016 (the eye aspect ratio).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Eyes are open in most frames: what this part of them stays below is how far they open.
_OPEN_QUANTILE = 0.75
# Below this part of that they are closed, if the blendshapes do not say otherwise.
_CLOSED = 0.6
_CLOSED_SCORE = 0.3
# Eyes that stay closed for longer do not blink, milliseconds.
_LONGEST_BLINK_MS = 500
# An opening of one frame between two closed ones is noise up to this time, milliseconds.
_NOISE_MS = 50


def eye_openness(points: NDArray[Any]) -> NDArray[np.float32]:
    """Return the eye aspect ratio: mean height of the opening over its width.

    Args:
        points: (T, 2, 6, d), around each eye as `facewave.face.point_sets.eye_points` has them, in
            a unit that is the same along all axes.

    Returns:
        float32 (T, 2); NaN where the face is missing or an eye has no width.
    """
    points = points.astype(np.float64)
    height = np.linalg.norm(points[:, :, [1, 2]] - points[:, :, [5, 4]], axis=-1).mean(axis=2)
    width = np.linalg.norm(points[:, :, 0] - points[:, :, 3], axis=-1)
    ratio = np.divide(height, width, out=np.full_like(height, np.nan), where=width > 0)
    return np.asarray(ratio, np.float32)


def count_blinks(
    times: NDArray[np.int64], openness: NDArray[Any], score: NDArray[Any] | None = None
) -> NDArray[np.int32]:
    """Return in which blink each frame is: 1 for the first, 2 for the second, 0 for none.

    Both eyes are closed for at most half a second; closed are eyes that are open by less than 60 %
    of what they usually are in this clip. Blendshapes, where there are any, must agree. Blinks
    that fall between two frames are not seen, and eyes that look down may be taken for closed.

    Args:
        times: int64 (T,), milliseconds.
        openness: (T, 2), of both eyes; NaN where the face is missing.
        score: (T,), mean of the blendshapes of the eyelids; None: not known.
    """
    blinks = np.zeros(len(times), np.int32)
    both = np.asarray(openness, np.float64).max(axis=1, initial=-np.inf)
    known = np.isfinite(both)
    if not known.any():
        return blinks
    usual = np.quantile(both[known], _OPEN_QUANTILE)
    closed = known & (np.where(known, both, np.inf) < _CLOSED * usual)
    if score is not None:
        closed &= np.nan_to_num(np.asarray(score, np.float64), nan=0.0) > _CLOSED_SCORE
    edges = np.flatnonzero(np.diff(np.concatenate([[0], closed.astype(np.int8), [0]])))
    runs = edges.reshape(-1, 2).tolist()
    joined: list[list[int]] = []
    for start, stop in runs:
        if joined and known[joined[-1][1] : start].all():
            open_ms = times[start] - times[joined[-1][1] - 1]
            if start - joined[-1][1] == 1 and open_ms <= 2 * _NOISE_MS:
                joined[-1][1] = stop
                continue
        joined.append([start, stop])
    number = 0
    for start, stop in joined:
        if times[stop - 1] - times[start] <= _LONGEST_BLINK_MS:
            number += 1
            blinks[start:stop] = number
    return blinks
