"""Scores of predicted numbers, by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.evaluation.regression import evaluate_regression


def scores(true, predicted):
    (found,) = evaluate_regression(
        np.array(true)[:, None], np.array(predicted)[:, None], names=["score"]
    )
    return found


def test_by_hand():
    # Means 2 and 3, variances 2/3 and 8/3, covariance 4/3.
    found = scores([1.0, 2.0, 3.0], [1.0, 3.0, 5.0])
    assert found.name == "score"
    assert found.n == 3
    assert found.mae == pytest.approx(1.0)
    assert found.rmse == pytest.approx(math.sqrt(5 / 3))
    assert found.pearson == pytest.approx(1.0)
    assert found.ccc == pytest.approx((2 * 4 / 3) / (2 / 3 + 8 / 3 + 1))


def test_a_second_case_by_hand():
    # Deviations (-1.5, -.5, .5, 1.5) and (1.5, -.5, .5, -1.5): covariance (-2.25+.25+.25-2.25)/4.
    found = scores([0.0, 1.0, 2.0, 3.0], [4.0, 2.0, 3.0, 1.0])
    assert found.mae == pytest.approx((4 + 1 + 1 + 2) / 4)
    assert found.rmse == pytest.approx(math.sqrt((16 + 1 + 1 + 4) / 4))
    assert found.pearson == pytest.approx(-1.0 / 1.25)
    assert found.ccc == pytest.approx(-2.0 / (1.25 + 1.25 + 1.0))


def test_what_does_not_vary_has_no_correlation():
    found = scores([1.0, 2.0], [3.0, 3.0])
    assert found.pearson is None
    assert found.ccc == 0.0
    same = scores([3.0, 3.0], [3.0, 3.0])
    assert (same.pearson, same.ccc, same.mae) == (None, None, 0.0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=3, max_size=30),
    st.floats(0.1, 5),
    st.floats(-5, 5),
)
def test_bounds_and_invariance(pairs, scale, shift):
    true, predicted = (np.array(side) for side in zip(*pairs, strict=True))
    found = scores(true, predicted)
    assert found.mae <= found.rmse + 1e-9
    if true.std() > 1e-3 and predicted.std() > 1e-3:
        assert abs(found.ccc) <= abs(found.pearson) + 1e-9 <= 1 + 2e-9
        assert found.pearson == pytest.approx(np.corrcoef(true, predicted)[0, 1], abs=1e-9)
        moved = scores(scale * true + shift, scale * predicted + shift)
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
def test_what_cannot_be_scored_is_refused(true, predicted, message):
    with pytest.raises(ValueError, match=message):
        evaluate_regression(true, predicted, names=["score"])
