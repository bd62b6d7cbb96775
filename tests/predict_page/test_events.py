"""Events against values computed by hand, 10 frames a second."""

import numpy as np
import pytest

from facewave.face.blendshapes import BLENDSHAPES
from facewave.predict_page.events import episodes, find_events, lost_faces, smiles, surprises

NAN = float("nan")


def times(count):
    return 100 * np.arange(count, dtype=np.int64)


def short(events):
    return [(event.ms, event.kind, event.text) for event in events]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([0, 0.4, 0.3, 0.3, 0.1], [(1, 4)]),
        # It counts from where it reaches 0.35, and goes on down to 0.2.
        ([0.3, 0.3, 0.35, 0.2, 0.19, 0], [(2, 4)]),
        # 100 ms only.
        ([0, 0.4, 0.1, 0, 0], []),
        # Never large enough.
        ([0.3] * 9, []),
        # The loss of the face ends it; then another one begins.
        ([0.5, 0.5, NAN, 0.5, 0.5, 0.5], [(0, 2), (3, 6)]),
        # It lasts to the end: 100 ms between the last two frames are all that is known.
        ([0, 0, 0, 0.5, 0.5], []),
    ],
)
def test_episodes(value, expected):
    assert episodes(times(len(value)), np.array(value), on=0.35, off=0.2) == expected


def test_a_smile_is_where_it_is_largest_and_one_is_the_strongest():
    value = np.array([0, 0.4, 0.6, 0.5, 0.1, 0.5, 0.9, 0.4, 0.0, 0.36, 0.36, 0.3])
    assert short(smiles(times(12), value)) == [
        (200, "smile", "smile (0.60)"),
        (600, "smile", "strongest smile (0.90)"),
        (900, "smile", "smile (0.36)"),
    ]


def test_of_equal_smiles_the_first_is_the_strongest():
    value = np.array([0.5, 0.5, 0.5, 0, 0.5, 0.5, 0.5])
    assert [event.text for event in smiles(times(7), value)] == [
        "strongest smile (0.50)",
        "smile (0.50)",
    ]


def test_surprise_is_where_the_rise_begins():
    lift = np.array([0, 0.05, 0.1, 0.15, 0.25, 0.3, 0.2, 0.05, 0])
    assert short(surprises(times(9), lift)) == [
        (200, "surprise", "brows go up, as in surprise (+0.30)")
    ]


def test_surprise_is_measured_from_what_the_person_usually_shows():
    shapes = np.zeros((11, 52))
    # Brows that are always high: their median is 0.5; up by 0.3 for 400 ms.
    brows = [BLENDSHAPES.index(n) for n in ("browInnerUp", "browOuterUpLeft", "browOuterUpRight")]
    shapes[:, brows] = np.array([0.5] * 5 + [0.8] * 4 + [0.5] * 2)[:, None]
    found = find_events(times(11), np.ones(11, bool), shapes)
    assert short(found) == [(500, "surprise", "brows go up, as in surprise (+0.30)")]


@pytest.mark.parametrize(
    ("detected", "expected"),
    [
        # From frame 2 to 6 there is none: 500 ms until it is back.
        ("1100000111", [(200, "lost", "face lost for 0.5 s")]),
        ("1100001111", []),
        ("0000000111", []),
        ("0000000000", []),
        ("1111111110", [(900, "lost", "face lost until the end")]),
        ("0110000001", [(300, "lost", "face lost for 0.6 s")]),
    ],
)
def test_a_lost_face(detected, expected):
    seen = np.array([letter == "1" for letter in detected])
    assert short(lost_faces(times(len(seen)), seen)) == expected


def test_events_are_in_order_and_no_face_has_none():
    shapes = np.zeros((20, 52))
    shapes[10:14, [BLENDSHAPES.index(f"mouthSmile{side}") for side in ("Left", "Right")]] = 0.7
    detected = np.ones(20, bool)
    detected[2:8] = False
    shapes[~detected] = np.nan
    found = find_events(times(20), detected, shapes)
    assert [(event.ms, event.kind) for event in found] == [(200, "lost"), (1000, "smile")]
    assert find_events(times(3), np.zeros(3, bool), np.full((3, 52), np.nan)) == []
    assert find_events(times(0), np.zeros(0, bool), None) == []
