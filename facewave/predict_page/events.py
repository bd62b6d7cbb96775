"""Moments to jump to, found in a trajectory by rules that are stated here.

A value makes an **episode** from where it reaches `on` until it falls below `off` or the face is
lost; episodes shorter than `LEAST_MS` are left out.

- smile: mean of mouthSmileLeft and mouthSmileRight, from 0.35, until below 0.2. The event is the
  moment of the episode's largest value; the largest of all is the strongest smile.
- surprise: how far brows (mean of browInnerUp, browOuterUpLeft, browOuterUpRight) and upper lids
  (mean of eyeWideLeft, eyeWideRight) are above their own medians in this video, added up; from 0.2,
  until below 0.1. The event is the onset: the first moment from which the value stays at 0.1 or
  more up to the episode.
- face lost: the followed face was found before, and is not found for 500 ms or more, or not any
  more. The event is the first moment without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.face.blendshapes import BLENDSHAPES

LEAST_MS = 200
LOST_MS = 500
SMILE = (0.35, 0.2)
SURPRISE = (0.2, 0.1)
# Of each kind the largest ones: a list that nobody reads to its end helps nobody.
MOST = 50

_SMILE = ("mouthSmileLeft", "mouthSmileRight")
_BROWS = ("browInnerUp", "browOuterUpLeft", "browOuterUpRight")
_LIDS = ("eyeWideLeft", "eyeWideRight")


@dataclass(frozen=True, kw_only=True)
class Event:
    """A moment to jump to.

    Attributes:
        ms: time since the first frame of the video.
        kind: `smile`, `surprise` or `lost`.
        size: what makes one larger than another of its kind: a value, or of `lost` its length in
            seconds.
        text: in words.
    """

    ms: int
    kind: str
    size: float
    text: str


def find_events(
    times: NDArray[np.int64], detected: NDArray[np.bool_], shapes: NDArray[Any] | None
) -> list[Event]:
    """Return the events of a video in the order of their times.

    Args:
        times: int64 (T,), milliseconds, increasing.
        detected: bool (T,), whether the followed face was found.
        shapes: (T, 52), blendshapes; NaN where the face was not found. None: not known.
    """
    events = lost_faces(times, detected)
    if shapes is not None and detected.any():
        smile = _mean(shapes, _SMILE)
        events += smiles(times, smile)
        lift = _above_median(_mean(shapes, _BROWS)) + _above_median(_mean(shapes, _LIDS))
        events += surprises(times, lift)
    return sorted(events, key=lambda event: (event.ms, event.kind))


def smiles(times: NDArray[np.int64], value: NDArray[np.float64]) -> list[Event]:
    """Return the smiles in a value over time, (T,), NaN without a face; see the module."""
    peaks = []
    for start, stop in episodes(times, value, on=SMILE[0], off=SMILE[1]):
        top = start + int(np.argmax(value[start:stop]))
        peaks.append((int(times[top]), float(value[top])))
    peaks = _largest(peaks)
    strongest = max((size for _, size in peaks), default=0.0)
    events = []
    for ms, size in peaks:
        name = "strongest smile" if size == strongest else "smile"
        strongest = np.inf if size == strongest else strongest  # the first one, if several are
        events.append(Event(ms=ms, kind="smile", size=size, text=f"{name} ({size:.2f})"))
    return events


def surprises(times: NDArray[np.int64], lift: NDArray[np.float64]) -> list[Event]:
    """Return the onsets of surprise in a value over time, (T,), NaN without a face."""
    found = []
    for start, stop in episodes(times, lift, on=SURPRISE[0], off=SURPRISE[1]):
        onset = start
        while onset > 0 and lift[onset - 1] >= SURPRISE[1]:
            onset -= 1
        found.append((int(times[onset]), float(lift[start:stop].max())))
    return [
        Event(ms=ms, kind="surprise", size=size, text=f"brows go up, as in surprise (+{size:.2f})")
        for ms, size in _largest(found)
    ]


def lost_faces(times: NDArray[np.int64], detected: NDArray[np.bool_]) -> list[Event]:
    """Return when the followed face was lost; a face that is not there yet is not lost."""
    found = []
    seen = np.flatnonzero(detected)
    for start, stop in zip(*_runs(~detected), strict=True):
        if not len(seen) or start < seen[0]:
            continue
        at_end = stop == len(times)
        length = int(times[stop - 1 if at_end else stop] - times[start])
        if at_end or length >= LOST_MS:
            found.append((int(times[start]), length / 1000, at_end))
    found = sorted(sorted(found, key=lambda each: -each[1])[:MOST])
    return [
        Event(
            ms=ms,
            kind="lost",
            size=length,
            text="face lost until the end" if at_end else f"face lost for {length:.1f} s",
        )
        for ms, length, at_end in found
    ]


def episodes(
    times: NDArray[np.int64], value: NDArray[np.float64], *, on: float, off: float
) -> list[tuple[int, int]]:
    """Return the episodes of a value, as indexes of first frame and of the one after the last.

    Args:
        times: int64 (T,), milliseconds.
        value: (T,); NaN where the face is missing.
        on: an episode begins where the value is this large ...
        off: ... and ends where it is smaller than this.
    """
    found = []
    for start, stop in zip(*_runs(value >= off), strict=True):
        above = np.flatnonzero(value[start:stop] >= on)
        if not len(above):
            continue
        first = start + int(above[0])
        last_ms = times[stop - 1] if stop == len(times) else times[stop]
        if last_ms - times[first] >= LEAST_MS:
            found.append((first, stop))
    return found


def _runs(mask: NDArray[np.bool_]) -> tuple[list[int], list[int]]:
    """Return where runs of true values begin, and where they have ended."""
    edges = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    return np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist()


def _mean(shapes: NDArray[Any], names: tuple[str, ...]) -> NDArray[np.float64]:
    columns = [BLENDSHAPES.index(name) for name in names]
    return np.asarray(shapes[:, columns].mean(axis=1), np.float64)


def _above_median(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(value - np.nanmedian(value), np.float64)


def _largest(found: list[tuple[int, float]]) -> list[tuple[int, float]]:
    return sorted(sorted(found, key=lambda each: -each[1])[:MOST])
