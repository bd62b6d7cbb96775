"""Who is who in a video: faces are linked over time into persons.

While a video is tracked, `Linker` gathers its faces into **tracklets**: a face stays in its
tracklet as long as it overlaps the last box, and every cut of the picture ends all tracklets. At
the end, tracklets whose faces look alike are one **person**. What is compared is the *face patch*,
the 16 x 16 grey values of the face brought to the canonical frontal face, above all those above the
mouth. Of pairs of 120 clips of five people, each in several takes and moods, 85 % of one person's
were taken for one and none of 5,760 of two people's (82 % and 0.2 % by whole patches alone).
Distances within the mesh told people apart less well (44 %) and helped no further.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from facewave.tracking.appearance import PATCH_SIDE, PATCH_VALUES, standardised
from facewave.tracking.boxes import overlap, overlaps

# Two boxes that overlap at least this much (intersection over union) are taken for one face.
MIN_OVERLAP = 0.2
# A tracklet that has not been seen for so long is not continued.
MAX_LOST_MS = 1000
# One minus the correlation of two persons' mean patches below which they are the same person: of
# the patches down to the upper lip, and of the whole ones, whose mouths move.
SAME_PATCH = 0.17
SAME_WHOLE_PATCH = 0.19
# The first for one who comes back to the same place while the camera has not moved; the second is
# raised as much.
SAME_PATCH_AND_PLACE = 0.3
# A face that appears so soon after the last one was lost elsewhere has jumped as no head does.
MAX_JUMP_MS = 250

# A patch is made of every n-th face of a tracklet: of the first ones, and of those after them.
_FIRST, _PATCH_EVERY_FIRST, _PATCH_EVERY = 40, 5, 20

# So long ago a patch is no longer forgotten, whatever the pictures show.
_RECENT_MS = 2000

# Values of a patch down to the upper lip.
_UPPER = 11 * PATCH_SIDE

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
        patch: sum of its patches in some of them, float64 (256,), but for the newest.
        recent: time and patch of those, which `forget` may drop.
    """

    start: NDArray[np.float64]
    box: NDArray[np.float64]
    shot: int
    first: int
    last: int
    last_ms: int
    frames: int = 0
    patch: NDArray[np.float64] = field(default_factory=lambda: np.zeros(PATCH_VALUES))
    recent: deque[tuple[int, Patch]] = field(default_factory=deque)

    def add(
        self, frame: int, time_ms: int, box: NDArray[np.float64], patch: Callable[[], Patch]
    ) -> None:
        """Append a detection; `patch` is called when it is wanted."""
        if self.frames % (_PATCH_EVERY_FIRST if self.frames < _FIRST else _PATCH_EVERY) == 0:
            self.recent.append((time_ms, patch()))
        while self.recent[0][0] < time_ms - _RECENT_MS and len(self.recent) > 1:
            self.patch += self.recent.popleft()[1]
        self.box, self.last, self.last_ms = box, frame, time_ms
        self.frames += 1

    def forget(self, since_ms: int) -> None:
        """Drop the patches from a time on, unless there are no others."""
        earlier = [item for item in self.recent if item[0] < since_ms]
        if earlier or self.patch.any():
            self.recent = deque(earlier)

    def look(self) -> NDArray[np.float64]:
        """Return the sum of its patches, float64 (256,)."""
        return self.patch + sum((patch for _, patch in self.recent), np.zeros(PATCH_VALUES))


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
        blended_ms: int | None = None,
    ) -> list[int]:
        """Link the faces of the next frame.

        Args:
            frame: index of the frame, greater than in the previous call.
            time_ms: its time.
            boxes: of its faces, float64 (n, 4).
            patch: gives the patch of one of them, float32 (256,) (`appearance.face_patch`).
            cut: whether the picture was cut before this frame.
            blended_ms: since when the pictures before a cut were blends of two; None: no blends.

        Returns:
            The tracklet of each face.
        """
        if cut:
            if blended_ms is not None:
                for tracklet in self._open:
                    self.tracklets[tracklet].forget(blended_ms)
            self._open = []
            self._cut_ms = time_ms
            self.cuts.append(frame)
        self._open = [t for t in self._open if self._goes_on(self.tracklets[t], frame, time_ms)]
        linked = self._continued(boxes)
        if -1 in linked:
            self._begin(linked, frame, time_ms, boxes)
        for row, t in enumerate(linked):
            self.tracklets[t].add(frame, time_ms, boxes[row], partial(patch, row))
        if len(boxes):
            self._last_ms = time_ms
        return linked

    def _begin(
        self, linked: list[int], frame: int, time_ms: int, boxes: NDArray[np.float64]
    ) -> None:
        """Begin a tracklet for each face that continues none, and put it into `linked`."""
        new = [face for face, tracklet in enumerate(linked) if tracklet < 0]
        if len(new) == len(boxes) and self._jumped(time_ms):
            self.cuts.append(frame)
            self._open = []
        for face in new:
            linked[face] = len(self.tracklets)
            self._open.append(len(self.tracklets))
            box, shot = boxes[face], len(self.cuts)
            self.tracklets.append(Tracklet(box, box, shot, frame, frame, time_ms))

    def _goes_on(self, tracklet: Tracklet, frame: int, time_ms: int) -> bool:
        return frame - tracklet.last == 1 or time_ms - tracklet.last_ms <= MAX_LOST_MS

    def _continued(self, boxes: NDArray[np.float64]) -> list[int]:
        """Return the open tracklet that each face overlaps most, the best fit first; else -1."""
        linked = [-1] * len(boxes)
        if not self._open or not len(boxes):
            return linked
        if len(self._open) == len(boxes) == 1:
            same = overlap(self.tracklets[self._open[0]].box, boxes[0]) >= MIN_OVERLAP
            return list(self._open) if same else linked
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
        patches = np.zeros((size, PATCH_VALUES))
        upper, whole = np.zeros((size, _UPPER), "f4"), np.zeros((size, PATCH_VALUES), "f4")
        last, shot, boxes = np.zeros(size, np.int64), np.full(size, -1), np.zeros((size, 4))
        numbers = np.zeros(size, np.int32)
        persons = 0
        for number, tracklet in enumerate(self.tracklets):
            look = tracklet.look()
            different = np.maximum(
                (1.0 - upper[:persons] @ standardised(look[:_UPPER])) / SAME_PATCH,
                (1.0 - whole[:persons] @ standardised(look)) / SAME_WHOLE_PATCH,
            )
            back = overlaps(boxes[:persons], tracklet.start[None])[:, 0] >= MIN_OVERLAP
            back &= shot[:persons] == tracklet.shot
            different *= np.where(back, SAME_PATCH / SAME_PATCH_AND_PLACE, 1.0)
            # Tracklets come in order of their first frames, so this is whether they meet.
            different[last[:persons] >= tracklet.first] = np.inf
            best = int(different.argmin()) if persons else 0
            if persons == 0 or different[best] >= 1.0:
                best = min(persons, _MOST_PERSONS - 1)
                persons = best + 1
            patches[best] += look
            upper[best] = standardised(patches[best, :_UPPER])
            whole[best] = standardised(patches[best])
            last[best] = max(last[best], tracklet.last)
            shot[best], boxes[best] = tracklet.shot, tracklet.box
            numbers[number] = best
        return numbers
