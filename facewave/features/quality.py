"""Quality of a clip: figures of its trajectory, and whether it is good enough to train on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facewave.features.clock import Clock, seen_steps


@dataclass(frozen=True)
class QualityOptions:
    """Thresholds of a valid clip (config section `quality`); None: not a condition.

    Attributes:
        min_detected_frames: fewest frames with the face.
        min_detection_ratio: smallest fraction of the frames that has the face; with `trim_ends` of
            those from the first to the last with the face.
        max_gap_frames: most steps in a row without the face, at the ends as well; holes in time
            count as frames.
        min_decoded_ratio: smallest fraction of the announced frames that can be decoded.
        trim_ends: whether a clip starts with its first frame that shows a face and ends with its
            last: only these frames are coded, and the detection ratio is theirs.
        min_coverage: smallest fraction of all frames that has the face, trimmed ends included.
        max_gap_seconds: longest time without the face, as `max_gap_frames`.
        max_changes, max_cuts: see `Quality`.
    """

    min_detected_frames: int = 10
    min_detection_ratio: float = 0.9
    max_gap_frames: int | None = 30
    min_decoded_ratio: float = 0.9
    trim_ends: bool = False
    min_coverage: float | None = None
    max_gap_seconds: float | None = None
    max_changes: int | None = None
    max_cuts: int | None = None


@dataclass(frozen=True)
class Quality:
    """Quality of one clip.

    Attributes:
        valid: whether it may be trained on.
        reason: why it may not; empty if it may.
        frames, detected: frames decoded, and those of them with the primary face.
        coverage: detected / frames, 0 to 1.
        detection_ratio: the same; with `trim_ends` over the frames from the first to the last with
            the face.
        longest_gap: steps of the even clock in the longest run without the face, ends included: in
            a clip with equal intervals frames, while holes in time count as well.
        longest_gap_seconds: the longest time without the face, ends included.
        trimmed_start, trimmed_end: seconds that `trim_ends` cuts off.
        changes: how often the face becomes another one.
        cuts: how often the whole picture becomes another one.
        jitter: root mean square of the second difference of the nose tip's position, in units
            of the mean distance between the outer eye corners; NaN below three detected frames.
        mean_abs_yaw: mean absolute turn of the head to the side, degrees; NaN without a face.
    """

    valid: bool
    reason: str
    frames: int = 0
    detected: int = 0
    coverage: float = 0.0
    detection_ratio: float = 0.0
    longest_gap: int = 0
    longest_gap_seconds: float = 0.0
    trimmed_start: float = 0.0
    trimmed_end: float = 0.0
    changes: int = 0
    cuts: int = 0
    jitter: float = math.nan
    mean_abs_yaw: float = math.nan


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What tracking says of a clip, besides where the face was found.

    Attributes:
        announced, decoded: frames that the video stream holds (0: unknown), and those that could be
            decoded.
        error: why there is no trajectory; empty if there is one.
        unseen: why hardly any face was found, where a second look could tell.
        changes, cuts, jitter, mean_abs_yaw: see `Quality`.
    """

    announced: int
    decoded: int
    error: str = ""
    unseen: str = ""
    changes: int = 0
    cuts: int = 0
    jitter: float = math.nan
    mean_abs_yaw: float = math.nan


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


def mean_abs_yaw(pose: NDArray[np.float32]) -> float:
    """Return the mean absolute yaw in degrees of poses (T, 6); NaN without a face.

    Args:
        pose: see `facewave.features.alignment.head_pose`.
    """
    yaw = pose[:, 0][np.isfinite(pose[:, 0])].astype(np.float64)
    return float(np.mean(np.abs(yaw))) if len(yaw) else math.nan


def judge(
    detected: NDArray[np.bool_], observed: Observed, *, clock: Clock | None, options: QualityOptions
) -> Quality:
    """Decide whether a clip is valid.

    Args:
        detected: bool (T,), frames with the primary face.
        observed: what else is known.
        clock: of the T frames; None if there are none.
        options: thresholds.
    """
    frames, found = len(detected), int(np.count_nonzero(detected))
    span = face_span(detected) if options.trim_ends and found else slice(0, frames)
    kept = span.stop - span.start
    before, after = _trimmed(span, clock)
    quality = Quality(
        valid=False,
        reason=observed.error,
        frames=frames,
        detected=found,
        coverage=found / frames if frames else 0.0,
        detection_ratio=found / kept if kept else 0.0,
        longest_gap=0 if clock is None else longest_gap(seen_steps(detected, clock)),
        longest_gap_seconds=0.0 if clock is None else _gap_seconds(detected, clock),
        trimmed_start=before,
        trimmed_end=after,
        changes=observed.changes,
        cuts=observed.cuts,
        jitter=observed.jitter,
        mean_abs_yaw=observed.mean_abs_yaw,
    )
    reason = observed.error or _reason(quality, kept, observed, options)
    if observed.changes and reason.startswith(("no face", "face in")):
        reason += "; another person takes the place of the one who is followed"
    return replace(quality, valid=not reason, reason=reason)


def _trimmed(span: slice, clock: Clock | None) -> tuple[float, float]:
    """Return how many seconds a range of frames leaves out before and after it."""
    if clock is None:
        return 0.0, 0.0
    first, last = clock.position[span.start], clock.position[span.stop - 1]
    return float(first * clock.step), float((clock.position[-1] - last) * clock.step)


def _gap_seconds(detected: NDArray[np.bool_], clock: Clock) -> float:
    """Return the longest time for which no frame with a face stands: each stands for one step."""
    edges = np.concatenate([[-1.0], clock.position[detected], [clock.position[-1] + 1]])
    return float(max(0.0, np.max(np.diff(edges)) - 1) * clock.step)


def _reason(quality: Quality, kept: int, observed: Observed, options: QualityOptions) -> str:
    """Return the first condition that a clip misses; empty if it meets all."""
    decoded, announced, found = observed.decoded, observed.announced, quality.detected
    # Divide, do not multiply: 0.55 * 100 is more than 55.
    if announced and decoded / announced < options.min_decoded_ratio:
        return f"truncated: {decoded} of {announced} announced frames can be decoded"
    if found == 0:
        seen = f": {observed.unseen}" if observed.unseen else ""
        return f"no face in any of {quality.frames} frames{seen}"
    if found < options.min_detected_frames:
        return f"face in {found} frames only, {options.min_detected_frames} are needed"
    if quality.detection_ratio < options.min_detection_ratio:
        return (
            f"face in {found} of {kept} frames ({quality.detection_ratio:.1%}), "
            f"{options.min_detection_ratio:.1%} are needed"
        )
    if options.min_coverage is not None and quality.coverage < options.min_coverage:
        return (
            f"face in {found} of all {quality.frames} frames ({quality.coverage:.1%}), "
            f"{options.min_coverage:.1%} are needed"
        )
    return _gap_reason(quality, options) or _change_reason(quality, options)


def _gap_reason(quality: Quality, options: QualityOptions) -> str:
    if options.max_gap_frames is not None and quality.longest_gap > options.max_gap_frames:
        return (
            f"no face for {quality.longest_gap} frames in a row, {options.max_gap_frames} are "
            "allowed"
        )
    # Times of a container are rounded to a millisecond.
    limit = options.max_gap_seconds
    if limit is not None and quality.longest_gap_seconds > limit + 0.001:
        return f"no face for {quality.longest_gap_seconds:.2f} seconds, {limit:g} are allowed"
    return ""


def _change_reason(quality: Quality, options: QualityOptions) -> str:
    if options.max_changes is not None and quality.changes > options.max_changes:
        return f"the face changes {quality.changes} times, {options.max_changes} are allowed"
    if options.max_cuts is not None and quality.cuts > options.max_cuts:
        return f"{quality.cuts} cuts, {options.max_cuts} are allowed"
    return ""
