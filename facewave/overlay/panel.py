"""The panel beside the picture: answer, probabilities of the classes, blendshapes, time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facewave.overlay.colours import INK, PANEL, SOFT, TROUGH, WARN, Colour, class_colour
from facewave.overlay.timeline import Timeline
from facewave.video.images import Image

# Classes that have a bar; of more, the most probable ones.
_MOST_CLASSES = 10
# Height of the picture for which sizes below are given, pixels.
_REFERENCE = 480
_BAR: Colour = (127, 178, 229)


class Panel:
    """Draws the panel of one video; what changes with the window only is drawn once per window."""

    def __init__(
        self, *, height: int, timeline: Timeline | None, shapes: Sequence[str], title: str
    ) -> None:
        """Take what does not change.

        Args:
            height: of the picture, pixels.
            timeline: of the followed person; None: there are no answers.
            shapes: names of the blendshapes that have a bar.
            title: name of the followed person.
        """
        self.height = height
        self.scale = max(0.6, height / _REFERENCE)
        self.width = 2 * round(115 * self.scale)
        self._timeline, self._shapes, self._title = timeline, list(shapes), title
        self._font = cv2.FontFace("sans")
        self._of_window = lru_cache(maxsize=2)(self._draw_window)

    def draw(
        self, *, window: int, seconds: float, detected: bool, shapes: NDArray[Any] | None
    ) -> Image:
        """Return the panel, uint8 (height, width, 3).

        Args:
            window: that is shown now; -1: none.
            seconds: time of the frame.
            detected: whether the followed face was found in it.
            shapes: values of the blendshapes, 0 to 1; None: not known.
        """
        still, top = self._of_window(window)
        image = still.copy()
        clock = f"{int(seconds // 60)}:{seconds % 60:04.1f}"
        self._right(image, clock, 24, size=13, colour=SOFT)
        if not detected:
            self._left(image, "no face", 24 + 20, size=13, colour=WARN)
        for row, value in enumerate([] if shapes is None else shapes.tolist()):
            self._bar(image, top + 30 + 19 * row, value if detected else 0.0, _BAR)
        return image

    def _draw_window(self, window: int) -> tuple[Image, int]:
        """Return the panel of a window, and where the blendshapes begin, in reference pixels."""
        image = np.full((self.height, self.width, 3), PANEL, np.uint8)
        self._left(image, self._title, 24, size=13, colour=SOFT)
        top = 54
        if self._timeline is not None:
            top = self._answer(image, self._timeline, window)
        if self._shapes:
            self._left(image, "blendshapes", top + 10, size=11, colour=SOFT)
        for row, name in enumerate(self._shapes):
            self._label(image, name, top + 30 + 19 * row)
        return image, top

    def _answer(self, image: Image, timeline: Timeline, window: int) -> int:
        answer = timeline.answers[window] if window >= 0 else ""
        trusted = window >= 0 and bool(timeline.trusted[window])
        place = timeline.classes.index(answer) if answer in timeline.classes else -1
        colour = class_colour(place) if place >= 0 else SOFT
        self._left(image, answer or "no answer", 74, size=22, colour=_lighter(colour), weight=700)
        if answer and not trusted:
            self._left(image, "not to be trusted", 92, size=12, colour=WARN)
        elif answer and "|" in timeline.sets[window]:
            others = timeline.sets[window].replace("|", ", ")
            self._left(image, f"may be: {others}", 92, size=12, colour=SOFT)
        values = timeline.probabilities[window] if window >= 0 else None
        order = list(range(len(timeline.classes)))
        if len(order) > _MOST_CLASSES:
            mean = np.nan_to_num(timeline.probabilities).mean(axis=0)
            order = sorted(np.argsort(-mean)[:_MOST_CLASSES].tolist())
        for row, index in enumerate(order):
            y = 118 + 19 * row
            self._label(image, timeline.classes[index], y)
            value = float("nan") if values is None else float(values[index])
            self._bar(image, y, value, class_colour(index))
        return 118 + 19 * len(order) + 10

    def _left(
        self, image: Image, text: str, y: float, *, size: int, colour: Colour, weight: int = 400
    ) -> None:
        self._text(image, text, (12, y), size=size, colour=colour, weight=weight)

    def _right(self, image: Image, text: str, y: float, *, size: int, colour: Colour) -> None:
        pixels = self._pixels(size)
        _, _, wide, _ = cv2.getTextSize((0, 0), text, (0, 0), self._font, pixels, 400)
        x = self.width / self.scale - 12 - wide / self.scale
        self._text(image, text, (x, y), size=size, colour=colour)

    def _label(self, image: Image, text: str, y: float) -> None:
        self._text(image, text, (12, y), size=12, colour=INK, until=110)

    def _text(
        self,
        image: Image,
        text: str,
        at: tuple[float, float],
        *,
        size: int,
        colour: Colour,
        weight: int = 400,
        until: float | None = None,
    ) -> None:
        """Write text that is cut off with dots where it would leave its place."""
        room = (until or self.width / self.scale - 6) - at[0]
        shown, pixels = text, self._pixels(size)
        while shown and self._wide(shown, pixels, weight) > room * self.scale:
            shown = shown.rstrip("…")[:-1].rstrip() + "…" if len(shown) > 1 else ""
        place = (round(at[0] * self.scale), round(at[1] * self.scale))
        cv2.putText(image, shown, place, colour, self._font, pixels, weight)

    def _wide(self, text: str, pixels: int, weight: int) -> int:
        return int(cv2.getTextSize((0, 0), text, (0, 0), self._font, pixels, weight)[2])

    def _bar(self, image: Image, y: float, value: float, colour: Colour) -> None:
        """Draw a bar of a value from 0 to 1, and the value in hundredths; nothing of NaN."""
        left, right = 114 * self.scale, self.width - 38 * self.scale
        top, bottom = round((y - 9) * self.scale), round((y - 1) * self.scale)
        cv2.rectangle(image, (round(left), top), (round(right), bottom), TROUGH, -1)
        if not np.isfinite(value):
            return
        value = min(max(value, 0.0), 1.0)
        end = round(left + value * (right - left))
        if end > round(left):
            cv2.rectangle(image, (round(left), top), (end, bottom), colour, -1)
        self._right(image, f"{value:.2f}", y, size=11, colour=INK)

    def _pixels(self, size: int) -> int:
        return max(8, round(size * self.scale))


def _lighter(colour: Colour) -> Colour:
    """Return a colour half-way to the colour of text: letters need more contrast than bars."""
    red, green, blue = (round((a + b) / 2) for a, b in zip(colour, INK, strict=True))
    return red, green, blue
