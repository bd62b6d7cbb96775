import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from facewave.evaluation.metrics import (
    calibration_error,
    evaluate,
    evaluate_regression,
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
def test_scores_are_those_of_scikit_learn(pairs):
    y_true, y_pred = (list(column) for column in zip(*pairs, strict=True))
    scores = evaluate(y_true, y_pred, classes=("a", "b", "c", "d"))
    expected = precision_recall_fscore_support(
        y_true, y_pred, labels=range(4), zero_division=np.nan
    )
    for values, name in zip(expected, ("precision", "recall", "f1", "support"), strict=True):
        found = [getattr(entry, name) for entry in scores.per_class]
        np.testing.assert_allclose(np.array(found, float), values, rtol=1e-12)
    occurs = expected[3] > 0
    assert scores.macro_f1 == pytest.approx(expected[2][occurs].mean())
    assert scores.uar == pytest.approx(expected[1][occurs].mean())
    assert scores.uar == unweighted_average_recall(y_true, y_pred)
    assert scores.war == pytest.approx(accuracy_score(y_true, y_pred))
    confusion = confusion_matrix(y_true, y_pred, labels=range(4))
    assert scores.confusion == tuple(map(tuple, confusion.tolist()))
    assert scores.n == len(pairs)


def test_majority_class_takes_the_lower_index_of_a_tie():
    assert majority_predictions([2, 1, 2, 1, 0], n=2, n_classes=3).tolist() == [1, 1]
    with pytest.raises(ValueError, match="no training clip"):
        majority_predictions([], n=2, n_classes=3)


def test_calibration_error_by_hand():
    probabilities = np.float32([[0.95, 0.05], [0.95, 0.05], [0.65, 0.35], [0.35, 0.65]])
    found = calibration_error(probabilities, np.array([0, 1, 0, 1]))
    assert found == pytest.approx((0.9 + 0.7) / 4, abs=1e-6)


# Values


def value_scores(true, predicted):
    (found,) = evaluate_regression(
        np.array(true)[:, None], np.array(predicted)[:, None], names=["score"]
    )
    return found


def test_values_by_hand():
    # Means 2 and 3, variances 2/3 and 8/3, covariance 4/3.
    found = value_scores([1.0, 2.0, 3.0], [1.0, 3.0, 5.0])
    assert found.name == "score"
    assert found.n == 3
    assert found.mae == pytest.approx(1.0)
    assert found.rmse == pytest.approx(math.sqrt(5 / 3))
    assert found.pearson == pytest.approx(1.0)
    assert found.ccc == pytest.approx((2 * 4 / 3) / (2 / 3 + 8 / 3 + 1))


def test_values_that_fall_by_hand():
    # Deviations (-1.5, -.5, .5, 1.5) and (1.5, -.5, .5, -1.5): covariance (-2.25+.25+.25-2.25)/4.
    found = value_scores([0.0, 1.0, 2.0, 3.0], [4.0, 2.0, 3.0, 1.0])
    assert found.mae == pytest.approx((4 + 1 + 1 + 2) / 4)
    assert found.rmse == pytest.approx(math.sqrt((16 + 1 + 1 + 4) / 4))
    assert found.pearson == pytest.approx(-1.0 / 1.25)
    assert found.ccc == pytest.approx(-2.0 / (1.25 + 1.25 + 1.0))


def test_values_that_do_not_vary_have_no_correlation():
    found = value_scores([1.0, 2.0], [3.0, 3.0])
    assert found.pearson is None
    assert found.ccc == 0.0
    same = value_scores([3.0, 3.0], [3.0, 3.0])
    assert (same.pearson, same.ccc, same.mae) == (None, None, 0.0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=3, max_size=30),
    st.floats(0.1, 5),
    st.floats(-5, 5),
)
def test_bounds_and_invariance_of_scores_of_values(pairs, scale, shift):
    true, predicted = (np.array(side) for side in zip(*pairs, strict=True))
    found = value_scores(true, predicted)
    assert found.mae <= found.rmse + 1e-9
    if true.std() > 1e-3 and predicted.std() > 1e-3:
        assert abs(found.ccc) <= abs(found.pearson) + 1e-9 <= 1 + 2e-9
        assert found.pearson == pytest.approx(np.corrcoef(true, predicted)[0, 1], abs=1e-9)
        moved = value_scores(scale * true + shift, scale * predicted + shift)
        assert moved.ccc == pytest.approx(found.ccc, abs=1e-9)
        assert moved.rmse == pytest.approx(scale * found.rmse, abs=1e-9)


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        (np.zeros((0, 1)), np.zeros((0, 1)), "no clip"),
        (np.zeros((2, 1)), np.zeros((2, 2)), r"\(clips, 1\)"),
        (np.array([[1.0], [np.nan]]), np.zeros((2, 1)), "finite"),
    ],
)
def test_values_that_cannot_be_scored_are_refused(true, predicted, message):
    with pytest.raises(ValueError, match=message):
        evaluate_regression(true, predicted, names=["score"])
