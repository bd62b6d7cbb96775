"""Small pictures of a video that tracking keeps, so that a report opens no video."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.video.images import Image, fitted

# One picture is kept for so much of a video: a segment of twice the length has one for certain.
SPAN_MS = 5000
_SIDE = 220
# Candidates within a span before every other one is dropped.
_MOST = 32


@dataclass
class _Spread:
    """Pictures spread evenly over what was offered, at most `_MOST` of them."""

    kept: list[tuple[int, Image]] = field(default_factory=list)
    offered: int = 0
    every: int = 1

    def offer(self, frame: int, image: Image) -> None:
        if self.offered % self.every == 0:
            if len(self.kept) == _MOST:
                self.kept, self.every = self.kept[::2], 2 * self.every
            if self.offered % self.every == 0:
                self.kept.append((frame, _small(image)))
        self.offered += 1


@dataclass
class FramePictures:
    """Chooses a picture from each span of a video, near its middle and with a face if there is one.

    Memory does not grow with the frames of a span.
    """

    chosen: list[tuple[int, Image]] = field(default_factory=list)
    _faces: _Spread = field(default_factory=_Spread)
    _others: _Spread = field(default_factory=_Spread)
    _span: int = 0
    _frames: tuple[int, int] = (0, 0)

    def see(self, frame: int, ms: int, image: Image, *, face: bool) -> None:
        """Take a frame, in order.

        Args:
            frame: its index.
            ms: its time.
            image: uint8 (height, width, 3) RGB.
            face: whether a face was found in it.
        """
        if ms // SPAN_MS != self._span:
            self._choose()
            self._span, self._frames = ms // SPAN_MS, (frame, frame)
        self._frames = (self._frames[0], frame)
        (self._faces if face else self._others).offer(frame, image)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return `thumbnails` uint8 (K, h, w, 3), RGB, and `thumbnail_frame` int32 (K,)."""
        self._choose()
        images = [image for _, image in self.chosen] or [np.zeros((0, 0, 3), np.uint8)]
        return {
            "thumbnails": np.stack(images)[: len(self.chosen)],
            "thumbnail_frame": np.array([frame for frame, _ in self.chosen], "<i4"),
        }

    def _choose(self) -> None:
        candidates = self._faces.kept or self._others.kept
        if candidates:
            middle = sum(self._frames) / 2
            self.chosen.append(min(candidates, key=lambda kept: abs(kept[0] - middle)))
        self._faces, self._others = _Spread(), _Spread()


def _small(image: Image) -> Image:
    scale = min(1.0, _SIDE / max(image.shape[:2]))
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return fitted(image, width=width, height=height).copy()
