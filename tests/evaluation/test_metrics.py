import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.evaluation.metrics import (
    evaluate,
    evaluate_majority,
    majority_class,
    majority_predictions,
    unweighted_average_recall,
)

ABC = ("a", "b", "c")


def test_scores_computed_by_hand():
    scores = evaluate([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2], classes=ABC)
    assert scores.n == 6
    assert scores.uar == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert scores.war == pytest.approx(4 / 6)
    assert scores.macro_f1 == pytest.approx((0.8 + 0.5 + 2 / 3) / 3)
    assert scores.confusion == ((2, 1, 0), (0, 1, 1), (0, 0, 1))
    a, b, c = scores.per_class
    assert (a.name, a.precision, a.recall, a.f1, a.support) == (
        "a",
        1.0,
        pytest.approx(2 / 3),
        pytest.approx(0.8),
        3,
    )
    assert (b.precision, b.recall, b.f1, b.support) == (0.5, 0.5, 0.5, 2)
    assert (c.precision, c.recall, c.f1, c.support) == (0.5, 1.0, pytest.approx(2 / 3), 1)


def test_true_comes_first():
    scores = evaluate([0, 0, 0], [1, 1, 0], classes=ABC)
    assert scores.confusion[0] == (1, 2, 0)


def test_absent_class_counts_in_no_mean():
    scores = evaluate([0, 0, 1, 1], [0, 2, 1, 1], classes=ABC)
    assert scores.uar == pytest.approx((0.5 + 1) / 2)
    assert scores.macro_f1 == pytest.approx((2 / 3 + 1) / 2)
    absent = scores.per_class[2]
    assert (absent.precision, absent.recall, absent.f1, absent.support) == (0.0, None, 0.0, 0)


def test_class_neither_there_nor_predicted_is_undefined_throughout():
    absent = evaluate([0, 1], [0, 1], classes=ABC).per_class[2]
    assert (absent.precision, absent.recall, absent.f1) == (None, None, None)


def test_class_never_predicted_has_no_precision_but_an_f1_of_zero():
    scores = evaluate([0, 1], [0, 0], classes=("a", "b"))
    assert scores.per_class[1].precision is None
    assert scores.per_class[1].f1 == 0.0
    assert scores.macro_f1 == pytest.approx((2 / 3 + 0) / 2)


def test_one_class_only():
    scores = evaluate([1], [1], classes=ABC)
    assert (scores.uar, scores.war, scores.macro_f1) == (1.0, 1.0, 1.0)


def test_json_holds_everything_and_no_nan():
    scores = evaluate(np.array([0, 1], np.int32), np.array([0, 0]), classes=ABC)
    content = json.loads(json.dumps(scores.to_json(), allow_nan=False))
    assert content["confusion"] == [[1, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert content["per_class"][2] == {
        "name": "c",
        "precision": None,
        "recall": None,
        "f1": None,
        "support": 0,
    }


@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        ([], [], "no clip to score"),
        ([0, 1], [0], "equally long"),
        ([[0], [1]], [[0], [1]], "one-dimensional"),
        ([0, 3], [0, 1], "y_true has 0 to 3"),
        ([0, 1], [0, -1], "y_pred has -1 to 0"),
        ([0.0, 1.0], [0, 1], "class indexes"),
    ],
)
def test_nonsense_is_refused(y_true, y_pred, message):
    with pytest.raises(ValueError, match=message):
        evaluate(y_true, y_pred, classes=ABC)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_scores_follow_from_the_confusion_matrix(pairs):
    y_true, y_pred = (list(column) for column in zip(*pairs, strict=True))
    scores = evaluate(y_true, y_pred, classes=("a", "b", "c", "d"))
    confusion = np.array(scores.confusion)
    support = confusion.sum(axis=1)
    recalls = np.diag(confusion)[support > 0] / support[support > 0]
    assert confusion.sum() == scores.n == len(pairs)
    assert scores.war == pytest.approx(np.trace(confusion) / len(pairs))
    assert scores.uar == pytest.approx(recalls.mean())
    assert scores.uar == unweighted_average_recall(y_true, y_pred)
    assert [entry.support for entry in scores.per_class] == support.tolist()


def test_majority_class_takes_the_lower_index_of_a_tie():
    assert majority_class([2, 1, 2, 1, 0], n_classes=3) == 1
    with pytest.raises(ValueError, match="no training clip"):
        majority_class([], n_classes=3)


def test_majority_baseline():
    assert majority_predictions([1, 1, 0], n=2, n_classes=3).tolist() == [1, 1]
    scores = evaluate_majority([1, 1, 0], [0, 1, 1, 2], classes=ABC)
    assert scores.uar == pytest.approx(1 / 3)
    assert scores.war == 0.5
