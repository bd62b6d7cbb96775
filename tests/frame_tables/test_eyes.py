"""Open eyes and blinks."""

import numpy as np
import pytest

from facewave.face.point_sets import eye_points, point_set
from facewave.frame_tables.eyes import count_blinks, eye_openness

# Corners 3 apart, lids 1 and 2 apart at two places: (1 + 2) / (2 * 3).
EYE = np.array([[0, 0], [1, 0.5], [2, 1], [3, 0], [2, -1], [1, -0.5]])


def test_the_ratio_by_hand_and_however_the_eye_lies():
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    eyes = np.array([[EYE, 4 * EYE @ turn.T + 7], [np.zeros((6, 2)), np.full((6, 2), np.nan)]])
    found = eye_openness(eyes)
    np.testing.assert_allclose(found[0], [0.5, 0.5], rtol=1e-6)
    assert np.isnan(found[1]).all()


@pytest.mark.parametrize("name", ["mediapipe_478", "mediapipe_468", "dlib_68"])
def test_points_around_the_eyes_of_all_sets(name):
    face, eyes = point_set(name), eye_points(name)
    assert eyes[0, 0] == face.right_eye
    assert eyes[1, 3] == face.left_eye
    # Partners: corner to corner, upper lid to upper lid.
    assert face.mirror[eyes[0]].tolist() == eyes[1][[3, 2, 1, 0, 5, 4]].tolist()


def blinks(openness, *, step=40, score=None):
    values = np.array(openness, np.float32)
    found = count_blinks(step * np.arange(len(values)), np.column_stack([values] * 2), score)
    return found.tolist()


def test_blinks_are_counted():
    signal = [0.3] * 5 + [0.1] * 3 + [0.3] * 4 + [0.15] + [0.3] * 3
    assert blinks(signal) == [0] * 5 + [1] * 3 + [0] * 4 + [2] + [0] * 3
    # A frame of noise between closed ones, but not a longer opening.
    assert max(blinks([0.3] * 5 + [0.1, 0.2, 0.1] + [0.3] * 5)) == 1
    assert max(blinks([0.3] * 5 + [0.1, 0.3, 0.3, 0.1] + [0.3] * 5)) == 2


def test_what_is_no_blink():
    assert max(blinks([0.3] * 30 + [0.1] * 15 + [0.3] * 5)) == 0  # asleep for 560 ms
    assert max(blinks([0.3] * 30 + [0.1] * 13 + [0.3] * 5)) == 1  # 480 ms
    assert blinks([0.3, np.nan, np.nan, 0.3]) == [0] * 4
    assert blinks([np.nan] * 3) == [0] * 3
    assert blinks([]) == []
    closed = [0.3] * 5 + [0.1] * 3 + [0.3] * 4
    assert max(blinks(closed, score=np.full(12, 0.1))) == 0
    one = np.column_stack([closed, [0.3] * 12])
    assert max(count_blinks(40 * np.arange(12), one)) == 0  # a wink
