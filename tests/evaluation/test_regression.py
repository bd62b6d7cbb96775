"""Scores of predicted values against a straightforward bootstrap, and what is undefined."""

import numpy as np
import pytest

from facewave.evaluation.metrics import evaluate_regression
from facewave.evaluation.regression import SCORES, goodness, mean_scores, score_target
from facewave.evaluation.resampling import N_BOOTSTRAP
from facewave.evaluation.units import Units


def people(count, clips):
    return Units(kind="subjects", of_clip=np.repeat(np.arange(count), clips))


def made_up(units, seed=0):
    random = np.random.default_rng(seed)
    of_person = random.normal(size=units.count)[units.of_clip]
    truth = 40 + 3 * random.normal(size=of_person.size) + of_person
    return truth, np.stack([truth + of_person + random.normal(size=truth.size) for _ in range(2)])


def test_intervals_are_those_of_a_bootstrap_that_scores_each_sample():
    units = people(9, 7)
    truth, answers = made_up(units)
    found = score_target(
        truth, answers, np.full(truth.size, 40.0), name="valence", units=units, seed=3
    )
    counts = np.random.default_rng(3).multinomial(9, np.full(9, 1 / 9), size=N_BOOTSTRAP)
    scores = {name: [] for name in SCORES}
    for count in counts:
        rows = np.concatenate([np.repeat(np.flatnonzero(units.of_clip == u), 1) for u in
                               np.repeat(np.arange(9), count)])  # fmt: skip
        single = [
            evaluate_regression(truth[rows, None], own[rows, None], names=["valence"])[0]
            for own in answers
        ]
        for name, values in scores.items():
            values.append(np.mean([getattr(own, name) for own in single]))
    for name, values in scores.items():
        expected = np.quantile(values, [0.025, 0.975])
        np.testing.assert_allclose(found["interval"][name], expected, rtol=1e-6, err_msg=name)
    assert (found["interval"]["unit"], found["interval"]["n"]) == ("subjects", 9)


def test_the_mae_is_tested_against_the_training_mean_over_units():
    units = people(6, 5)
    truth, answers = made_up(units)
    baseline = np.full(truth.size, 46.0)
    found = score_target(truth, answers, baseline, name="v", units=units, seed=0)["against_mean"]
    gain = np.abs(46 - truth).mean() - np.abs(answers - truth).mean()
    assert found["difference"] == pytest.approx(gain)
    assert found["interval"][0] <= gain <= found["interval"][1]
    # Everybody gains: of 64 exchanges two are as far from 0.
    assert (found["exact"], found["p"], found["smallest_p"]) == (True, 2 / 64, 2 / 64)


def test_what_is_not_defined_is_null():
    units = people(4, 2)
    truth = np.arange(8.0)
    found = score_target(truth, np.ones((1, 8)), np.ones(8), name="v", units=units, seed=0)
    assert (found["model"]["pearson"], found["model"]["ccc"], found["std"]) == (None, 0.0, None)
    assert found["interval"]["pearson"] is None
    assert found["interval"]["ccc"] == pytest.approx([0, 0], abs=1e-9)
    assert found["against_mean"]["difference"] == 0
    assert found["against_mean"]["p"] == 1


def test_means_over_targets_are_in_standard_deviations():
    truth = np.array([[1.0, 100.0], [3.0, np.nan], [2.0, 300.0]])
    scores = mean_scores(truth, truth + np.array([0.5, 50.0]), std=np.array([0.5, 100.0]))
    assert scores["mae"] == pytest.approx((1 + 0.5) / 2)
    assert scores["pearson"] == pytest.approx(1)
    assert goodness("rmse", 2.0) == -2
    assert goodness("ccc", 0.5) == 0.5
    with pytest.raises(ValueError, match="no clip has a target"):
        mean_scores(np.full((2, 1), np.nan), np.ones((2, 1)), std=np.ones(1))
