"""The even clock: the same recording in any container, frames untouched where they are even."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewave.features.clock import even_clock, resample, seen_steps
from facewave.features.energy import seconds_energy
from facewave.features.wavelets import encode

RATES = (15, 23.976, 24, 25, 29.97, 30, 48, 50, 59.94, 60, 100, 119.88)


def clock_of(times):
    return even_clock(np.asarray(times), default_rate=25)


def wave(times):
    """Return two trajectories at times in ms; neither moves faster than 5 units per second."""
    seconds = np.asarray(times, float)[:, None] / 1000
    return np.column_stack([np.sin(5 * seconds), 2 + np.sin(1.3 * seconds)]).astype(np.float32)


def coded(times, detected=None):
    """Return code and energies of `wave` seen at true times that a container has rounded."""
    true, told = times if isinstance(times, tuple) else (times, times)
    clock = clock_of(told)
    seen = np.ones(len(true), bool) if detected is None else detected
    values = resample(wave(true), seen, clock)
    return np.concatenate(
        [
            encode(values, layout="segments", coefficients=10),
            seconds_energy(values, fps=clock.rate),
        ]
    )


CONTAINERS = {
    "mp4": lambda times: times,
    "mkv": lambda times: np.round(times) - np.round(times[0]),
    "webm, offset": lambda times: np.round(times + 7.4) - np.round(times[0] + 7.4),
    "ts": lambda times: np.round(times * 90) / 90,
    "whole ms": lambda times: np.floor(times).astype(np.int64),
}


class TestEvenClips:
    @given(
        st.one_of(st.sampled_from(RATES), st.floats(4, 200)),
        st.integers(2, 400),
        st.floats(0, 1),
        st.sampled_from(sorted(CONTAINERS)),
    )
    def test_frames_are_the_steps_whatever_the_container(self, rate, frames, offset, container):
        times = CONTAINERS[container]((offset + np.arange(frames)) * 1000 / rate)
        clock = clock_of(times)
        np.testing.assert_array_equal(clock.position, np.arange(frames))
        assert clock.steps == frames
        # One millisecond over the clip is all that rounding takes away.
        assert abs(clock.step * 1000 - 1000 / rate) * (frames - 1) <= 3
        values = np.random.default_rng(0).normal(size=(frames, 3)).astype(np.float32)
        assert resample(values, np.ones(frames, bool), clock) is values

    @pytest.mark.parametrize("rate", RATES)
    def test_rate_is_told_from_rounded_times(self, rate):
        exact = {23.976: 24000 / 1001, 29.97: 30000 / 1001, 59.94: 60000 / 1001}
        true = exact.get(rate, 120000 / 1001 if rate == 119.88 else rate)
        for container in CONTAINERS.values():
            clock = clock_of(container(np.arange(2500) * 1000 / true))
            assert clock.rate == pytest.approx(true, rel=1e-9)

    @given(st.sampled_from(RATES), st.data())
    def test_holes_become_steps_and_frames_stay(self, rate, data):
        kept = sorted(data.draw(st.sets(st.integers(0, 300), min_size=30, max_size=120)))
        # A grid can be told from frames that are next to each other.
        kept = sorted({*kept, *range(40)})
        clock = clock_of(np.round(np.array(kept) * 1000 / rate))
        np.testing.assert_array_equal(clock.position, kept)
        values = np.random.default_rng(0).normal(size=(len(kept), 2)).astype(np.float32)
        found = resample(values, np.ones(len(kept), bool), clock)
        np.testing.assert_array_equal(found[kept], values)
        expected = [np.interp(np.arange(kept[-1] + 1), kept, column) for column in values.T]
        np.testing.assert_allclose(found.T, expected, rtol=1e-5, atol=1e-6)
        seen = seen_steps(np.ones(len(kept), bool), clock)
        np.testing.assert_array_equal(np.flatnonzero(seen), kept)


UNEVEN = {
    "half rate from the middle": np.cumsum([0, *[40] * 19, *[100] * 20]),
    "webcam": np.arange(60) * 40.0 + np.arange(60) * 17 % 29,
    "29.97, then 12": np.cumsum([0, *[1001 / 30] * 45, *[1000 / 12] * 20]),
    "screen": np.cumsum(np.random.default_rng(3).choice([16.7, 33.3, 50, 170], 80)),
}


class TestUnevenClips:
    @pytest.mark.parametrize("name", UNEVEN)
    def test_the_container_does_not_count(self, name):
        """Times are a millisecond off: so far may values be, at 5 units per second."""
        true = UNEVEN[name].astype(float)
        expected = coded(true)
        for container in CONTAINERS.values():
            np.testing.assert_allclose(coded((true, container(true))), expected, atol=0.005)

    def test_half_the_rate_is_the_same_recording(self):
        """40 frames over 2.8 s give the code of the 70 frames of which they are a part."""
        times = UNEVEN["half rate from the middle"]
        clock = clock_of(times)
        assert clock.step == pytest.approx(0.04)
        assert clock.steps == 70
        # A straight line over 100 ms is off by at most 5² / 8 x 0.1² = 0.03.
        np.testing.assert_allclose(coded(times), coded(np.arange(70) * 40), atol=0.03)

    def test_the_clock_is_at_least_as_fast_as_the_frames(self):
        for times in UNEVEN.values():
            clock = clock_of(times)
            assert clock.step * 1000 <= np.quantile(np.diff(times), 0.1) + 1
            assert clock.steps < 4 * len(times)

    def test_hand_computed(self):
        clock = clock_of([0, 40, 80, 120, 180, 280])
        assert clock.step == pytest.approx(0.04)
        values = np.array([[0], [4], [8], [12], [18], [28]], np.float32)
        found = resample(values, np.ones(6, bool), clock)
        np.testing.assert_allclose(found[:, 0], [0, 4, 8, 12, 16, 20, 24, 28], rtol=1e-6)
        unseen = np.array([False, True, False, True, True, False])
        values[~unseen] = np.nan
        found = resample(values, unseen, clock)
        np.testing.assert_allclose(found[:, 0], [4, 4, 8, 12, 16, 18, 18, 18], rtol=1e-6)

    def test_steps_are_bounded(self):
        far = np.array([0, 1, 2, 3, 10**12])
        clock = clock_of(far)
        assert clock.steps <= 100_000
        assert len(resample(wave(far), np.ones(5, bool), clock)) == clock.steps

    @given(st.lists(st.integers(1, 5000), min_size=1, max_size=60), st.data())
    def test_any_times_give_what_lies_between_the_frames(self, intervals, data):
        times = np.cumsum([0, *intervals])
        clock = clock_of(times)
        seen = np.array(
            data.draw(st.lists(st.booleans(), min_size=len(times), max_size=len(times)))
        )
        seen[data.draw(st.integers(0, len(times) - 1))] = True
        values = np.where(seen, times, np.nan).astype(np.float32)[:, None]
        found = resample(values, seen, clock)[:, 0]
        assert found.shape == (clock.steps,)
        ticks = np.arange(clock.steps) * clock.step * 1000
        expected = np.clip(ticks, times[seen][0], times[seen][-1])
        np.testing.assert_allclose(found, expected, atol=3, rtol=1e-5)
        assert ticks[-1] <= times[-1] + 3 < ticks[-1] + clock.step * 1000 + 6


def test_a_range_of_frames_has_the_same_steps():
    clock = clock_of([0, 40, 80, 120, 240, 280])
    part = clock.of_frames(slice(2, 6))
    np.testing.assert_array_equal(part.position, [0, 1, 4, 5])
    assert (part.steps, part.step) == (6, clock.step)


def test_one_frame_takes_the_rate_that_is_told():
    clock = clock_of([1234])
    assert (clock.step, clock.steps, clock.rate) == (0.04, 1, 25)
    assert resample(np.ones((1, 2), np.float32), np.ones(1, bool), clock).shape == (1, 2)


@pytest.mark.parametrize(
    ("times", "rate", "message"),
    [
        ([], 25, "at least one frame"),
        ([0, 40, 40], 25, "frame 2 is at 40 ms, the one before it at 40 ms"),
        ([0], 0, "positive number, got 0"),
        ([0], math.nan, "positive number"),
    ],
)
def test_refused(times, rate, message):
    with pytest.raises(ValueError, match=message):
        even_clock(np.array(times), default_rate=rate)


def test_no_face_is_refused():
    with pytest.raises(ValueError, match="expected frames with a face, got none"):
        resample(np.ones((2, 1), np.float32), np.zeros(2, bool), clock_of([0, 40]))
