"""Which face is followed: linked by overlap, nearest to the centre, never from one to another."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.tracking.primary_face import face_boxes, link_faces, overlap, primary_track
from tests.tracking.fake_faces import faces_at

LEFT, RIGHT, CENTRE = (0.2, 0.5, 0.2), (0.8, 0.5, 0.2), (0.55, 0.5, 0.2)


def follow(*frames):
    """Return the frames and rows of the primary face; a frame is a list of squares."""
    tracks, row = [], 0
    for index, squares in enumerate(frames):
        if squares:
            boxes = face_boxes(faces_at(*squares).landmarks)
            link_faces(tracks, boxes, frame=index, first_row=row)
            row += len(squares)
    primary = primary_track(tracks)
    return (primary.frames, primary.rows) if primary else None


class TestOverlap:
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
    def test_hand_computed(self, a, b, expected):
        a, b = np.array(a, float), np.array(b, float)
        assert overlap(a, b) == overlap(b, a) == pytest.approx(expected)

    def test_boxes(self):
        boxes = face_boxes(faces_at((0.5, 0.4, 0.2), (0.1, 0.9, 0.4)).landmarks)
        np.testing.assert_allclose(boxes, [[0.4, 0.3, 0.6, 0.5], [-0.1, 0.7, 0.3, 1.1]], atol=1e-7)


class TestPrimary:
    def test_no_face(self):
        assert follow([], []) is None

    def test_one_face(self):
        assert follow([LEFT], [], [LEFT]) == ([0, 2], [0, 1])

    def test_the_nearer_to_the_centre_whatever_the_order(self):
        assert follow([LEFT, CENTRE], [CENTRE, LEFT]) == ([0, 1], [1, 2])

    def test_never_jumps_to_another_person_while_the_chosen_one_is_away(self):
        away = [[LEFT]] * 3
        frames, rows = follow(*[[CENTRE, LEFT]] * 5, *away, *[[LEFT, CENTRE]] * 5)
        assert frames == [0, 1, 2, 3, 4, 8, 9, 10, 11, 12]
        assert rows == [0, 2, 4, 6, 8, 14, 16, 18, 20, 22]

    def test_follows_a_person_who_walks(self):
        walk = [[(0.2 + 0.05 * i, 0.5, 0.2), RIGHT] for i in range(6)]
        # On the mean, the one who walks from 0.2 to 0.45 is 0.175 from the centre, the other 0.3.
        assert follow(*walk) == (list(range(6)), [0, 2, 4, 6, 8, 10])

    def test_a_short_false_detection_in_the_centre_does_not_win(self):
        false = (0.5, 0.5, 0.2)
        frames = [[LEFT]] * 3 + [[LEFT, false]] * 4 + [[LEFT]] * 3
        assert follow(*frames)[0] == list(range(10))

    @pytest.mark.parametrize(("length", "wins"), [(4, False), (5, True)])
    def test_half_of_the_longest_competes(self, length, wins):
        frames = [[LEFT, CENTRE]] * length + [[LEFT]] * (10 - length)
        assert (len(follow(*frames)[0]) == length) is wins

    def test_whoever_appears_elsewhere_is_another_person(self):
        assert follow([LEFT], [LEFT], [LEFT], [RIGHT]) == ([0, 1, 2], [0, 1, 2])

    def test_each_face_goes_to_one_track_and_the_best_fit_first(self):
        near = (0.22, 0.5, 0.2)
        tracks = []
        link_faces(tracks, face_boxes(faces_at(LEFT).landmarks), frame=0, first_row=0)
        link_faces(tracks, face_boxes(faces_at(near, LEFT).landmarks), frame=1, first_row=1)
        assert [track.rows for track in tracks] == [[0, 2], [1]]

    def test_equal_distance_takes_the_first_seen(self):
        # Exact in binary: the distances are equal to the last bit.
        left, right = (0.25, 0.5, 0.25), (0.75, 0.5, 0.25)
        assert follow([], [right], [left, right], [left])[1] == [0, 2]


squares = st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 0.5))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(squares, max_size=4), max_size=8))
def test_every_detection_belongs_to_one_track_and_a_track_has_one_a_frame(clip):
    tracks, row, rows = [], 0, []
    for index, found in enumerate(clip):
        boxes = face_boxes(faces_at(*found).landmarks)
        link_faces(tracks, boxes, frame=index, first_row=row)
        rows += [(row + i, index) for i in range(len(found))]
        row += len(found)
    held = [pair for track in tracks for pair in zip(track.rows, track.frames, strict=True)]
    assert sorted(held) == rows
    for track in tracks:
        assert track.frames == sorted(set(track.frames))
        assert len(track.distances) == len(track.frames)
