"""Word error rate beside values counted by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewave.speech.word_errors import WordErrors, add_up, word_errors, words_of

SAID = "Kids are talking by the door"


@pytest.mark.parametrize(
    ("said", "heard", "counts"),
    [
        (SAID, "kids are talking by the door", (6, 0, 0, 0)),
        (SAID, "", (6, 0, 6, 0)),
        ("", "by the door", (0, 0, 0, 3)),
        (SAID, "kids are by the door", (6, 0, 1, 0)),
        (SAID, "kids are talking him by the door", (6, 0, 0, 1)),
        # talking -> taught, and him put in.
        (SAID, "kids are taught him by the door", (6, 1, 0, 1)),
        # Kids are talking by -> gervais to talk to, and my put in.
        (SAID, "gervais to talk to my the door", (6, 4, 0, 1)),
        ("Dogs are sitting by the door", "Kids are talking by the door.", (6, 2, 0, 0)),
    ],
)
def test_counted_by_hand(said, heard, counts):
    assert word_errors(said, heard) == WordErrors(*counts)


def test_words_are_compared_without_case_and_punctuation():
    assert words_of("Don’t  STOP -- it's (20) cafés!") == ["don't", "stop", "it's", "20", "cafés"]
    assert word_errors("Straße, Ｗａｉｔ", "STRASSE wait").errors == 0


def test_rates_weigh_words_alike_and_may_pass_one():
    parts = [word_errors("a b c d", "a b c d"), word_errors("a", "x y z")]
    assert parts[1].rate == 3.0
    assert add_up(parts).rate == pytest.approx(3 / 5)
    assert add_up([]).rate is None


texts = st.lists(st.sampled_from(["a", "b", "c"]), max_size=7).map(" ".join)


@given(texts, texts, texts)
def test_it_is_a_distance(one, two, three):
    there, back = word_errors(one, two), word_errors(two, one)
    assert there.errors == back.errors
    assert (there.errors == 0) == (one == two)
    assert there.errors <= word_errors(one, three).errors + word_errors(three, two).errors
    assert there.words - there.deleted + there.inserted == len(two.split())
    assert there.errors <= max(len(one.split()), len(two.split()))
