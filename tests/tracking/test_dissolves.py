"""Dissolves are noticed once, where they end; cuts, motion and light are none."""

import cv2
import numpy as np
import pytest

from facewave.tracking.appearance import thumbnail
from facewave.tracking.dissolves import Dissolves


def scene(seed, *, shift=0):
    """Return a picture with structure of all sizes, float (90, 160, 3)."""
    coarse = np.random.default_rng(seed).uniform(20, 200, (9, 24))
    wide = cv2.resize(coarse, (384, 90), interpolation=cv2.INTER_CUBIC)
    return np.repeat(wide[:, shift : shift + 160, None], 3, axis=2)


def found(pictures, *, step_ms=40):
    """Return the pictures at which a dissolve ends."""
    noise = np.random.default_rng(1)
    dissolves = Dissolves()
    ends = []
    for index, picture in enumerate(pictures):
        noisy = np.clip(picture + noise.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)
        if dissolves.add(thumbnail(noisy), index * step_ms) is not None:
            ends.append(index)
    return ends


def blend(frames, *, first=40, total=100):
    """Return pictures of two scenes, blended over some frames from the 40th on."""
    one, two = scene(1), scene(2)
    shares = np.clip((np.arange(total) - first) / frames, 0, 1)
    return [(1 - share) * one + share * two for share in shares]


@pytest.mark.parametrize("frames", [8, 13, 25])
def test_a_dissolve(frames):
    (end,) = found(blend(frames))
    assert 40 + frames <= end <= 40 + frames + 25


def test_two_dissolves():
    both = blend(13)
    assert len(found([*both, *both[::-1]])) == 2


def test_a_cut_is_none():
    assert found(blend(1)) == []


def test_a_camera_that_turns():
    assert found([scene(3, shift=2 * i) for i in range(100)]) == []


def test_a_turn_between_two_stops():
    shifts = np.clip(np.arange(100) - 40, 0, 20) * 5
    assert found([scene(3, shift=int(shift)) for shift in shifts]) == []


def test_light_that_is_dimmed():
    shares = np.clip((np.arange(100) - 40) / 15, 0, 1)
    assert found([scene(1) * (1 - 0.5 * share) + 10 * share for share in shares]) == []


def test_flat_and_still_pictures():
    assert found([np.full((90, 160, 3), 127.0)] * 60) == []
    assert found([scene(1)] * 60) == []
    fade = [np.full((90, 160, 3), float(level)) for level in np.linspace(20, 220, 60)]
    assert found(fade) == []


def test_few_frames_a_second():
    assert found(blend(13)[::6], step_ms=400) == []
