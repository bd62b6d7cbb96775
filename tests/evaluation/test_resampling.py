import json

import numpy as np
import pytest

from facewave.evaluation.metrics import evaluate
from facewave.evaluation.resampling import (
    N_BOOTSTRAP,
    paired_permutation,
    score_intervals,
    stratified_interval,
)


def answers(n, *, accuracy, seed=0, classes=3):
    random = np.random.default_rng(seed)
    truth = random.integers(0, classes, n)
    wrong = (truth + 1) % classes
    return truth, np.where(random.random(n) < accuracy, truth, wrong)


def test_interval_over_clips_is_that_of_a_plain_bootstrap():
    truth, predicted = answers(150, accuracy=0.7)
    found = score_intervals(truth, predicted, n_classes=3, seed=1)
    random = np.random.default_rng(2)
    drawn = [random.integers(0, 150, 150) for _ in range(N_BOOTSTRAP)]
    names = ("a", "b", "c")
    scores = [evaluate(truth[rows], predicted[rows], classes=names) for rows in drawn[:500]]
    for name in ("uar", "war"):
        plain = np.quantile([getattr(score, name) for score in scores], [0.025, 0.975])
        np.testing.assert_allclose(found["clips"][name], plain, atol=0.02)
    assert found["clips"]["n"] == 150
    assert found["subjects"] is None


def test_interval_over_subjects_is_wider_where_people_differ():
    truth, _ = answers(200, accuracy=1)
    people = np.arange(200) // 20
    predicted = np.where(
        people < 5, truth, (truth + 1) % 3
    )  # each person is all right or all wrong
    names = [f"s{person}" for person in people]
    found = score_intervals(truth, predicted, n_classes=3, seed=1, subjects=names)
    clips, subjects = (np.diff(found[name]["war"])[0] for name in ("clips", "subjects"))
    assert subjects > 2 * clips
    assert found["subjects"]["n"] == 10


def test_intervals_are_seeded_and_json():
    truth, predicted = answers(50, accuracy=0.5)
    subjects = ["a", "b"] * 25
    first = score_intervals(truth, predicted, n_classes=3, seed=4, subjects=subjects)
    assert first == score_intervals(truth, predicted, n_classes=3, seed=4, subjects=subjects)
    assert first != score_intervals(truth, predicted, n_classes=3, seed=5, subjects=subjects)
    assert json.loads(json.dumps(first)) == first


@pytest.mark.parametrize("subjects", [["a"] * 4, ["a", "b", None, "a"], None])
def test_no_interval_over_subjects_without_two_known_ones(subjects):
    truth = np.array([0, 1, 0, 1])
    found = score_intervals(truth, truth, n_classes=2, seed=0, subjects=subjects)
    assert found["subjects"] is None
    assert found["clips"]["war"] == [1.0, 1.0]


def test_a_class_that_is_never_true_does_not_count():
    truth, predicted = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2])
    found = score_intervals(truth, predicted, n_classes=3, seed=0)
    assert found["clips"]["uar"][1] == 1.0
    assert np.isfinite(found["clips"]["uar"]).all()


def test_a_stratum_keeps_its_size():
    strata = np.array([0] * 10 + [1] * 30)
    # Equal contributions within a stratum: whatever is drawn, the sum stays.
    contributions = np.where(strata == 0, 0.05, 0.01)
    np.testing.assert_allclose(stratified_interval(contributions, strata, seed=0), 0.8)


def test_interval_of_a_mean_is_that_of_the_normal_approximation():
    values = np.random.default_rng(3).normal(5, 2, 400)
    low, high = stratified_interval(values / 400, np.zeros(400, np.int64), seed=1)
    half = 1.96 * values.std() / 20
    np.testing.assert_allclose([low, high], values.mean() + np.array([-half, half]), atol=0.02)
    assert (low, high) == stratified_interval(values / 400, np.zeros(400, np.int64), seed=1)


def test_paired_permutation_by_hand():
    # Three equal differences: 2 of the 8 sign patterns are as large.
    assert paired_permutation(np.ones(3), seed=0) == pytest.approx(0.25, abs=0.03)
    assert paired_permutation(np.zeros(5), seed=0) == 1
