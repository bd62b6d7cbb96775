"""Who is who: faces are linked into persons, and a clip follows who stays, moves, is central."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.tracking.appearance import PATCH_VALUES, standardised
from facewave.tracking.linking import SAME_WHOLE_PATCH, Linker
from facewave.tracking.people import FaceRows, clip_people, movement

LEFT, RIGHT, CENTRE = (0.2, 0.5, 0.2), (0.8, 0.5, 0.2), (0.55, 0.5, 0.2)
_RANDOM = np.random.default_rng(5).normal(size=(8, PATCH_VALUES))
_LOOKS = np.array([standardised(look) for look in _RANDOM])


def box(square):
    x, y, side = square
    return np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2])


def video(*frames, cuts=(), step_ms=40, lively=()):
    """Return the rows and cuts of a video; a frame is a list of (square, look).

    Looks in `lively` have blendshapes that change.
    """
    linker, frame, tracklet, boxes, looks = Linker(), [], [], [], []
    for index, faces in enumerate(frames):
        squares = np.array([box(square) for square, _ in faces]).reshape(-1, 4)
        linked = linker.add(
            index,
            index * step_ms,
            squares,
            lambda face, faces=faces: _LOOKS[faces[face][1]],
            cut=index in cuts,
        )
        frame += [index] * len(faces)
        tracklet += linked
        boxes.append(squares)
        looks += [look for _, look in faces]
    blendshapes = np.zeros((len(frame), 52), np.float32)
    moving = np.isin(looks, lively)
    blendshapes[moving] = np.sin(np.array(frame, float))[moving, None]
    rows = FaceRows(
        np.array(frame, np.int32),
        linker.persons()[np.array(tracklet, int)],
        np.concatenate(boxes).astype(np.float32),
        blendshapes,
    )
    return rows, np.array(linker.cuts, int)


def clip(*frames, span=None, **options):
    rows, cuts = video(*frames, **options)
    return clip_people(rows, cuts, span or (0, len(frames)))


class TestLinking:
    def test_two_people_stay_two_whatever_the_order_in_a_frame(self):
        rows, _ = video(*[[(LEFT, 0), (RIGHT, 1)], [(RIGHT, 1), (LEFT, 0)]] * 3)
        assert rows.person.tolist() == [0, 1, 1, 0] * 3

    def test_each_face_goes_to_one_person_and_the_best_fit_first(self):
        near = (0.22, 0.5, 0.2)
        rows, _ = video([(LEFT, 0)], [(near, 1), (LEFT, 0)])
        assert rows.person.tolist() == [0, 1, 0]

    def test_who_walks_is_one_person(self):
        rows, cuts = video(*[[((0.1 + 0.05 * i, 0.5, 0.2), 0)] for i in range(15)])
        assert set(rows.person) == {0}
        assert len(cuts) == 0

    def test_a_cut_moves_everybody_and_everybody_stays_who_he_is(self):
        before, after = [(LEFT, 0), (CENTRE, 1)], [(LEFT, 1), (CENTRE, 0)]
        rows, cuts = video(*[before] * 6, *[after] * 6, cuts=[6])
        assert rows.person.tolist() == [0, 1] * 6 + [1, 0] * 6
        assert cuts.tolist() == [6]

    def test_another_person_in_the_same_place_after_a_cut(self):
        rows, _ = video(*[[(CENTRE, 0)]] * 6, *[[(CENTRE, 1)]] * 6, cuts=[6])
        assert rows.person.tolist() == [0] * 6 + [1] * 6

    def test_who_comes_back_after_a_long_time(self):
        rows, cuts = video([(LEFT, 0)], *[[]] * 100, [(RIGHT, 0)], [(LEFT, 1)])
        assert rows.person.tolist() == [0, 0, 1]
        assert len(cuts) <= 1

    @pytest.mark.parametrize(("likeness", "same"), [(0.75, True), (0.6, False)])
    def test_who_comes_back_to_his_place_may_look_more_different(self, likeness, same):
        other = likeness * _LOOKS[0] + np.sqrt(1 - likeness**2) * _LOOKS[1]
        looks = [_LOOKS[0], standardised(other)]
        linker = Linker()
        for index, look in ((0, 0), (100, 1)):
            linker.add(index, 40 * index, box(LEFT)[None], lambda _, look=look: looks[look])
        assert (linker.persons().tolist() == [0, 0]) is same

    @pytest.mark.parametrize(("blended_ms", "persons"), [(800, [0, 1]), (None, [0, 0])])
    def test_what_a_dissolve_blends_is_nobodys_look(self, blended_ms, persons):
        second = standardised(0.75 * _LOOKS[0] + np.sqrt(1 - 0.75**2) * _LOOKS[1])
        linker = Linker()
        for index in range(45):
            look = _LOOKS[0] if index < 20 else second
            linker.add(
                index,
                40 * index,
                box(CENTRE)[None],
                lambda _, look=look: look,
                cut=index == 30,
                blended_ms=blended_ms if index == 30 else None,
            )
        assert linker.persons().tolist() == persons

    @pytest.mark.parametrize(("likeness", "same"), [(0.5, True), (0.0, False)])
    def test_the_mouth_counts_less(self, likeness, same):
        spoken = _LOOKS[0].copy()
        spoken[176:] *= likeness
        spoken[176:] += np.sqrt(1 - likeness**2) * _LOOKS[1][176:]
        looks = [_LOOKS[0], standardised(spoken)]
        assert bool(1 - looks[0] @ looks[1] < SAME_WHOLE_PATCH) is same
        linker = Linker()
        for index, look in ((0, 0), (100, 1)):
            linker.add(index, 40 * index, box(LEFT)[None], lambda _, look=look: looks[look])
        assert (linker.persons().tolist() == [0, 0]) is same

    def test_two_in_one_frame_are_never_one_however_alike(self):
        rows, _ = video(*[[(LEFT, 0), (RIGHT, 0)]] * 3)
        assert rows.person.tolist() == [0, 1] * 3

    def test_a_jump_that_no_head_makes_is_a_cut(self):
        _, cuts = video(*[[(LEFT, 0)]] * 3, [(RIGHT, 0)], [(RIGHT, 0)])
        assert cuts.tolist() == [3]

    def test_a_cut_after_which_the_face_is_found_late_is_one(self):
        _, cuts = video(*[[(LEFT, 0)]] * 3, [], [(RIGHT, 0)], [(RIGHT, 0)], cuts=[3])
        assert cuts.tolist() == [3]

    def test_a_slow_frame_rate_does_not_end_tracklets(self):
        rows, cuts = video(*[[(CENTRE, look)] for look in range(5)], step_ms=5000)
        assert set(rows.person) == {0}
        assert len(cuts) == 0


squares = st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 0.5))
faces = st.tuples(squares, st.integers(0, 7))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(faces, max_size=4), min_size=1, max_size=10), st.sets(st.integers(1, 9)))
def test_every_face_has_a_person_and_nobody_is_twice_in_a_frame(frames, cuts):
    rows, _ = video(*frames, cuts=cuts)
    pairs = list(zip(rows.frame.tolist(), rows.person.tolist(), strict=True))
    assert len(pairs) == len(set(pairs)) == sum(map(len, frames))
    seen = list(dict.fromkeys(rows.person.tolist()))
    assert seen == sorted(seen)
    found = clip_people(rows, np.array([], int), (0, len(frames)))
    assert (found.primary is None) == (len(pairs) == 0)


class TestPrimary:
    def test_nobody(self):
        found = clip([], [])
        assert (found.primary, found.persons, found.changes, found.cuts) == (None, 0, 0, 0)

    def test_the_nearer_to_the_centre_whoever_comes_first(self):
        assert clip(*[[(LEFT, 0), (CENTRE, 1)]] * 6).primary == 1
        assert clip(*[[(CENTRE, 1), (LEFT, 0)]] * 6).primary == 0

    def test_equal_distances_take_who_was_seen_first(self):
        # Exact in binary: the distances are equal to the last bit.
        left, right = (0.25, 0.5, 0.25), (0.75, 0.5, 0.25)
        assert clip([(right, 0)], *[[(left, 1), (right, 0)]] * 6).primary == 0

    @pytest.mark.parametrize(("length", "wins"), [(4, False), (5, True)])
    def test_half_of_the_longest_competes(self, length, wins):
        frames = [[(LEFT, 0), (CENTRE, 1)]] * length + [[(LEFT, 0)]] * (10 - length)
        assert (clip(*frames).primary == 1) is wins

    def test_a_poster_in_the_centre_does_not_win(self):
        frames = [[(CENTRE, 0), (LEFT, 1)]] * 10
        assert clip(*frames, lively=[1]).primary == 1
        assert clip(*frames, lively=[0, 1]).primary == 0
        assert clip(*frames).primary == 0

    def test_a_poster_stays_a_poster_in_a_clip_in_which_nobody_moves(self):
        frames = [[(CENTRE, 0), (LEFT, 1)]] * 12
        rows, cuts = video(*frames, lively=[1])
        rows.blendshapes[:] *= rows.frame[:, None] >= 6
        assert clip_people(rows, cuts, (0, 6)).primary == 1

    def test_the_span_decides_who_is_there(self):
        frames = [[(CENTRE, 0), (LEFT, 1)]] * 6 + [[(LEFT, 1)]] * 6
        assert clip(*frames, span=(0, 6)).primary == 0
        assert clip(*frames, span=(6, 12)).primary == 1

    def test_movement_by_hand(self):
        boxes = np.array([(0, 0, 1, 1), (1, 0, 2, 1)], float)
        blendshapes = np.zeros((2, 52))
        blendshapes[1, :26] = 1.0
        # The centre sways by 0.5 in x and not in y; half of the blendshapes by 0.5.
        assert movement(boxes, blendshapes) == pytest.approx(0.25 + 0.25)


class TestCutsAndChanges:
    def test_another_person_after_a_cut(self):
        found = clip(*[[(CENTRE, 0)]] * 6, *[[(CENTRE, 1)]] * 6, cuts=[6])
        assert (found.persons, found.changes, found.cuts) == (2, 1, 1)

    def test_shot_and_reverse_shot(self):
        frames = [[(CENTRE, look)] for look in (0, 1, 0, 1) for _ in range(6)]
        found = clip(*frames, cuts=[6, 12, 18])
        assert (found.persons, found.changes, found.cuts) == (2, 3, 3)

    def test_the_same_person_framed_anew(self):
        found = clip(*[[(LEFT, 0)]] * 6, *[[(RIGHT, 0)]] * 6, cuts=[6])
        assert (found.primary, found.persons, found.changes, found.cuts) == (0, 1, 0, 1)

    def test_two_people_who_are_both_there_are_no_change(self):
        frames = [[(LEFT, 0)]] * 6 + [[(LEFT, 0), (CENTRE, 1)]] * 6
        assert clip(*frames).changes == 0

    def test_a_false_detection_is_no_change_and_no_cut(self):
        frames = [[(CENTRE, 0)]] * 10 + [[]] * 40 + [[(LEFT, 1)]] * 2
        found = clip(*frames, cuts=[10])
        assert (found.persons, found.changes, found.cuts) == (1, 0, 0)

    def test_cuts_outside_the_span_do_not_count(self):
        frames = [[(CENTRE, 0)]] * 20
        assert clip(*frames, cuts=[5, 10, 15], span=(5, 15)).cuts == 1
