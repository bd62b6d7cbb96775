"""Detail energies and statistics against hand-made numbers, NumPy and PyWavelets."""

import math

import numpy as np
import pytest
import pywt
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.features import haar
from facewave.features.energy import (
    DYADIC_LEVELS,
    SECONDS,
    count_rows,
    dyadic_energy,
    logarithm,
    seconds_energy,
    statistics,
)


def noise(frames, columns=3, seed=0):
    return np.random.default_rng(seed).normal(size=(frames, columns)).astype(np.float32)


class TestDyadic:
    @pytest.mark.parametrize("frames", [64, 640])
    def test_is_that_of_pywavelets(self, frames):
        values = noise(frames)
        bins = values.reshape(64, -1, 3).mean(axis=1, dtype=np.float64)
        details = pywt.wavedec(bins, "haar", axis=0)[1:]
        expected = [np.sqrt((band**2).sum(axis=0) / 64) for band in details]
        np.testing.assert_allclose(dyadic_energy(values), expected, rtol=1e-5)

    @settings(max_examples=40, deadline=None)
    @given(st.integers(1, 300), st.integers(0, 1000))
    def test_squares_add_up_to_the_variance_of_the_bins(self, frames, seed):
        values = noise(frames, seed=seed)
        bins = haar.encode(values.astype(np.float64), layout="segments", coefficients=64)
        squares = np.square(dyadic_energy(values).astype(np.float64)).sum(axis=0)
        np.testing.assert_allclose(squares, bins.var(axis=0), rtol=1e-4, atol=1e-9)

    def test_hand_computed(self):
        halves = np.repeat([[1.0], [3.0]], 32, axis=0)
        assert dyadic_energy(halves).ravel().tolist() == [1, 0, 0, 0, 0, 0]
        finest = np.tile([[1.0], [-1.0]], (32, 1))
        np.testing.assert_allclose(dyadic_energy(finest).ravel(), [0, 0, 0, 0, 0, 1])

    def test_shape_and_type(self):
        found = dyadic_energy(np.zeros((7, 4, 3)))
        assert found.shape == (DYADIC_LEVELS, 4, 3)
        assert found.dtype == np.float32


class TestLogarithm:
    def test_hand_computed(self):
        found = logarithm(np.array([[0.0, 0.001], [0.999, 9.999]], np.float32))
        expected = [[-6.907755, -6.214608], [0.0, 2.302585]]
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert found.dtype == np.float32


class TestSeconds:
    def test_hand_computed(self):
        # 15 frames a second: windows of 1, 2, 4, 8 and 16 frames. A step of 2 within 20 frames.
        step = np.r_[np.zeros(10), np.full(10, 2.0)][:, None]
        for half, found in zip((1, 2, 4, 8), seconds_energy(step, fps=15)[:4, 0], strict=True):
            places = [
                (step[i + half : i + 2 * half].mean() - step[i : i + half].mean()) / 2
                for i in range(20 - 2 * half + 1)
            ]
            assert found == pytest.approx(math.sqrt(np.mean(np.square(places))))

    def test_a_scale_longer_than_the_clip_is_that_of_its_halves(self):
        step = np.r_[np.zeros(10), np.full(11, 2.0)][:, None]  # 21 frames; 32 / 15 s are 32
        half = seconds_energy(step, fps=15)[4, 0]
        # Windows of 10 frames in two places: (2 - 0) / 2, and (2 - 0.2) / 2.
        assert half == pytest.approx(math.sqrt((1 + 0.9**2) / 2))

    def test_a_frame_more_or_less_does_not_make_a_step(self):
        """At the length of the longest scale, 32 frames, nothing jumps."""
        wave = np.sin(np.arange(40) / 20)[:, None]
        energies = [seconds_energy(wave[:frames], fps=15)[4, 0] for frames in range(26, 40)]
        assert np.abs(np.diff(energies)).max() < 0.1 * max(energies)

    def test_the_same_movement_at_another_rate_has_the_same_energy(self):
        def clip(fps):
            return np.sin(2 * np.pi * 0.7 * np.arange(int(6 * fps)) / fps)[:, None]

        slow, fast = seconds_energy(clip(30), fps=30), seconds_energy(clip(120), fps=120)
        np.testing.assert_allclose(slow, fast, rtol=0.03)

    def test_length_of_the_clip_does_not_count(self):
        time = np.arange(900)[:, None] / 30
        wave = np.sin(2 * np.pi * time)
        short, long = seconds_energy(wave[:300], fps=30), seconds_energy(wave, fps=30)
        np.testing.assert_allclose(short, long, rtol=0.02)

    def test_a_constant_has_none_however_large(self):
        assert not seconds_energy(np.full((500, 2), 1e6, np.float32), fps=25).any()

    @pytest.mark.parametrize("fps", [0, -1, math.nan])
    def test_needs_a_rate(self, fps):
        with pytest.raises(ValueError, match="fps"):
            seconds_energy(np.zeros((9, 1)), fps=fps)

    def test_one_frame(self):
        assert seconds_energy(np.ones((1, 2)), fps=25).shape == (len(SECONDS), 2)


class TestStatistics:
    def test_are_those_of_numpy(self):
        values = noise(37)
        found = statistics(values, names=["std", "mean", "quantiles"])
        assert found.shape == (count_rows(["std", "mean", "quantiles"]), 3) == (5, 3)
        np.testing.assert_allclose(found[0], values.std(axis=0), rtol=1e-5)
        np.testing.assert_allclose(found[1], values.mean(axis=0), rtol=1e-4)
        np.testing.assert_allclose(found[3], np.median(values, axis=0), rtol=1e-5)

    def test_none(self):
        assert statistics(noise(5), names=[]).shape == (0, 3)
