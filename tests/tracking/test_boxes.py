"""Boxes around faces."""

import numpy as np
import pytest

from facewave.tracking.boxes import centres, face_boxes, grown, overlap, overlaps
from tests.tracking.fake_faces import faces_at


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 1, 1), (0, 0, 1, 1), 1.0),
        ((0, 0, 2, 2), (1, 1, 3, 3), 1 / 7),
        ((0, 0, 1, 1), (0, 0, 1, 0.25), 0.25),
        ((0, 0, 1, 1), (1, 0, 2, 1), 0.0),
        ((0, 0, 1, 1), (5, 5, 6, 6), 0.0),
        ((0, 0, 0, 0), (0, 0, 0, 0), 0.0),
        ((-1, -1, 1, 1), (0, 0, 1, 1), 0.25),
    ],
)
def test_overlap_by_hand(a, b, expected):
    a, b = np.array([a], float), np.array([b], float)
    assert overlaps(a, b) == overlaps(b, a) == pytest.approx(expected)
    assert overlap(a[0], b[0]) == overlap(b[0], a[0]) == pytest.approx(expected)


def test_every_box_with_every_other():
    a = np.array([(0, 0, 1, 1), (2, 2, 3, 3)], float)
    b = np.array([(0, 0, 1, 1), (0, 0, 1, 2), (2, 2, 3, 3)], float)
    np.testing.assert_allclose(overlaps(a, b), [[1, 0.5, 0], [0, 0, 1]])
    assert overlaps(a[:0], b).shape == (0, 3)


def test_boxes_of_faces():
    boxes = face_boxes(faces_at((0.5, 0.4, 0.2), (0.1, 0.9, 0.4)).landmarks)
    np.testing.assert_allclose(boxes, [[0.4, 0.3, 0.6, 0.5], [-0.1, 0.7, 0.3, 1.1]], atol=1e-7)
    np.testing.assert_allclose(centres(boxes), [[0.5, 0.4], [0.1, 0.9]], atol=1e-7)


def test_grown_about_the_centre():
    np.testing.assert_allclose(grown(np.array([1.0, 1.0, 3.0, 2.0]), 3.0), [-1, 0, 5, 3])
