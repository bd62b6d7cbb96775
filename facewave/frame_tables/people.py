"""The frames of everybody in a clip, one person after the other, in one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from facewave.frame_tables.plain import Columns
from facewave.tracking.people import Person
from facewave.tracking.trajectory import Trajectory, open_trajectory


def columns_of_people(
    clip: Trajectory,
    people: Iterable[Person],
    columns_of: Callable[[Trajectory], Iterable[Columns]],
) -> Iterator[Columns]:
    """Yield the columns of each person, from the first to the last frame in which they are seen.

    Args:
        clip: any trajectory of the clip.
        people: of the clip, see `facewave.tracking.trajectory.people_of`.
        columns_of: gives the columns of a trajectory in chunks; `frame` is shifted to count from
            the beginning of the clip, and the person's number goes into `face_id` where there is
            one, else into `person`, the first column. Of nobody it is -1.

    Raises:
        DamagedShardError: if the trajectory shard is damaged.
    """
    nobody = True
    for person in people:
        nobody = False
        span = (person.first_ms, person.last_ms + 1)
        before = int(np.searchsorted(clip.timestamp_ms, person.first_ms))
        alone = open_trajectory(clip.shard, span_ms=span, person=person.number)
        for columns in columns_of(alone):
            yield _named(columns, person.number, before)
    if nobody:
        for columns in columns_of(clip):
            yield _named(columns, -1, 0)


def _named(columns: Columns, person: int, before: int) -> Columns:
    number = np.full(len(columns["frame"]), person, np.int32)
    shifted = {"frame": columns["frame"] + np.int32(before)}
    if "face_id" in columns:
        return columns | shifted | {"face_id": number}
    return {"person": number} | columns | shifted
