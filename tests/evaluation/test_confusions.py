"""Wrong answers by hand: clips by certainty, pairs of classes by fraction."""

import csv

import numpy as np

from facewave.evaluation.confusions import ConfusedClip, find_confused_classes, find_confused_clips
from facewave.evaluation.evaluate import Fold
from facewave.evaluation.predictions import Predictions
from facewave.storage.tables import write_rows

CLASSES = ("sad", "happy", "angry")


def fold(name, labels, probabilities, valid=None):
    values = np.float32(probabilities)
    n = len(labels)
    test = Predictions(
        clip_ids=[f"{name}{i}" for i in range(n)],
        parts=["test"] * n,
        labels=np.array(labels),
        predicted=values.argmax(axis=1),
        valid=np.ones(n, bool) if valid is None else np.array(valid),
        probabilities=values,
        classes=CLASSES,
        metadata={},
    )
    return Fold(name=name, test=test, train_labels=np.array([0, 1, 2]))


FOLDS = [
    fold("x", [0, 0, 1], [[0.2, 0.7, 0.1], [0.8, 0.1, 0.1], [0.0, 0.1, 0.9]]),
    fold("y", [0, 1], [[0.1, 0.5, 0.4], [0.6, 0.3, 0.1]], valid=[True, False]),
]


def test_clips_come_by_certainty():
    found = find_confused_clips(FOLDS)
    assert [(c.clip_id, c.truth, c.predicted) for c in found] == [
        ("x2", "happy", "angry"),
        ("x0", "sad", "happy"),
        ("y1", "happy", "sad"),
        ("y0", "sad", "happy"),
    ]
    np.testing.assert_allclose([c.probability for c in found], [0.9, 0.7, 0.6, 0.5], rtol=1e-6)
    np.testing.assert_allclose([c.truth_probability for c in found], [0.1, 0.2, 0.3, 0.1])
    assert [c.valid for c in found] == [True, True, False, True]


def test_pairs_come_by_fraction_of_the_true_class():
    found = find_confused_classes(FOLDS)
    assert [(p.truth, p.predicted, p.clips) for p in found] == [
        ("sad", "happy", 2),
        ("happy", "angry", 1),
        ("happy", "sad", 1),
    ]
    np.testing.assert_allclose([p.share for p in found], [2 / 3, 1 / 2, 1 / 2])
    np.testing.assert_allclose([p.probability for p in found], [0.6, 0.9, 0.6], rtol=1e-6)


def test_nothing_wrong_is_an_empty_table(tmp_path):
    right = [fold("x", [1], [[0.1, 0.8, 0.1]])]
    assert find_confused_clips(right) == []
    assert find_confused_classes(right) == []
    write_rows(tmp_path / "clips.csv", ConfusedClip, [])
    assert (tmp_path / "clips.csv").read_text().startswith("clip_id,fold,truth")


def test_table_has_plain_values(tmp_path):
    write_rows(tmp_path / "clips.csv", ConfusedClip, find_confused_clips(FOLDS))
    with (tmp_path / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[2]["valid"] == "false"
    assert rows[0]["probability"] == "0.9000"
