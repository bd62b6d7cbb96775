"""Which clips a person should look at, and the numbers about all of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewave.report.clips import ReportClip

# Rows in the list of invalid clips; quality.csv has all of them.
MAX_ROWS = 500
# Kinds of reasons and notes that are counted.
MAX_KINDS = 20
# Rows in the list of valid clips that are worth a look, and how many of each kind.
MAX_ODD = 24
_ODD_OF_A_KIND = 5
# A clip whose jitter exceeds this many times the median stands out.
_JITTER_FACTOR = 3.0
# Seconds without the face at both ends together, from which on a clip stands out.
_TRIMMED_SECONDS = 0.5

_NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A quality number over all decoded clips.

    Attributes:
        values: of the clips for which it was measured.
        valid: bool, whether the clip is valid.
        quantiles: minimum, 5 %, median, 95 %, maximum; None if there is no value.
    """

    name: str
    unit: str
    meaning: str
    digits: int
    values: NDArray[np.float64]
    valid: NDArray[np.bool_]
    quantiles: tuple[float, ...] | None


@dataclass(frozen=True, kw_only=True)
class OddClip:
    """A valid clip that is worth a look, and why."""

    clip: ReportClip
    why: str


@dataclass(frozen=True, kw_only=True)
class Review:
    """The clips to review.

    Attributes:
        invalid: at most `MAX_ROWS`; clips that could be decoded first, then the rarest reasons.
        n_invalid: number of all invalid clips.
        reasons: kinds of reasons and their number of clips, the most frequent first.
        odd: valid clips worth a look.
    """

    invalid: list[ReportClip]
    n_invalid: int
    reasons: list[tuple[str, int]]
    odd: list[OddClip]


def kind_of(text: str) -> str:
    """Return a reason or note without its numbers, so that similar ones can be counted."""
    return _NUMBER.sub("…", text)


def review_clips(clips: Sequence[ReportClip]) -> Review:
    """Choose the clips to review; equal clips give an equal choice."""
    invalid = [clip for clip in clips if not clip.valid]
    counts = Counter(kind_of(clip.reason) for clip in invalid)
    # Rarest first: the limit must not hide one kind of failure because another is frequent.
    shown = sorted(invalid, key=lambda clip: _rarity(kind_of(clip.reason), counts))[:MAX_ROWS]
    return Review(
        invalid=sorted(shown, key=lambda clip: not clip.decoded),
        n_invalid=len(invalid),
        reasons=sorted(counts.items(), key=lambda item: (-item[1], item[0])),
        odd=_odd_clips([clip for clip in clips if clip.valid]),
    )


def summary_line(dataset: str, clips: Sequence[ReportClip]) -> str:
    """Return in a line how many clips of a dataset are valid, and why others are not."""
    review = review_clips(clips)
    line = f"{dataset}: {len(clips):,} clips, {len(clips) - review.n_invalid:,} valid"
    reasons = [f"{reason} ({count:,})" for reason, count in review.reasons[:MAX_KINDS]]
    rest = len(review.reasons) - len(reasons)
    if rest:
        reasons.append(f"{rest} rarer reasons")
    line += f", reasons: {'; '.join(reasons)}" if reasons else ""
    # Parts of reasons come from files: a terminal must not act on them.
    return "".join(letter if letter.isprintable() else "�" for letter in line)


def _rarity(kind: str, counts: Counter[str]) -> tuple[int, str]:
    return counts[kind], kind


def _odd_clips(valid: Sequence[ReportClip]) -> list[OddClip]:
    why: dict[str, list[str]] = {}

    def add(clips: Sequence[ReportClip], text: Callable[[ReportClip], str]) -> None:
        for clip in clips:
            why.setdefault(clip.clip_id, []).append(text(clip))

    # What may mean that a clip shows something else comes first: the list is limited.
    add(_most(valid, lambda c: c.changes), lambda c: f"changes of the face: {c.changes}")
    add(_most(valid, lambda c: c.cuts), lambda c: f"cuts: {c.cuts}")
    add(_noted(valid), lambda c: c.notes)
    add(
        _most(valid, lambda c: 1 - c.coverage),
        lambda c: f"face in {c.detected} of {c.frames} frames, among the fewest of the valid clips",
    )
    add(
        _most(valid, lambda c: c.trimmed_start + c.trimmed_end, above=_TRIMMED_SECONDS),
        lambda c: (
            f"no face in the first {c.trimmed_start:.1f} and the last {c.trimmed_end:.1f} seconds, "
            "which are cut off"
        ),
    )
    add(
        _shaky(valid),
        lambda c: f"jitter {100 * c.jitter:.1f} % of the eye distance, among the highest",
    )
    by_id = {clip.clip_id: clip for clip in valid if clip.clip_id in why}
    return [
        OddClip(clip=by_id[clip_id], why="; ".join(reasons)) for clip_id, reasons in why.items()
    ][:MAX_ODD]


def _most(
    clips: Sequence[ReportClip], size: Callable[[ReportClip], float], *, above: float = 0
) -> list[ReportClip]:
    """Return the few clips of which something is largest, and above a limit."""
    return sorted((clip for clip in clips if size(clip) > above), key=lambda c: -size(c))[
        :_ODD_OF_A_KIND
    ]


def _noted(valid: Sequence[ReportClip]) -> list[ReportClip]:
    """Return a few clips of every kind of note, the rarest kinds first."""
    counts = Counter(kind_of(clip.notes) for clip in valid if clip.notes)
    noted = sorted(
        (clip for clip in valid if clip.notes), key=lambda c: _rarity(kind_of(c.notes), counts)
    )
    taken: Counter[str] = Counter()
    few = []
    for clip in noted:
        kind = kind_of(clip.notes)
        if taken[kind] < _ODD_OF_A_KIND:
            taken[kind] += 1
            few.append(clip)
    return few


def _shaky(valid: Sequence[ReportClip]) -> list[ReportClip]:
    measured = [clip for clip in valid if np.isfinite(clip.jitter)]
    if not measured:
        return []
    limit = _JITTER_FACTOR * float(np.median([clip.jitter for clip in measured]))
    return _most(measured, lambda c: c.jitter, above=limit)


def note_counts(clips: Iterable[ReportClip]) -> list[tuple[str, int]]:
    """Return kinds of notes and their number of clips, the most frequent first."""
    counts = Counter(kind_of(clip.notes) for clip in clips if clip.notes)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def example_clips(clips: Sequence[ReportClip], *, count: int) -> list[ReportClip]:
    """Choose valid clips to show: of as many classes, then of as many subjects as possible."""
    chosen: list[ReportClip] = []
    labels: Counter[str] = Counter()
    subjects: Counter[str | None] = Counter()
    pool = [clip for clip in clips if clip.valid]
    while pool and len(chosen) < count:
        best = min(pool, key=lambda c: (labels[c.label], subjects[c.subject], -c.detection_ratio))
        chosen.append(best)
        pool.remove(best)
        labels[best.label] += 1
        subjects[best.subject] += 1
    return chosen


def measures(clips: Sequence[ReportClip], *, trimmed: bool = False) -> list[Measure]:
    """Return the distributions of the quality numbers over the clips that could be decoded.

    Args:
        clips: all clips.
        trimmed: whether only the frames from the first to the last with the face count.
    """
    counted = ", from the first to the last with the face," if trimmed else ""
    decoded = [clip for clip in clips if clip.decoded]
    valid = np.array([clip.valid for clip in decoded], bool)

    def measure(
        name: str, unit: str, meaning: str, digits: int, values: Iterable[float]
    ) -> Measure:
        array = np.array(list(values), float)
        known = np.isfinite(array)
        quantiles = np.quantile(array[known], [0, 0.05, 0.5, 0.95, 1]) if known.any() else None
        return Measure(
            name=name,
            unit=unit,
            meaning=meaning,
            digits=digits,
            values=array[known],
            valid=valid[known],
            quantiles=None if quantiles is None else tuple(map(float, quantiles)),
        )

    coverage = []
    if trimmed:
        coverage = [
            measure(
                "coverage",
                "%",
                "percentage of all frames in which the face was found",
                1,
                (100 * c.coverage for c in decoded),
            )
        ]
    return [
        measure("frames", "frames", "", 0, (c.frames for c in decoded)),
        measure(
            "detection",
            "%",
            f"percentage of the frames{counted} in which the face was found",
            1,
            (100 * c.detection_ratio for c in decoded),
        ),
        *coverage,
        measure(
            "longest gap",
            "frames",
            "longest run of frames without the face, holes in time included",
            0,
            (c.longest_gap for c in decoded),
        ),
        measure(
            "jitter",
            "% of eye distance",
            "trembling of the nose tip (root mean square of its second difference between frames)",
            2,
            (100 * c.jitter for c in decoded),
        ),
        measure(
            "yaw",
            "degrees",
            "mean absolute rotation of the head to the side",
            1,
            (c.mean_abs_yaw for c in decoded),
        ),
    ]
