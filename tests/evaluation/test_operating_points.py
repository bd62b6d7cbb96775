"""Scores with all classes equally likely, and with their frequencies put back."""

from dataclasses import replace

import numpy as np
import pytest

from facewave.evaluation.operating_points import at_point, operating_points
from tests.evaluation.predicted import predicted_classes

FREQUENCIES = [0.8, 0.2]


def made(probabilities, labels, *, class_weights="balanced"):
    probabilities = np.array(probabilities, np.float32)
    test = predicted_classes(
        [f"c{i}" for i in range(len(labels))],
        labels,
        probabilities.argmax(axis=1),
        classes=("often", "rare"),
    )
    training = {"options": {"class_weights": class_weights}, "class_frequencies": FREQUENCIES}
    return replace(test, probabilities=probabilities, metadata={"training": training})


def test_frequencies_are_put_back_by_hand():
    test = made([[0.4, 0.6], [0.5, 0.5]], [0, 1])
    moved = at_point(test, "frequencies")
    # 0.4 * 0.8 = 0.32 and 0.6 * 0.2 = 0.12
    np.testing.assert_allclose(moved, [[0.32 / 0.44, 0.12 / 0.44], [0.8, 0.2]], rtol=1e-6)
    np.testing.assert_array_equal(at_point(test, "balanced"), test.probabilities)


def test_what_was_trained_with_frequencies_is_balanced_the_other_way():
    test = made([[0.8, 0.2]], [0], class_weights="none")
    np.testing.assert_allclose(at_point(test, "balanced"), [[0.5, 0.5]], rtol=1e-6)
    assert operating_points([[test]])["trained"] == "frequencies"


def test_a_clip_without_features_has_the_frequencies_where_they_are_put_back():
    test = made([[0.999 * 0.5 + 0.001 * 0.8, 0.999 * 0.5 + 0.001 * 0.2]], [1])
    np.testing.assert_allclose(at_point(test, "frequencies"), [FREQUENCIES], atol=1e-3)


def test_both_points_are_scored_over_folds_and_seeds():
    first = [made([[0.4, 0.6], [0.1, 0.9]], [0, 1])] * 2
    second = [made([[0.45, 0.55]], [0])] * 2
    found = operating_points([first, second])
    assert found["trained"] == "balanced"
    # Balanced: both clips of the frequent class are taken for the rare one.
    assert (found["balanced"]["uar"], found["balanced"]["war"]) == (0.5, pytest.approx(1 / 3))
    assert (found["frequencies"]["uar"], found["frequencies"]["war"]) == (1.0, 1.0)
    expected = -np.log([0.4, 0.9, 0.45]).mean()
    assert found["balanced"]["nll"] == pytest.approx(expected, rel=1e-5)
    assert found["frequencies"]["nll"] < found["balanced"]["nll"]


def test_on_a_corpus_as_in_training_frequencies_cost_uar_and_give_war_and_likelihood():
    rng = np.random.default_rng(0)
    labels = (rng.random(4000) < 0.2).astype(int)
    values = rng.normal(labels * 1.5, 1.0)
    # The exact posterior of equally frequent classes.
    rare = 1 / (1 + np.exp(-(1.5 * values - 1.5**2 / 2)))
    found = operating_points([[made(np.stack([1 - rare, rare], axis=1), labels)]])
    balanced, frequencies = found["balanced"], found["frequencies"]
    assert balanced["uar"] > frequencies["uar"] + 0.03
    assert frequencies["war"] > balanced["war"] + 0.03
    assert frequencies["nll"] < balanced["nll"]
    assert frequencies["ece"] < 0.02


def test_models_that_do_not_say_how_they_were_trained_have_none():
    assert operating_points([[predicted_classes(["a"], [0], [1])]]) is None
