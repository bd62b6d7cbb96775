"""The face that is followed in a whole video: a person's, or in each window that of its clip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from facewave.overlay.timeline import Timeline
from facewave.tracking.trajectory import Trajectory, open_trajectory, people_of


def video_rows(tracks: Iterable[Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    """Return one row of an index of trajectories per video: the first of its clips.

    Args:
        tracks: rows with `facewave.tracking.track_bucket.TRACK_COLUMNS`.
    """
    found: dict[str, Mapping[str, str]] = {}
    for row in tracks:
        clip = row["clip_id"]
        found.setdefault(clip.rpartition("__")[0] if row["end_ms"] else clip, row)
    return found


def followed_first(shard: Path, timelines: Sequence[Timeline]) -> list[Timeline]:
    """Return the timelines of a video's persons, first that of the person whom it follows.

    Raises:
        DamagedShardError: if the shard is damaged.
    """
    if len(timelines) < 2:
        return list(timelines)
    primary = {str(person.number) for person in people_of(shard) if person.primary}
    return sorted(timelines, key=lambda timeline: timeline.person not in primary)


def shown_name(person: str) -> str:
    """Return how a person of the tables is called in a picture."""
    if person == "primary":
        return "followed face"
    return f"person {person}" if person.isdecimal() else person


def open_followed(shard: Path, timeline: Timeline | None) -> Trajectory:
    """Open the trajectory of a video, with the face in each frame that the answers are about.

    A person with a number is followed through the whole video. Else each window is a clip, which
    follows the person in the middle of its own span: over a cut, or when people come and go, this
    may be another one than in the window before. A frame has the face of the window that is shown
    at its time; without a window, that of the video as a whole.

    Raises:
        DamagedShardError: if the shard is damaged.
    """
    if timeline is not None and timeline.person.isdecimal():
        return open_trajectory(shard, person=int(timeline.person))
    video = open_trajectory(shard)
    if timeline is None or not len(timeline):
        return video
    rows, times = video.rows.copy(), video.timestamp_ms
    shown = timeline.shown(times / 1000)
    spans = np.rint(1000 * np.column_stack([timeline.start, timeline.end])).astype(int).tolist()
    for window in np.unique(shown[shown >= 0]).tolist():
        start, end = spans[window]
        # The last window has the frame at its very end as well.
        clip = open_trajectory(shard, span_ms=(start, end + (end >= times[-1])))
        places = np.flatnonzero(shown == window)
        first = int(np.searchsorted(times, start))
        inside = (places >= first) & (places < first + len(clip))
        rows[places[inside]] = clip.rows[places[inside] - first]
    return replace(video, rows=rows)
