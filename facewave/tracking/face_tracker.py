"""All faces of a video's frames, at the cost of one where there is one.

A landmarker that is asked for several faces searches every frame for more, and does not smooth over
time. So each face has a landmarker of its own that is asked for one. Others are looked for now and
then with the face detector alone; where one is found, a further landmarker is shown the picture
with all known faces painted over. A clip that shows one person is thus tracked exactly as by a
single landmarker.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewave.tracking.boxes import centres, grown, overlaps
from facewave.tracking.face_detector import shared_detector
from facewave.tracking.landmarker import (
    Faces,
    LandmarkerOptions,
    VideoLandmarker,
    no_faces,
    open_landmarker,
    release_landmarker,
)

# Further faces are looked for so often, and where a face appears or the picture is cut.
LOOK_EVERY_MS = 1500
# But never more often than this.
_LOOK_AGAIN_MS = 250
# Two landmarkers whose boxes overlap this much follow the same face.
_SAME_FACE = 0.5
# A painted-over face is this much larger than the box of its landmarks, which ends at the forehead.
_PAINT = 1.5
# So much of a face that is not to be painted over is kept where others are close.
_KEEP = 1.2


@dataclass
class _Slot:
    landmarker: VideoLandmarker
    faces: Faces = field(default_factory=no_faces)
    seen_ms: int = 0

    @property
    def box(self) -> NDArray[np.float64] | None:
        """Box (4,) of its face in the last frame, if it has one: only computed if asked for."""
        return self.faces.boxes[0] if len(self.faces) else None


class FaceTracker:
    """Finds the faces of one video, frame by frame."""

    def __init__(self, model: Path, options: LandmarkerOptions) -> None:
        """Load the model bundle at `model`.

        Raises:
            MissingSystemLibraryError: if MediaPipe's shared library cannot be loaded.
            LandmarkerError: if MediaPipe refuses the model file or the options.
        """
        self._model = model
        self._options = replace(options, max_faces=1)
        self._max_faces = options.max_faces
        self._slots = [self._open()]
        self._look_ms: int | None = None
        self._fruitless = 0
        self._open_after_ms = 0

    def _open(self) -> _Slot:
        return _Slot(open_landmarker(self._model, self._options))

    def detect(self, image: NDArray[np.uint8], timestamp_ms: int, *, cut: bool = False) -> Faces:
        """Find the faces of the next frame.

        Args:
            image: uint8 (height, width, 3), RGB, contiguous.
            timestamp_ms: milliseconds, greater than in the previous call.
            cut: whether the picture was cut before it.

        Raises:
            RuntimeError, ValueError: if MediaPipe fails, or the time does not increase.
        """
        found, appeared = [], False
        for slot in list(self._slots):
            searching = len(slot.faces) == 0
            faces = self._search(slot, image, timestamp_ms)
            if len(faces):
                found.append(faces)
                appeared |= searching
        if self._max_faces > 1 and (cut or self._look_is_due(timestamp_ms, appeared)):
            found += self._look(image, timestamp_ms)
        return joined(found)

    def _search(self, slot: _Slot, image: NDArray[np.uint8], timestamp_ms: int) -> Faces:
        others = [s.box for s in self._slots if s is not slot and s.box is not None]
        # A landmarker that has its face goes on where it was; one that has none searches.
        seen = painted(image, others) if len(slot.faces) == 0 and others else image
        slot.faces = faces = slot.landmarker.detect(seen, timestamp_ms)
        if len(faces) == 0:
            return faces
        if others and overlaps(faces.boxes, np.array(others)).max() > _SAME_FACE:
            self._close(slot)
            return no_faces()
        slot.seen_ms = timestamp_ms
        return faces

    def _look_is_due(self, timestamp_ms: int, appeared: bool) -> bool:
        if self._look_ms is None:
            return True
        since = timestamp_ms - self._look_ms
        return since >= (_LOOK_AGAIN_MS if appeared else LOOK_EVERY_MS)

    def _look(self, image: NDArray[np.uint8], timestamp_ms: int) -> list[Faces]:
        self._look_ms = timestamp_ms
        self._close_lost(timestamp_ms)
        detector = shared_detector(self._model, self._options.min_detection_confidence)
        known = [slot.box for slot in self._slots if slot.box is not None]
        free = [box for box in detector.detect(image)[:, :4] if not _is_known(box, known)]
        free.sort(key=lambda box: float(np.linalg.norm(centres(box) - 0.5)))
        # A landmarker without a face has just searched this very picture in vain.
        searching = len(self._slots) - len(known)
        wanted = min(len(free) - searching, self._max_faces - len(self._slots))
        if wanted <= 0 or timestamp_ms < self._open_after_ms:
            return []
        return self._add_slots(image, timestamp_ms, free, wanted)

    def _add_slots(
        self,
        image: NDArray[np.uint8],
        timestamp_ms: int,
        free: list[NDArray[np.float64]],
        wanted: int,
    ) -> list[Faces]:
        found = []
        for box in free:
            if wanted == 0:
                break
            slot = self._open()
            known = [s.box for s in self._slots if s.box is not None]
            self._slots.append(slot)
            others = [*known, *(other for other in free if other is not box)]
            hidden = painted(image, others, keep=box)
            slot.faces = faces = slot.landmarker.detect(hidden, timestamp_ms)
            slot.seen_ms = timestamp_ms
            if len(faces) == 0 or (
                known and overlaps(faces.boxes, np.array(known)).max() > _SAME_FACE
            ):
                self._close(slot)
                continue
            wanted -= 1
            found.append(faces)
        # What the detector takes for a face and the landmarker does not is tried ever less often.
        self._fruitless = 0 if found else min(self._fruitless + 1, 6)
        self._open_after_ms = timestamp_ms + LOOK_EVERY_MS * (2**self._fruitless - 1)
        return found

    def _close_lost(self, timestamp_ms: int) -> None:
        """Close landmarkers that have lost their face, but keep one."""
        lost = [
            slot
            for slot in self._slots
            if slot.box is None and timestamp_ms - slot.seen_ms >= LOOK_EVERY_MS
        ]
        for slot in lost[: len(self._slots) - 1]:
            self._close(slot)

    def _close(self, slot: _Slot) -> None:
        self._slots.remove(slot)
        release_landmarker(slot.landmarker)

    def close(self) -> None:
        """Free the landmarkers' memory."""
        for slot in list(self._slots):
            self._close(slot)


@contextmanager
def face_tracker(model: Path, options: LandmarkerOptions) -> Iterator[FaceTracker]:
    """Open a `FaceTracker` and close it at the end of the block; raises what it raises."""
    tracker = FaceTracker(model, options)
    try:
        yield tracker
    finally:
        tracker.close()


def joined(faces: list[Faces]) -> Faces:
    """Return the faces of one frame that several landmarkers found."""
    if len(faces) == 1:
        return faces[0]
    if not faces:
        return no_faces()
    return Faces(
        np.concatenate([one.landmarks for one in faces]),
        np.concatenate([one.blendshapes for one in faces]),
        np.concatenate([one.transforms for one in faces]),
    )


def painted(
    image: NDArray[np.uint8],
    boxes: list[NDArray[np.float64]],
    *,
    keep: NDArray[np.float64] | None = None,
) -> NDArray[np.uint8]:
    """Return a copy of a picture with boxes (4,), somewhat enlarged, filled with grey.

    What lies in the box `keep` stays.
    """
    copy = image.copy()
    for box in boxes:
        copy[_pixels(grown(box, _PAINT), image)] = 127
    if keep is not None:
        part = _pixels(grown(keep, _KEEP), image)
        copy[part] = image[part]
    return copy


def _pixels(box: NDArray[np.float64], image: NDArray[np.uint8]) -> tuple[slice, slice]:
    height, width = image.shape[:2]
    x0, y0, x1, y1 = np.clip(box, 0.0, 1.0) * (width, height, width, height)
    return slice(int(y0), int(np.ceil(y1))), slice(int(x0), int(np.ceil(x1)))


def _is_known(box: NDArray[np.float64], known: list[NDArray[np.float64]]) -> bool:
    """Return whether a detected face is one that is tracked: one's centre lies in the other."""
    return any(_inside(centres(box), other) or _inside(centres(other), box) for other in known)


def _inside(point: NDArray[np.float64], box: NDArray[np.float64]) -> bool:
    return bool((box[:2] <= point).all() and (point <= box[2:]).all())
