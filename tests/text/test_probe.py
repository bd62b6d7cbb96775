import random

import pytest

from facewave.text.probe import probe_texts

CLASSES = ("neutral", "happy", "sad")


def texts_of(n, *, telling):
    """Texts of 3 classes; where they tell, one word goes with the class."""
    maker = random.Random(0)
    words = ["window", "lamp", "street", "table", "coat", "hand", "wall", "door"]
    marks = ["tears", "grin", "fist"]
    labels = [i % 3 for i in range(n)]
    texts = [
        " ".join(maker.sample(words, 5)) + (f" {marks[label]}" if telling else "")
        for label in labels
    ]
    return texts, labels


def test_probe_finds_what_gives_the_label_away():
    texts, labels = texts_of(90, telling=True)
    found = probe_texts(texts, labels, classes=CLASSES, seed=0)
    assert found["uar"] == 1
    assert found["gives_away"]
    assert found["shuffled_uar"] == pytest.approx(1 / 3, abs=0.15)
    assert "fist" in found["words"]["sad"]


def test_probe_finds_nothing_where_nothing_is():
    texts, labels = texts_of(90, telling=False)
    found = probe_texts(texts, labels, classes=CLASSES, seed=0)
    assert found["uar"] < 0.5
    assert not found["gives_away"]


def test_probe_keeps_subjects_apart():
    """Words that belong to a subject, and a subject of one class: only a leak would score."""
    labels = [i % 3 for i in range(60)]
    subjects = [f"s{i % 15}" for i in range(60)]
    texts = [f"room{name} lamp{name} coat" for name in subjects]
    apart = probe_texts(texts, labels, classes=CLASSES, groups=subjects, seed=0)
    assert apart["grouped_by_subject"]
    assert apart["uar"] < 0.6 < probe_texts(texts, labels, classes=CLASSES, seed=0)["uar"]


def test_probe_says_why_it_cannot():
    few = probe_texts(["a b"] * 6, [0, 0, 0, 0, 0, 1], classes=CLASSES, seed=0)
    assert few["uar"] is None
    assert few["left_out"] == ["happy"]
    assert "too few classes" in few["reason"]
    alone = probe_texts(["ab"] * 12, [0, 1] * 6, classes=CLASSES, groups=["s"] * 12, seed=0)
    assert "too few subjects" in alone["reason"]
    empty = probe_texts(["a"] * 12, [0, 1] * 6, classes=CLASSES, seed=0)
    assert "cannot be probed" in empty["reason"]


def test_probe_reads_chinese():
    labels = [i % 3 for i in range(60)]
    marks = ["他流着眼泪", "他咧着嘴角", "他握着拳头"]
    chinese = [f"在房间里{marks[label]}走来走去" for label in labels]
    assert probe_texts(chinese, labels, classes=CLASSES, seed=0)["uar"] == 1
