"""Who is who in a video: faces are linked over time into persons, and a clip follows one of them.

While a video is tracked, `Linker` gathers its faces into **tracklets**: a face stays in its
tracklet as long as it overlaps the last box, and every cut of the picture ends all tracklets. At
the end, tracklets whose faces look alike are one **person**. What is compared is the *face patch*,
the 16 x 16 grey values of the face brought to the canonical frontal face. In 126 clips of six
people the halves of one clip differed by more than `SAME_PATCH` in 3 %, the halves of clips of two
people by less in 0.2 %; another take of the same person, in another pose or light, is taken for
another person in 26 %. Distances within the mesh told people apart less well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from facewave.tracking.appearance import PATCH_VALUES, standardised
from facewave.tracking.boxes import centres, overlap, overlaps

# Two boxes that overlap at least this much (intersection over union) are taken for one face.
MIN_OVERLAP = 0.2
# A tracklet that has not been seen for so long is not continued.
MAX_LOST_MS = 1000
# One minus the correlation of two persons' mean patches below which they are the same person.
SAME_PATCH = 0.16
# The same for one who comes back to the same place while the camera has not moved.
SAME_PATCH_AND_PLACE = 0.3
# Only persons with at least this fraction of the frames of the one who is seen longest can be
# followed: reflections and false detections are seen in a few frames.
MIN_LENGTH_FRACTION = 0.5
# A person who moves less than this is a poster, if another moves more, and at least twice as much.
# (Still pictures with noise: 0.002 to 0.016; the calmest of 127 acted clips: 0.029.)
MIN_MOVEMENT = 0.02
STILL_FRACTION = 0.5
# A person who is seen in fewer frames of a clip is not taken for a change of person.
MIN_CHANGE_FRAMES = 5
# A face that appears so soon after the last one was lost elsewhere has jumped as no head does.
MAX_JUMP_MS = 250

# A patch is made of every n-th face of a tracklet.
_PATCH_EVERY = 5

# Further persons are taken for the last one, so that the time it takes stays bounded.
_MOST_PERSONS = 1000

Patch = NDArray[np.float32]


@dataclass
class Tracklet:
    """One face from when it appears until it is lost or the picture is cut.

    Attributes:
        start, box: first and last box, float64 (4,).
        shot: number of cuts before it.
        first, last: frames in which it was first and last seen.
        last_ms: time of the last of them.
        frames: number of frames in which it was seen.
        patch: sum of its patches in some of them, float64 (256,).
    """

    start: NDArray[np.float64]
    box: NDArray[np.float64]
    shot: int
    first: int
    last: int
    last_ms: int
    frames: int = 0
    patch: NDArray[np.float64] = field(default_factory=lambda: np.zeros(PATCH_VALUES))

    def add(
        self, frame: int, time_ms: int, box: NDArray[np.float64], patch: Callable[[], Patch]
    ) -> None:
        """Append a detection; `patch` is called when it is wanted."""
        if self.frames % _PATCH_EVERY == 0:
            self.patch += patch()
        self.box, self.last, self.last_ms = box, frame, time_ms
        self.frames += 1


class Linker:
    """Links the faces of a video, frame by frame; its memory grows with tracklets, not frames.

    Attributes:
        tracklets: all so far, in order of their first frames.
        cuts: frames before which the picture was cut, or every face jumped.
    """

    def __init__(self) -> None:
        """Begin a video."""
        self.tracklets: list[Tracklet] = []
        self.cuts: list[int] = []
        self._open: list[int] = []
        self._last_ms: int | None = None
        self._cut_ms: int | None = None

    def add(
        self,
        frame: int,
        time_ms: int,
        boxes: NDArray[np.float64],
        patch: Callable[[int], Patch],
        *,
        cut: bool = False,
    ) -> NDArray[np.int32]:
        """Link the faces of the next frame.

        Args:
            frame: index of the frame, greater than in the previous call.
            time_ms: its time.
            boxes: of its faces, float64 (n, 4).
            patch: gives the patch of one of them, float32 (256,) (`appearance.face_patch`).
            cut: whether the picture was cut before this frame.

        Returns:
            The tracklet of each face, int32 (n,).
        """
        if cut:
            self._open = []
            self._cut_ms = time_ms
            self.cuts.append(frame)
        self._open = [t for t in self._open if self._goes_on(self.tracklets[t], frame, time_ms)]
        linked = self._continued(boxes)
        new = np.flatnonzero(linked < 0)
        if len(new) == len(boxes) > 0 and self._jumped(time_ms):
            self.cuts.append(frame)
            self._open = []
        for face in new:
            linked[face] = len(self.tracklets)
            self._open.append(len(self.tracklets))
            box, shot = boxes[face], len(self.cuts)
            self.tracklets.append(Tracklet(box, box, shot, frame, frame, time_ms))
        for row, t in enumerate(linked.tolist()):
            self.tracklets[t].add(frame, time_ms, boxes[row], partial(patch, row))
        if len(boxes):
            self._last_ms = time_ms
        return linked

    def _goes_on(self, tracklet: Tracklet, frame: int, time_ms: int) -> bool:
        return frame - tracklet.last == 1 or time_ms - tracklet.last_ms <= MAX_LOST_MS

    def _continued(self, boxes: NDArray[np.float64]) -> NDArray[np.int32]:
        """Return the open tracklet that each face overlaps most, the best fit first; else -1."""
        linked = np.full(len(boxes), -1, np.int32)
        if not self._open or not len(boxes):
            return linked
        if len(self._open) == len(boxes) == 1:
            same = overlap(self.tracklets[self._open[0]].box, boxes[0]) >= MIN_OVERLAP
            return np.array(self._open if same else [-1], np.int32)
        shared = overlaps(np.array([self.tracklets[t].box for t in self._open]), boxes)
        while shared.max() >= MIN_OVERLAP:
            row, column = divmod(int(shared.argmax()), len(boxes))
            linked[column] = self._open[row]
            shared[row, :] = -1.0
            shared[:, column] = -1.0
        return linked

    def _jumped(self, time_ms: int) -> bool:
        """Return whether a face was seen just now, and no cut since accounts for its jump."""
        if self._last_ms is None or time_ms - self._last_ms > MAX_JUMP_MS:
            return False
        return self._cut_ms is None or self._cut_ms <= self._last_ms

    def persons(self) -> NDArray[np.int32]:
        """Return the person of each tracklet, int32 (tracklets,), numbered as they appear.

        A tracklet belongs to the person whose faces look most like it, if they look enough alike
        and were never seen at the same time as it; else it begins a new person.
        """
        size = len(self.tracklets)
        patches, units = np.zeros((size, PATCH_VALUES)), np.zeros((size, PATCH_VALUES), np.float32)
        last, shot, boxes = np.zeros(size, np.int64), np.full(size, -1), np.zeros((size, 4))
        numbers = np.zeros(size, np.int32)
        persons = 0
        for number, tracklet in enumerate(self.tracklets):
            different = 1.0 - units[:persons] @ standardised(tracklet.patch)
            back = overlaps(boxes[:persons], tracklet.start[None])[:, 0] >= MIN_OVERLAP
            back &= shot[:persons] == tracklet.shot
            different *= np.where(back, SAME_PATCH / SAME_PATCH_AND_PLACE, 1.0)
            # Tracklets come in order of their first frames, so this is whether they meet.
            different[last[:persons] >= tracklet.first] = np.inf
            best = int(different.argmin()) if persons else 0
            if persons == 0 or different[best] >= SAME_PATCH:
                best = min(persons, _MOST_PERSONS - 1)
                persons = best + 1
            patches[best] += tracklet.patch
            units[best] = standardised(patches[best])
            last[best] = max(last[best], tracklet.last)
            shot[best], boxes[best] = tracklet.shot, tracklet.box
            numbers[number] = best
        return numbers


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
    moving = [_movement(faces, number) for number in rivals]
    liveliest = max(moving)
    enough = min(MIN_MOVEMENT, STILL_FRACTION * liveliest) if liveliest >= MIN_MOVEMENT else 0.0
    rivals = [number for number, m in zip(rivals, moving, strict=True) if m >= enough]
    distance = np.linalg.norm(centres(box) - 0.5, axis=1)
    return min(rivals, key=lambda number: float(distance[person == number].mean()))


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
