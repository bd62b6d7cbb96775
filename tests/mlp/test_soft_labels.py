"""Training from votes: targets and losses computed by hand, in both kinds of MLP."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from facewave.ablation.controls import read_variant
from facewave.mlp.epochs import TrainingJob
from facewave.mlp.model import predict
from facewave.mlp.options import MlpOptions
from facewave.mlp.parts import class_mass, expected_targets, label_shares, smoothed
from facewave.mlp.train import train_mlp
from facewave.mlp.train_fusion import join_tables
from facewave.splits.read import read_split
from tests.splits.split_files import toy, write_split

INPUTS = ("landmarks", "blendshapes")
PLAIN = MlpOptions(
    inputs=INPUTS,
    hidden=(8,),
    dropout=0.0,
    learning_rate=0.01,
    batch_size=64,
    max_epochs=3,
    soft_labels=True,
)
FUSION = replace(
    PLAIN,
    projection=8,
    label_smoothing=0.1,
    mixup=0.2,
    keep="last",
    refit=True,
    ensemble=2,
    calibrate=True,
)
BOTH = pytest.mark.parametrize("options", [PLAIN, FUSION], ids=["plain", "fusion"])


@pytest.fixture
def table(tmp_path):
    def make(n, votes=None, **columns):
        columns = toy(n, **columns)
        if votes is not None:
            columns["label_distribution"] = votes(columns["label"])
        return read_split(write_split(tmp_path / "part.parquet", columns), groups=INPUTS)

    return make


@pytest.fixture
def fit(tmp_path):
    def run(train, val, options, on_epoch=None):
        path = tmp_path / "metrics.csv"
        job = TrainingJob(options=options, seed=3, metrics_path=path, on_epoch=on_epoch)
        return train_mlp(train, val, job)[0]

    return run


def unanimous(labels):
    return np.eye(3)[labels].tolist()


def divided(labels):
    """Seven tenths for the label and the rest for the next class; every third clip has no votes."""
    rows = 0.7 * np.eye(3)[labels] + 0.3 * np.eye(3)[(labels + 1) % 3]
    return [None if i % 3 == 2 else row for i, row in enumerate(rows.tolist())]


def test_target_computed_by_hand():
    shares, weights = torch.tensor([[0.6, 0.4, 0.0]]), torch.tensor([1.0, 2.0, 4.0])
    plain = expected_targets(shares, weights)
    torch.testing.assert_close(plain, torch.tensor([[0.6, 0.8, 0.0]]))
    # 0.6 x 1 x (0.7, 0, 0) + 0.4 x 2 x (0, 0.7, 0), and 0.1 of 1.4 for each class
    smooth = expected_targets(shares, weights, smoothing=0.3)
    torch.testing.assert_close(smooth, torch.tensor([[0.56, 0.70, 0.14]]))


def test_unanimous_votes_have_the_target_of_their_label():
    labels, weights = torch.tensor([2, 0]), torch.tensor([0.3, 2.0, 1.7])
    found = expected_targets(torch.eye(3)[labels], weights, smoothing=0.2)
    expected = smoothed(labels, n_classes=3, smoothing=0.2) * weights[labels].unsqueeze(1)
    assert torch.equal(found, expected)
    torch.testing.assert_close(
        smoothed(torch.tensor([[1], [0]]), n_classes=2, smoothing=0.2),
        torch.tensor([[[0.1, 0.9]], [[0.9, 0.1]]]),
    )


def test_shares_of_clips_with_and_without_votes(table):
    part = table(4, divided)
    rows = np.array([0, 2, 3])
    soft = label_shares(part, rows, soft=True)
    expected = torch.tensor([[0.7, 0.3, 0], [0, 0, 1], [0.7, 0.3, 0]])
    torch.testing.assert_close(soft, expected)
    hard = label_shares(part, rows, soft=False)
    assert torch.equal(hard, torch.eye(3)[[0, 2, 0]])
    np.testing.assert_allclose(class_mass(soft, part.labels[rows]), [1.4, 0.0, 1.0], rtol=1e-6)


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
    train, val = table(30, divided), table(9, seed=2)
    options = replace(
        options,
        learning_rate=1e-12,
        weight_decay=0.0,
        max_epochs=1,
        class_weights=weighting,
        mixup=0.0,
        refit=False,
        ensemble=1,
        calibrate=False,
    )
    rows = []
    model = fit(train, val, options, rows.append)
    mass = np.zeros(3)
    for label, votes in zip(train.labels, train.label_distributions, strict=True):
        mass += np.eye(3)[label] if np.isnan(votes[0]) else votes
    weights = 30 / (3 * mass) if weighting == "balanced" else np.ones(3)
    losses, sums = by_hand(model, train, weights, options.label_smoothing)
    expected = losses.mean() if options.projection else losses.sum() / sums.sum()
    assert rows[0].train_loss == pytest.approx(expected, rel=1e-4)
    assert not np.allclose(weights, 1) or weighting == "none"


@BOTH
def test_unanimous_votes_train_as_labels_do(table, fit, options):
    plain, voted, val = table(45), table(45, unanimous), table(12, seed=2)
    hard = fit(plain, val, replace(options, soft_labels=False))
    soft = fit(voted, val, options)
    ignored = fit(voted, val, replace(options, soft_labels=False))
    np.testing.assert_allclose(predict(soft, val), predict(hard, val), rtol=1e-4)
    np.testing.assert_array_equal(predict(ignored, val), predict(hard, val))


@BOTH
def test_answers_become_the_votes(table, fit, options):
    """Without anything to see in the features, the answer is the mean of the votes."""
    train, val = table(90, divided, signal=0.0), table(30, divided, seed=2, signal=0.0)
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
        label_smoothing=0.0,
        weight_decay=1.0,
        calibrate=False,
    )
    answers = predict(fit(train, val, options), val).mean(axis=0)
    np.testing.assert_allclose(answers, [0.5, 0.2, 0.3], atol=0.06)


@BOTH
def test_a_training_part_without_votes_is_refused(table, fit, options):
    words = r"mlp\.soft_labels: none of the training part's 6 valid clips has votes .*false"
    with pytest.raises(ValueError, match=words):
        fit(table(6), table(6, seed=2), options)
    voted = table(9, divided, invalid=3)
    voted.label_distributions[3:] = np.nan  # votes of invalid clips only
    with pytest.raises(ValueError, match=words):
        fit(voted, table(6, seed=2), options)


def test_validation_part_without_votes(table, fit):
    train, val = table(30, divided), table(9, seed=2)
    both = join_tables(train, val)
    assert both.label_distributions.shape == (39, 3)
    assert np.isnan(both.label_distributions[30:]).all()
    np.testing.assert_array_equal(both.label_distributions[:30], train.label_distributions)
    assert join_tables(val, val).label_distributions is None
    fit(train, val, FUSION)


def test_shuffled_labels_take_their_votes_along(tmp_path):
    columns = toy(30)
    columns["label_distribution"] = unanimous(columns["label"])
    path = write_split(tmp_path / "train.parquet", columns)
    found = read_variant(path, options=PLAIN, control="shuffled_labels", part="train", seed=1)
    assert found.labels.tolist() != columns["label"].tolist()
    np.testing.assert_array_equal(found.label_distributions.argmax(axis=1), found.labels)


def test_option_is_kept_in_the_configuration():
    section = {"inputs": list(INPUTS), "soft_labels": True}
    assert MlpOptions.from_config(json.loads(json.dumps(section))).soft_labels is True
    assert MlpOptions(inputs=INPUTS).soft_labels is False
