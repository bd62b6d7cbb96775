"""An even clock: trajectories with true times, brought to equal steps before they are coded.

Cameras drop frames, screen and webcam recordings have no fixed rate, and containers round times: to
1 ms (Matroska, WebM), 1/90000 s (MPEG-TS) or hardly (MP4). A code of equal segments and energies at
scales in seconds need equal steps.

Two cases are told apart, by times alone, so that the container does not matter:

- All times lie on a grid as far as rounding to 1 ms lets one see, with or without holes. Then each
  frame is a step of the clock, untouched, and only steps in holes are made up.
- They do not. Then the clock ticks at least as fast as the frames where they are densest, at a
  common rate, and values are read off straight lines between frames.

Each frame stands for the time until the next one, the last for one step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Rates of cameras and screens, and round ones between them; frames per second.
_RATES = (
    *(0.1, 0.2, 0.5, 1, 2, 3, 4, 5, 6, 7.5, 8, 9, 10, 12, 12.5, 15, 18, 20, 24, 25, 30, 36, 40, 48),
    *(50, 60, 75, 90, 100, 120, 144, 180, 200, 240, 300, 360, 480, 600, 720, 960, 1000),
)
# In NTSC countries; told from their neighbours on a grid only.
_NTSC_RATES = tuple(1000 * rate / 1001 for rate in (15, 24, 30, 60, 120, 240))

# A frame's time and the first one's are each up to half a millisecond off: rounded times lie within
# this of their grid. Half the spread of the deviations counts; a little more for float arithmetic.
_ROUNDING_MS = 1.0 + 1e-6
# Intervals up to this many times a short one are taken for one step.
_ONE_STEP = 1.25
# A clock has at most so many steps, or so many per frame where that is more: an hour at 25 frames
# per second, however short the shortest interval in a slide show may be.
_MAX_STEPS = 100_000
_MAX_STEPS_PER_FRAME = 10


@dataclass(frozen=True, eq=False)
class Clock:
    """An even clock of n steps, and where T frames lie on it.

    Attributes:
        step: seconds per step.
        position: float64 (T,), in steps since the first frame, strictly increasing; whole numbers
            where the frames lie on the clock's grid.
        steps: n, at least one.
    """

    step: float
    position: NDArray[np.float64]
    steps: int

    def of_frames(self, frames: slice) -> Clock:
        """Return the clock of a range of frames, at least one, which starts with the first."""
        position = self.position[frames] - self.position[frames.start]
        return Clock(self.step, position, _count_steps(position[-1], self.step))

    @property
    def rate(self) -> float:
        """Steps per second."""
        return 1 / self.step


def even_clock(times: NDArray[Any], *, default_rate: float) -> Clock:
    """Find the even clock of a clip.

    Args:
        times: (T,) milliseconds, T >= 1, strictly increasing, of all frames, whether they show a
            face or not.
        default_rate: frames per second of a clip of one frame, > 0.

    Raises:
        ValueError: there is no time, the times do not increase, or the rate is not positive.
    """
    times = np.asarray(times, np.float64)
    if not times.size:
        raise ValueError("expected the time of at least one frame, got none")
    intervals = np.diff(times)
    if not (intervals > 0).all():
        frame = int(np.flatnonzero(~(intervals > 0))[0])
        raise ValueError(
            f"expected times that increase; frame {frame + 1} is at {times[frame + 1]:g} ms, the "
            f"one before it at {times[frame]:g} ms"
        )
    if not intervals.size:
        if not default_rate > 0:
            raise ValueError(f"frames per second: expected a positive number, got {default_rate!r}")
        return Clock(step=1 / default_rate, position=np.zeros(1), steps=1)
    elapsed = times - times[0]
    # The tenth part: a few frames that came early do not set the rate of all.
    short = float(np.quantile(intervals, 0.1, method="inverted_cdf"))
    step = float(intervals[intervals <= _ONE_STEP * short + _ROUNDING_MS].mean())
    limit = max(_MAX_STEPS, _MAX_STEPS_PER_FRAME * len(times))
    grid = _grid(elapsed, intervals, step)
    if grid is not None and grid[1][-1] < limit:
        return _clock(*grid)
    step = max(_common_step(step), elapsed[-1] / (limit - 1))
    return _clock(step, elapsed / step)


def _clock(step: float, position: NDArray[np.float64]) -> Clock:
    return Clock(step / 1000, position, _count_steps(position[-1], step / 1000))


def _count_steps(last: float, step: float) -> int:
    # A last frame that lies on a step but for rounding counts for it.
    return int(np.floor(last + min(0.5, _ROUNDING_MS / 1000 / step))) + 1


def _grid(
    elapsed: NDArray[np.float64], intervals: NDArray[np.float64], step: float
) -> tuple[float, NDArray[np.float64]] | None:
    """Return the step, ms, of a grid on which all frames lie, and their places; None: none does.

    Places come from one interval at a time: an error of the step does not add up over the clip.
    """
    for _ in range(2):
        place = np.concatenate([[0.0], np.cumsum(np.rint(intervals / step))])
        if (np.diff(place) < 1).any():
            return None
        step = float(np.polynomial.polynomial.polyfit(place, elapsed, 1)[1])
    common = 1000 / min((*_RATES, *_NTSC_RATES), key=lambda rate: abs(1000 / rate - step))
    for candidate in (common, step):
        off = elapsed - candidate * place
        if np.ptp(off) <= 2 * _ROUNDING_MS:
            return candidate, place
    return None


def _common_step(step: float) -> float:
    """Return the longest step of a common rate, ms, that is not longer but for rounding."""
    return max((1000 / rate for rate in _RATES if 1000 / rate <= step + _ROUNDING_MS), default=step)


def resample(
    values: NDArray[np.float32], detected: NDArray[np.bool_], clock: Clock
) -> NDArray[np.float32]:
    """Bring trajectories to an even clock: straight lines between frames with a face.

    Before the first and after the last of these their values are held. A frame with a face that
    lies on the clock's grid is taken as it is.

    Args:
        values: float32 (T, ...).
        detected: bool (T,), at least one True; values of other frames are not looked at.
        clock: of the same T frames.

    Returns:
        float32 (n, ...); `values` itself where nothing has to be made up.

    Raises:
        ValueError: if no frame has a face.
    """
    known = np.flatnonzero(detected)
    if not len(known):
        raise ValueError(
            "expected frames with a face, got none; leave out clips without a trajectory"
        )
    if clock.steps == len(values) == len(known) and _on_grid(clock):
        return values
    place = clock.position[known]
    ticks = np.arange(clock.steps)
    after = np.searchsorted(place, ticks)
    left = np.clip(np.where(_at(place, after) == ticks, after, after - 1), 0, len(known) - 1)
    right = np.minimum(after, len(known) - 1)
    exact: NDArray[np.float32] = values[known[left]]
    between = np.flatnonzero(place[left] < place[right])
    low, high = left[between], right[between]
    weight = (ticks[between] - place[low]) / (place[high] - place[low])
    weight = weight.reshape(-1, *[1] * (values.ndim - 1)).astype(np.float32)
    start = exact[between]
    exact[between] = start + weight * (values[known[high]] - start)
    return exact


def _on_grid(clock: Clock) -> bool:
    return bool((clock.position == np.arange(len(clock.position))).all())


def _at(place: NDArray[np.float64], index: NDArray[np.intp]) -> NDArray[np.float64]:
    return place[np.minimum(index, len(place) - 1)]


def seen_steps(detected: NDArray[np.bool_], clock: Clock) -> NDArray[np.bool_]:
    """Return which steps of a clock a frame with a face stands for, bool (n,).

    Of a clip with equal intervals that is `detected` itself; holes in time count as steps without a
    face.
    """
    seen = np.zeros(clock.steps, np.bool_)
    places = np.floor(clock.position[np.asarray(detected)] + 0.5).astype(np.int64)
    seen[np.minimum(places, clock.steps - 1)] = True
    return seen
