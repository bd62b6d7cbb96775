"""Quality of a clip: figures of its trajectory, and whether it is good enough to train on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Landmarks of the outer eye corners and the nose tip in MediaPipe's 478-point mesh.
RIGHT_EYE, LEFT_EYE, NOSE_TIP = 33, 263, 1


@dataclass(frozen=True)
class QualityOptions:
    """Thresholds of a valid clip (config section `quality`).

    Attributes:
        min_detected_frames: fewest frames with the face.
        min_detection_ratio: smallest fraction of the frames that has the face.
        max_gap_frames: most frames in a row without the face, at the ends as well.
        min_decoded_ratio: smallest fraction of the announced frames that can be decoded.
        trim_ends: whether a clip starts with its first frame that shows a face and ends with its
            last: only these frames are coded, and the detection ratio is theirs.
    """

    min_detected_frames: int = 10
    min_detection_ratio: float = 0.9
    max_gap_frames: int = 30
    min_decoded_ratio: float = 0.9
    trim_ends: bool = False


@dataclass(frozen=True)
class Quality:
    """Quality of one clip.

    Attributes:
        valid: whether it may be trained on.
        reason: why it may not; empty if it may.
        frames, detected: frames decoded (with `trim_ends`: what it leaves), and those of them with
            the primary face.
        detection_ratio: detected / frames, 0 to 1.
        longest_gap: length in frames of the longest run without the face, ends included.
        jitter: root mean square of the second difference of the nose tip's position, in units
            of the mean distance between the outer eye corners; NaN below three detected frames.
        mean_abs_yaw: mean absolute turn of the head to the side, degrees; NaN without a face.
    """

    valid: bool
    reason: str
    frames: int
    detected: int
    detection_ratio: float
    longest_gap: int
    jitter: float
    mean_abs_yaw: float


def face_span(detected: NDArray[np.bool_]) -> slice:
    """Return the range from the first frame with a face to the last; empty without any face."""
    known = np.flatnonzero(detected)
    return slice(int(known[0]), int(known[-1]) + 1) if len(known) else slice(0, 0)


def longest_gap(detected: NDArray[np.bool_]) -> int:
    """Return the length in frames of the longest run of False in `detected` (T,)."""
    edges = np.flatnonzero(np.concatenate([[True], detected, [True]]))
    return int(np.max(np.diff(edges)) - 1)


def jitter(points: NDArray[np.float32], *, aspect: float) -> float:
    """Return the jitter of a trajectory (see `Quality.jitter`).

    Args:
        points: float32 (T, 3, 2), normalised x, y of right eye, left eye, nose tip; NaN where
            the face is missing.
        aspect: image width / height, because x and y are normalised by different lengths.
    """
    scaled = points.astype(np.float64) * [aspect, 1.0]
    second = np.diff(scaled[:, 2], n=2, axis=0)
    squares = np.sum(second**2, axis=1)
    squares = squares[np.isfinite(squares)]
    eyes = np.linalg.norm(scaled[:, 0] - scaled[:, 1], axis=1)
    eyes = eyes[np.isfinite(eyes)]
    if not len(squares) or not len(eyes) or np.mean(eyes) == 0.0:
        return math.nan
    return float(np.sqrt(np.mean(squares)) / np.mean(eyes))


def mean_abs_yaw(transform: NDArray[np.float32]) -> float:
    """Return the mean absolute yaw in degrees of transforms (T, 4, 4); NaN without a face."""
    forward = transform[np.isfinite(transform[:, 0, 0]), :3, 2].astype(np.float64)
    if not len(forward):
        return math.nan
    return float(np.mean(np.abs(np.degrees(np.arctan2(forward[:, 0], forward[:, 2])))))


def judge(
    detected: NDArray[np.bool_],
    *,
    announced: int,
    decoded: int,
    jitter: float,
    mean_abs_yaw: float,
    error: str,
    options: QualityOptions,
) -> Quality:
    """Decide whether a clip is valid.

    Args:
        detected: bool (T,), frames with the primary face.
        announced, decoded: frames that the video stream holds in the span of the clip, and those
            of them that could be decoded.
        jitter, mean_abs_yaw: as in `Quality`.
        error: why tracking gave no trajectory; empty if it did.
        options: thresholds.
    """
    found = int(np.count_nonzero(detected))
    kept = detected[face_span(detected)] if options.trim_ends and found else detected
    frames, gap = len(kept), longest_gap(detected)
    return Quality(
        valid=not (reason := error or _reason(decoded, frames, found, gap, announced, options)),
        reason=reason,
        frames=len(detected),
        detected=found,
        detection_ratio=found / frames if frames else 0.0,
        longest_gap=gap,
        jitter=jitter,
        mean_abs_yaw=mean_abs_yaw,
    )


def _reason(
    decoded: int, frames: int, found: int, gap: int, announced: int, options: QualityOptions
) -> str:
    # Divide, do not multiply: 0.55 * 100 is more than 55.
    if announced and decoded / announced < options.min_decoded_ratio:
        return f"truncated: {decoded} of {announced} announced frames can be decoded"
    if found == 0:
        return f"no face in any of {frames} frames"
    if found < options.min_detected_frames:
        return f"face in {found} frames only, {options.min_detected_frames} are needed"
    if found / frames < options.min_detection_ratio:
        return (
            f"face in {found} of {frames} frames ({found / frames:.1%}), "
            f"{options.min_detection_ratio:.1%} are needed"
        )
    if gap > options.max_gap_frames:
        return f"no face for {gap} frames in a row, {options.max_gap_frames} are allowed"
    return ""
