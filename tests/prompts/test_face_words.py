"""Blendshapes in words."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from facewave.annotation.emotion_words import banned_pattern, banned_words
from facewave.face.blendshapes import BLENDSHAPES, without_side
from facewave.prompts.face_words import NO_FACE, STILL, WORDS, check_layout, face_words


def curves(**given):
    values = np.zeros((4, 52), np.float32)
    for name, curve in given.items():
        values[:, BLENDSHAPES.index(name)] = curve
    return values


def test_every_blendshape_but_the_neutral_one_has_words():
    alone = {"jawLeft", "jawRight", "mouthLeft", "mouthRight"}
    names = {n if n in alone else without_side(n) for n in BLENDSHAPES} - {"_neutral"}
    assert set(WORDS) == names
    assert len(set(WORDS.values())) == len(WORDS)


def test_words_name_no_emotion():
    pattern = banned_pattern()
    for text in [*WORDS.values(), NO_FACE, STILL]:
        assert banned_words(text, pattern) == []


@pytest.mark.parametrize(
    ("curve", "motion"),
    [
        ([0.7, 0.7, 0.7, 0.7], "steady"),
        ([0.1, 0.3, 0.5, 0.7], "grows"),
        ([0.7, 0.5, 0.3, 0.1], "fades"),
        ([0.1, 0.7, 0.7, 0.1], "comes and goes"),
        ([0.7, 0.1, 0.1, 0.7], "goes and comes back"),
    ],
)
def test_motion_by_hand(curve, motion):
    said = face_words(curves(jawOpen=curve))
    assert said == f"Measured on the face, strongest first: mouth open strongly ({motion})."


def test_strongest_first_sides_and_degrees():
    said = face_words(
        curves(
            mouthSmileLeft=[0.4] * 4,
            mouthSmileRight=[0.5] * 4,
            browDownLeft=[0.9] * 4,
            eyeBlinkRight=[0.2] * 4,
            jawOpen=[0.1] * 4,
        )
    )
    assert said == (
        "Measured on the face, strongest first: brows lowered on the left side strongly (steady), "
        "mouth corners pulled up clearly (steady), eyes closed on the right side slightly (steady)."
    )
    assert said.count("(") == 3
    few = face_words(curves(browDownLeft=[0.9] * 4, jawOpen=[0.8] * 4), count=1)
    assert "mouth" not in few


def test_a_still_face_and_none():
    assert face_words(curves(jawOpen=[0.05] * 4)) == STILL
    assert face_words(np.zeros((4, 52), np.float32), valid=False) == NO_FACE


def test_refused_arrays_and_layouts():
    with pytest.raises(ValueError, match=r"expected \(K, 52\)"):
        face_words(np.zeros((4, 51), np.float32))
    with pytest.raises(ValueError, match="NaN or infinite"):
        face_words(np.full((4, 52), np.nan, np.float32))
    check_layout({"wavelet": {"layout": "segments"}})
    with pytest.raises(ValueError, match="segments or uniform"):
        check_layout({"wavelet": {"layout": "pyramid"}})


@settings(max_examples=60, deadline=None)
@given(arrays(np.float32, (3, 52), elements=st.floats(-0.125, 1.0, width=32)), st.integers(1, 6))
def test_never_more_than_asked_for(values, count):
    said = face_words(values, count=count)
    assert said == STILL or 1 <= len(re.findall(r"\(\w[\w ]*\)", said)) <= count
