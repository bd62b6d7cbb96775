"""Who is in a video: all its persons, and the one of them whom a clip follows.

Faces come with the number of their person (`facewave.tracking.linking`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from facewave.face.blendshapes import BLENDSHAPES, without_side
from facewave.tracking.boxes import centres

# Only persons with at least this fraction of the frames of the one who is seen longest can be
# followed: reflections and false detections are seen in a few frames.
MIN_LENGTH_FRACTION = 0.5
# A person who moves less than this is a poster, if another moves more, and at least twice as much.
# (Still pictures with noise: 0.002 to 0.016; the calmest of 127 acted clips: 0.029.)
MIN_MOVEMENT = 0.02
STILL_FRACTION = 0.5
# A person who is seen in fewer frames of a clip is not taken for a change of person.
MIN_CHANGE_FRAMES = 5
# From when to when a person must be seen to be judged by how much they move.
_JUDGED_MS = 1000
# One whose expressions follow those of a larger face, seen together for so long, is a reflection or
# another picture of it. (Correlation of mirrored copies beside their originals: 0.79 to 0.95; of
# two people in 3,000 pairs of acted clips: up to 0.66.)
_ECHO = 0.75
_ECHO_MS = 2000
# So many persons are compared with each other, those seen longest.
_MOST_COMPARED = 20


@dataclass(frozen=True)
class FaceRows:
    """All faces of a video, one row each, in order of frames.

    Attributes:
        frame: int32 (R,), not decreasing.
        person: int32 (R,).
        box: float32 (R, 4), normalised.
        blendshapes: float32 (R, 52); (R, 0) if they are unknown.
    """

    frame: NDArray[np.int32]
    person: NDArray[np.int32]
    box: NDArray[np.float32]
    blendshapes: NDArray[np.float32]


@dataclass(frozen=True)
class ClipPeople:
    """Who is in a clip.

    Attributes:
        primary: number of the person who is followed; None: nobody.
        persons: number of persons in at least `MIN_CHANGE_FRAMES` of the clip's frames.
        changes: how often one of them takes the place of another: the first is gone, the other
            comes.
        cuts: number of cuts between the first and the last frame with one of them.
    """

    primary: int | None = None
    persons: int = 0
    changes: int = 0
    cuts: int = 0


@dataclass(frozen=True, kw_only=True)
class Person:
    """One person in a clip.

    Attributes:
        number: of the person in the whole video: the same in all its clips.
        frames: number of the clip's frames in which the person is seen.
        share: fraction of all the clip's frames.
        box: mean box x0, y0, x1, y1, in fractions of the picture.
        first_ms, last_ms: times of the first and the last of the frames.
        primary: whether it is the one whom the clip follows unless told otherwise.
        likely_ghost: whether it is likely nobody (`ghosts`).
    """

    number: int
    frames: int
    share: float
    box: tuple[float, float, float, float]
    first_ms: int
    last_ms: int
    primary: bool
    likely_ghost: bool


def people_in(
    faces: FaceRows,
    timestamp_ms: NDArray[np.integer],
    span: tuple[int, int],
    *,
    nobody: frozenset[int] = frozenset(),
) -> list[Person]:
    """Return everybody in a clip of a video, in order of their numbers.

    Args:
        faces: of the whole video.
        timestamp_ms: (T,), times of its frames.
        span: first frame of the clip, and one after its last.
        nobody: numbers of likely ghosts (`ghosts`).
    """
    rows = slice(*np.searchsorted(faces.frame, span))
    person, frame, box = faces.person[rows], faces.frame[rows], faces.box[rows]
    primary = primary_person(faces, rows)
    found = []
    for number in np.unique(person).tolist():
        mine = person == number
        seen = timestamp_ms[frame[mine]]
        x0, y0, x1, y1 = box[mine].mean(axis=0, dtype=np.float64).tolist()
        found.append(
            Person(
                number=number,
                frames=len(seen),
                share=len(seen) / (span[1] - span[0]),
                box=(x0, y0, x1, y1),
                first_ms=int(seen[0]),
                last_ms=int(seen[-1]),
                primary=number == primary,
                likely_ghost=number in nobody,
            )
        )
    return found


def ghosts(faces: FaceRows, timestamp_ms: NDArray[np.integer]) -> frozenset[int]:
    """Return the numbers of those who are likely nobody, judged by the whole video.

    A false detection is seen in fewer than `MIN_CHANGE_FRAMES` frames. A poster keeps still while
    another person moves. A reflection makes the faces of a larger face at the same time.

    Args:
        faces: of the whole video.
        timestamp_ms: (T,), times of its frames.
    """
    numbers, counts = np.unique(faces.person, return_counts=True)
    brief = numbers[counts < MIN_CHANGE_FRAMES].tolist()
    lasting = []
    for number in numbers[counts >= MIN_CHANGE_FRAMES].tolist():
        seen = timestamp_ms[faces.frame[faces.person == number]]
        if seen[-1] - seen[0] >= _JUDGED_MS:
            lasting.append(number)
    lasting.sort(key=lambda number: -int(counts[numbers == number][0]))
    still = _still(faces, lasting)
    moving = [number for number in lasting if number not in still][:_MOST_COMPARED]
    return frozenset([*brief, *still, *_echoes(faces, timestamp_ms, moving)])


def _echoes(
    faces: FaceRows, timestamp_ms: NDArray[np.integer], numbers: list[int]
) -> Iterator[int]:
    """Yield those of some persons whose expressions follow those of a larger face."""
    if not faces.blendshapes.shape[1]:
        return
    sides = _side_means()
    rows = [np.flatnonzero(faces.person == number) for number in numbers]
    sizes = [float(np.prod(faces.box[r, 2:] - faces.box[r, :2], axis=1).mean()) for r in rows]
    largest_first = sorted(range(len(numbers)), key=lambda i: -sizes[i])
    for place, small in enumerate(largest_first):
        for large in largest_first[:place]:
            shared, one, two = np.intersect1d(
                faces.frame[rows[large]], faces.frame[rows[small]], return_indices=True
            )
            if len(shared) < 2 or timestamp_ms[shared[-1]] - timestamp_ms[shared[0]] < _ECHO_MS:
                continue
            pair = (faces.blendshapes[rows[large][one]], faces.blendshapes[rows[small][two]])
            a, b = ((scores - scores.mean(axis=0)) @ sides for scores in pair)
            if (a * b).sum() > _ECHO * np.linalg.norm(a) * np.linalg.norm(b):
                yield numbers[small]
                break


@cache
def _side_means() -> NDArray[np.float32]:
    """Return what makes, times blendshapes, the means of left and right: a mirror swaps them."""
    names = [without_side(name) for name in BLENDSHAPES]
    kinds = sorted(set(names))
    same = np.array([[name == kind for kind in kinds] for name in names], np.float32)
    return np.asarray(same / same.sum(axis=0))


def clip_people(faces: FaceRows, cuts: NDArray[np.integer], span: tuple[int, int]) -> ClipPeople:
    """Return who is in a clip of a video, and whom it follows.

    Args:
        faces: of the whole video.
        cuts: frames of the video before which the picture was cut (`Linker.cuts`).
        span: first frame of the clip, and one after its last.
    """
    rows = slice(*np.searchsorted(faces.frame, span))
    person, frame = faces.person[rows], faces.frame[rows]
    numbers, counts = np.unique(person, return_counts=True)
    lasting = numbers[counts >= MIN_CHANGE_FRAMES]
    kept = np.isin(person, lasting)
    person, frame = person[kept], frame[kept]
    within = (cuts > frame[0]) & (cuts <= frame[-1]) if len(frame) else np.zeros(0, bool)
    return ClipPeople(
        primary=primary_person(faces, rows),
        persons=len(lasting),
        changes=_count_changes(person, frame),
        cuts=int(np.count_nonzero(within)),
    )


def _count_changes(person: NDArray[np.int32], frame: NDArray[np.int32]) -> int:
    changes, before = 0, set[int]()
    starts = np.flatnonzero(np.diff(frame)) + 1
    for group in np.split(person, starts):
        now = set(group.tolist())
        changes += bool(before) and before.isdisjoint(now)
        before = now
    return changes


def primary_person(faces: FaceRows, rows: slice) -> int | None:
    """Return the person whom a clip follows: who stays, moves and is nearest to the centre.

    Persons with less than `MIN_LENGTH_FRACTION` of the frames of the one seen longest are left out,
    then those who keep still while another moves, judged by the whole video. Of equal distances,
    the person seen first is taken.

    Args:
        faces: of the whole video.
        rows: those of the clip.

    Returns:
        The person's number; None for a clip without a face.
    """
    person, box = faces.person[rows], faces.box[rows]
    numbers, first, counts = np.unique(person, return_index=True, return_counts=True)
    if len(numbers) <= 1:
        return int(numbers[0]) if len(numbers) else None
    stay = counts >= MIN_LENGTH_FRACTION * counts.max()
    rivals = [int(number) for number in numbers[stay][np.argsort(first[stay])]]
    still = _still(faces, rivals)
    rivals = [number for number in rivals if number not in still]
    distance = np.linalg.norm(centres(box) - 0.5, axis=1)
    return min(rivals, key=lambda number: float(distance[person == number].mean()))


def _still(faces: FaceRows, numbers: list[int]) -> set[int]:
    """Return which of some persons keep still while another of them moves."""
    if len(numbers) <= 1:
        return set()
    moving = [_movement(faces, number) for number in numbers]
    liveliest = max(moving)
    enough = min(MIN_MOVEMENT, STILL_FRACTION * liveliest) if liveliest >= MIN_MOVEMENT else 0.0
    return {number for number, m in zip(numbers, moving, strict=True) if m < enough}


def _movement(faces: FaceRows, number: int) -> float:
    rows = faces.person == number
    return movement(faces.box[rows], faces.blendshapes[rows])


def movement(box: NDArray[np.floating], blendshapes: NDArray[np.floating]) -> float:
    """Return how much one face moves and changes: standard deviations over its rows.

    Args:
        box: (n, 4); the position of its centre counts in widths and heights of the face.
        blendshapes: (n, 52), of which the mean standard deviation counts; (n, 0) if unknown.
    """
    size = np.maximum(np.mean(box[:, 2:] - box[:, :2], axis=0), 1e-6)
    sway = np.std(centres(box) / size, axis=0).mean()
    expression = np.std(blendshapes, axis=0).mean() if blendshapes.shape[1] else 0.0
    return float(sway + expression)
