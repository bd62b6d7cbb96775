"""Notices dissolves: one picture blends into another within a second, and no frame is a cut."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

_STEP_MS = 90
# Samples before, in the middle of and after a dissolve: a second in the middle.
_BEFORE, _MIDDLE, _AFTER = 4, 9, 4
# Longer than this, and the frame rate is too low to see a dissolve.
_LONGEST_MS = 2500
# The pictures before and after differ by so many grey levels on average, and by so many times what
# either side changes within itself: a camera that turns changes all the time. (126 acted clips, a
# talk and 40 odd clips: up to 5.4 times; ten dissolves between people before one wall: from 6.3.)
_MIN_DIFFERENCE = 8.0
_TIMES_WITHIN = 6.0
# Noise of a sample, in grey levels.
_NOISE = 0.3
# Between them are at least two blends of both, off by less than this part of the difference: what
# moves is no blend.
_BLENDS, _OFF = 2, 0.3
# Pictures that are so much alike but for brightness and contrast differ by exposure.
_SAME_SCENE = 0.93


class Dissolves:
    """Looks at the pictures of a video, one after the other."""

    def __init__(self) -> None:
        """Wait for the first picture."""
        size = _BEFORE + _MIDDLE + _AFTER
        self._samples: deque[NDArray[np.float32]] = deque(maxlen=size)
        self._times: deque[int] = deque(maxlen=size)

    def add(self, small: NDArray[np.uint8], time_ms: int) -> int | None:
        """Return when a dissolve began (ms) that is over with this picture; None: there is none.

        Args:
            small: the picture's `appearance.thumbnail`.
            time_ms: its time.
        """
        if self._times and time_ms - self._times[-1] < _STEP_MS:
            return None
        self._samples.append(small.reshape(-1).astype(np.float32))
        self._times.append(time_ms)
        if len(self._times) < _BEFORE + _MIDDLE + _AFTER:
            return None
        if time_ms - self._times[0] > _LONGEST_MS or not _is_dissolve(list(self._samples)):
            return None
        began = self._times[_BEFORE - 1]
        self._samples.clear()
        self._times.clear()
        return began


def _is_dissolve(samples: list[NDArray[np.float32]]) -> bool:
    before, after = samples[:_BEFORE], samples[-_AFTER:]
    old, new = np.mean(before, axis=0), np.mean(after, axis=0)
    change = new - old
    difference = float(np.abs(change).mean())
    if difference < _MIN_DIFFERENCE:
        return False
    within = max(float(np.abs(part[-1] - part[0]).mean()) for part in (before, after))
    if difference < _TIMES_WITHIN * max(within, _NOISE):
        return False
    middle = np.stack(samples[_BEFORE:-_AFTER])
    share = (middle - old) @ change / (change @ change)
    off = np.abs(middle - old - share[:, None] * change).mean(axis=1) / difference
    blends = (share > 0.2) & (share < 0.8)
    if np.count_nonzero(blends) < _BLENDS or off[blends].max() > _OFF:
        return False
    old, new = old - old.mean(), new - new.mean()
    return bool(old @ new < _SAME_SCENE * np.linalg.norm(old) * np.linalg.norm(new))
