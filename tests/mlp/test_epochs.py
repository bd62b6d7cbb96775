"""What a step minimises: losses computed by hand, weighted by class, with labels and with votes."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from facewave.mlp.model import predict
from facewave.mlp.options import FusionOptions, MlpOptions
from tests.mlp.quick_training import (
    INPUTS,
    PLAIN,
    divided_votes,
    fit_model,
    fused,
    make_table,
    unanimous_votes,
)

VOTED = MlpOptions(
    inputs=INPUTS,
    hidden=(8,),
    dropout=0.0,
    learning_rate=0.01,
    batch_size=64,
    max_epochs=3,
    soft_labels=True,
)
FUSION = FusionOptions(
    projection=8, standardise="column", mirror=False, schedule="constant", ensemble=2
)
BOTH = pytest.mark.parametrize(
    "options", [VOTED, replace(VOTED, fusion=FUSION)], ids=["plain", "fused"]
)


@pytest.fixture
def table(tmp_path):
    return partial(make_table, tmp_path)


@pytest.fixture
def fit(tmp_path):
    return partial(fit_model, tmp_path)


def test_loss_is_weighted_by_the_training_frequencies(table, fit):
    train, val = table(40, seed=1), table(30, seed=2)
    train.labels[:] = [0] * 30 + [1] * 6 + [2] * 4
    rows = []
    model, _ = fit(train, val, options=replace(PLAIN, max_epochs=1), on_epoch=rows.append)
    weights = (40 / (3 * np.array([30, 6, 4])))[val.labels]
    losses = -np.log(predict(model, val)[np.arange(30), val.labels])
    assert rows[0].val_loss == pytest.approx((weights * losses).sum() / weights.sum(), rel=1e-4)
    assert rows[0].val_loss != pytest.approx(losses.mean(), rel=1e-2)


def test_class_absent_from_training_does_no_harm(table, fit):
    rows = []
    model, _ = fit(table(40, n_classes=2), table(9, seed=2), on_epoch=rows.append)
    assert np.isfinite([row.val_loss for row in rows]).all()
    answers = predict(model, table(9, seed=2))
    assert answers.shape == (9, 3)
    assert np.isfinite(answers).all()


# Votes


def by_hand(model, part, weights, smoothing):
    """Return the loss of each clip (weights inside), and its weight."""
    logs = np.log(predict(model, part).astype(np.float64))
    losses, sums = [], []
    for label, votes, answer in zip(part.labels, part.label_distributions, logs, strict=True):
        shares = np.eye(3)[label] if np.isnan(votes[0]) else votes
        drawn = [(1 - smoothing) * answer[c] + smoothing * answer.mean() for c in range(3)]
        losses.append(-sum(shares[c] * weights[c] * drawn[c] for c in range(3)))
        sums.append(sum(shares * weights))
    return np.array(losses), np.array(sums)


@BOTH
@pytest.mark.parametrize("weighting", ["balanced", "none"])
def test_loss_computed_by_hand(table, fit, options, weighting):
    # A step too small to change anything: the loss of the epoch is that of the model.
    train, val = table(30, votes=divided_votes), table(9, seed=2)
    options = replace(
        options, learning_rate=1e-12, weight_decay=0.0, max_epochs=1, class_weights=weighting
    )
    if options.fusion:
        options = fused(options, mixup=0.0, refit=False, ensemble=1, calibrate=False)
    rows = []
    model, _ = fit(train, val, options=options, on_epoch=rows.append)
    mass = np.zeros(3)
    for label, votes in zip(train.labels, train.label_distributions, strict=True):
        mass += np.eye(3)[label] if np.isnan(votes[0]) else votes
    weights = 30 / (3 * mass) if weighting == "balanced" else np.ones(3)
    smoothing = options.fusion.label_smoothing if options.fusion else 0.0
    losses, sums = by_hand(model, train, weights, smoothing)
    expected = losses.mean() if options.fusion else losses.sum() / sums.sum()
    assert rows[0].train_loss == pytest.approx(expected, rel=1e-4)
    assert not np.allclose(weights, 1) or weighting == "none"


@BOTH
def test_unanimous_votes_train_as_labels_do(table, fit, options):
    plain, voted, val = table(45), table(45, votes=unanimous_votes), table(12, seed=2)
    hard, _ = fit(plain, val, options=replace(options, soft_labels=False))
    soft, _ = fit(voted, val, options=options)
    ignored, _ = fit(voted, val, options=replace(options, soft_labels=False))
    np.testing.assert_allclose(predict(soft, val), predict(hard, val), rtol=1e-4)
    np.testing.assert_array_equal(predict(ignored, val), predict(hard, val))


@BOTH
def test_answers_become_the_votes(table, fit, options):
    """Without anything to see in the features, the answer is the mean of the votes."""
    train, val = (
        table(90, votes=divided_votes, signal=0.0),
        table(30, votes=divided_votes, seed=2, signal=0.0),
    )
    for part in (train, val):
        part.label_distributions[:] = [0.5, 0.2, 0.3]
        for group in part.groups.values():
            group[:] = np.random.default_rng(0).normal(size=group.shape) * 1e-3
    # The training labels are of the three classes alike; what is kept is decided by these labels.
    val.labels[:] = ([0] * 5 + [1] * 2 + [2] * 3) * 3
    options = replace(
        options,
        max_epochs=30,
        learning_rate=0.03,
        class_weights="none",
        weight_decay=1.0,
    )
    if options.fusion:
        options = fused(options, label_smoothing=0.0, calibrate=False)
    model, _ = fit(train, val, options=options)
    answers = predict(model, val).mean(axis=0)
    np.testing.assert_allclose(answers, [0.5, 0.2, 0.3], atol=0.06)


def test_a_refit_on_a_validation_part_without_votes(table, fit):
    train, val = table(30, votes=divided_votes), table(9, seed=2)
    fit(train, val, options=replace(VOTED, fusion=FUSION))
