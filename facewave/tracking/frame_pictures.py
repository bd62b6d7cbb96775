"""Small pictures of a video that tracking keeps, so that a report opens no video."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.video.images import Image

# One picture is kept for so much of a video: a segment of twice the length has one for certain.
SPAN_MS = 5000
# A candidate is made small, which costs some ms for large frames, in every so many ms.
SLOT_MS = 500
_SIDE = 220


@dataclass(frozen=True)
class _Candidate:
    frame: int
    ms: int
    face: bool
    image: Image


@dataclass
class FramePictures:
    """Chooses a picture from each span of a video, near its middle and with a face if there is one.

    Memory does not grow with the frames of a span.
    """

    chosen: list[tuple[int, Image]] = field(default_factory=list)
    _slots: dict[int, _Candidate] = field(default_factory=dict)
    _times: tuple[int, int] = (0, 0)

    def see(self, frame: int, ms: int, image: Image, *, face: bool) -> None:
        """Take a frame, in order.

        Args:
            frame: its index.
            ms: its time.
            image: uint8 (height, width, 3) RGB.
            face: whether a face was found in it.
        """
        if ms // SPAN_MS != self._times[0] // SPAN_MS:
            self._choose()
            self._times = (ms, ms)
        self._times = (self._times[0], ms)
        before = self._slots.get(ms // SLOT_MS)
        if before is None or (face and not before.face):
            self._slots[ms // SLOT_MS] = _Candidate(frame, ms, face, _small(image))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return `thumbnails` uint8 (K, h, w, 3), RGB, and `thumbnail_frame` int32 (K,)."""
        self._choose()
        images = [image for _, image in self.chosen] or [np.zeros((0, 0, 3), np.uint8)]
        return {
            "thumbnails": np.stack(images)[: len(self.chosen)],
            "thumbnail_frame": np.array([frame for frame, _ in self.chosen], "<i4"),
        }

    def _choose(self) -> None:
        middle = sum(self._times) / 2
        best = min(
            self._slots.values(),
            key=lambda candidate: (not candidate.face, abs(candidate.ms - middle)),
            default=None,
        )
        if best is not None:
            self.chosen.append((best.frame, best.image))
        self._slots = {}


def _small(image: Image) -> Image:
    import cv2

    scale = min(1.0, _SIDE / max(image.shape[:2]))
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    # Of less than two pixels each, an average takes four times as long and looks the same.
    smooth = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=smooth), np.uint8)
