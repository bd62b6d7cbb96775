"""The linear model beside the MLP."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from facewave.evaluation.metrics import unweighted_average_recall
from facewave.mlp.linear import PENALTIES, fit_linear
from facewave.mlp.parts import without_features
from facewave.mlp.standardise import gather
from tests.mlp.quick_training import FUSED, PLAIN, fit_model, fused, make_table


@pytest.fixture
def parts(tmp_path):
    return {
        name: make_table(tmp_path, n, name=name, seed=place, signal=4.0, invalid=1)
        for place, (name, n) in enumerate((("train", 60), ("val", 30), ("test", 30)))
    }


@pytest.mark.parametrize("options", [PLAIN, FUSED])
def test_it_learns_and_says_how_strong_its_penalty_is(tmp_path, parts, options):
    model, _ = fit_model(tmp_path, parts["train"], parts["val"], options=options)
    found = fit_linear(model, parts)
    assert found.c in PENALTIES
    for name in ("val", "test"):
        answers = found.probabilities[name]
        assert (answers.shape, answers.dtype) == ((30, 3), np.float32)
        np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)
    valid = parts["test"].valid
    answers = found.probabilities["test"].argmax(axis=1)
    assert unweighted_average_recall(parts["test"].labels[valid], answers[valid]) > 0.8
    nothing = without_features(model.prior.numpy(), "balanced")
    np.testing.assert_allclose(found.probabilities["test"][~valid], [nothing])


def test_it_is_scikit_learns_on_the_mlps_projections(tmp_path, parts):
    options = fused(refit=False)
    model, _ = fit_model(tmp_path, parts["train"], parts["val"], options=options)
    found = fit_linear(model, parts)

    def columns(name):
        table = parts[name]
        features = model.scaler(gather(table, options.inputs, np.flatnonzero(table.valid)))
        values = model.network.projection(features).numpy()
        return values * np.sqrt(values.shape[1] / len(options.inputs))

    train = parts["train"]
    oracle = LogisticRegression(C=found.c, class_weight="balanced", max_iter=300)
    oracle.fit(columns("train"), train.labels[train.valid])
    expected = oracle.predict_proba(columns("test"))
    valid = parts["test"].valid
    np.testing.assert_allclose(found.probabilities["test"][valid], expected, atol=2e-3)


def test_the_test_part_decides_nothing(tmp_path, parts):
    model, _ = fit_model(tmp_path, parts["train"], parts["val"], options=FUSED)
    found = fit_linear(model, parts)
    wrong = replace(parts["test"], labels=(parts["test"].labels + 1) % 3)
    again = fit_linear(model, parts | {"test": wrong})
    assert again.c == found.c
    np.testing.assert_array_equal(again.probabilities["test"], found.probabilities["test"])


def test_a_class_that_was_not_trained_is_never_answered(tmp_path, parts):
    train = parts["train"].take(np.flatnonzero(parts["train"].labels != 2))
    model, _ = fit_model(tmp_path, train, parts["val"], options=fused(refit=False))
    found = fit_linear(model, parts | {"train": train})
    assert found.probabilities["test"][:, 2].max() == 0
