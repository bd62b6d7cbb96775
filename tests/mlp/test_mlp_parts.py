"""Class weights, standardisation and prior of the MLP, and parts that cannot be trained on."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from facewave.mlp.model import predict
from facewave.mlp.standardise import fit_scaler
from facewave.training import class_weights
from tests.mlp.plain_mlp import OPTIONS, fit_model, make_table


@pytest.fixture
def table(tmp_path):
    return partial(make_table, tmp_path)


@pytest.fixture
def fit(tmp_path):
    return partial(fit_model, tmp_path)


# Class weights, scaler, prior


def test_balanced_weights_computed_by_hand():
    weights = class_weights([0, 0, 0, 2], n_classes=4, kind="balanced")
    assert weights.dtype == torch.float32
    assert weights.tolist() == pytest.approx([4 / (2 * 3), 0.0, 4 / (2 * 1), 0.0])
    assert class_weights([0, 0, 2], n_classes=3, kind="none").tolist() == [1.0, 1.0, 1.0]


def test_loss_is_weighted_by_the_training_frequencies(table, fit):
    train, val = table(40, seed=1), table(30, seed=2)
    train.labels[:] = [0] * 30 + [1] * 6 + [2] * 4
    rows = []
    model = fit(train, val, options=replace(OPTIONS, max_epochs=1), on_epoch=rows.append)
    weights = (40 / (3 * np.array([30, 6, 4])))[val.labels]
    losses = -np.log(predict(model, val)[np.arange(30), val.labels])
    assert rows[0].val_loss == pytest.approx((weights * losses).sum() / weights.sum(), rel=1e-4)
    assert rows[0].val_loss != pytest.approx(losses.mean(), rel=1e-2)


def test_class_absent_from_training_does_no_harm(table, fit):
    rows = []
    model = fit(table(40, n_classes=2), table(9, seed=2), on_epoch=rows.append)
    assert np.isfinite([row.val_loss for row in rows]).all()
    answers = predict(model, table(9, seed=2))
    assert answers.shape == (9, 3)
    assert np.isfinite(answers).all()


def test_scaler_computed_by_hand(table):
    part = table(4)
    part.groups["landmarks"][:] = 0
    part.groups["landmarks"][:, 0] = [2, 4, 6, 1000]
    part.groups["landmarks"][:, 1] = 7.1
    scaler = fit_scaler(part, ["landmarks"], np.array([0, 1, 2]))
    assert scaler.mean[:3].tolist() == pytest.approx([4.0, 7.1, 0.0])
    assert scaler.std[:3].tolist() == pytest.approx([np.sqrt(8 / 3), 1.0, 1.0])
    scaled = scaler(torch.from_numpy(part.groups["landmarks"].copy()))
    assert scaled[:3, 0].tolist() == pytest.approx([-np.sqrt(1.5), 0, np.sqrt(1.5)])
    assert scaled[:, 1:].abs().max() == 0
    assert scaled[3, 0] == 10  # an outlier is cut


def test_scaler_keeps_the_digits_of_a_column_far_from_zero(table):
    part = table(600)
    noise = np.random.default_rng(0).normal(size=600) * 0.01
    part.groups["landmarks"][:, 0] = 100 + noise
    scaler = fit_scaler(part, ["landmarks"], np.arange(600))
    expected = part.groups["landmarks"][:, 0].astype(np.float64).std()
    assert float(scaler.std[0]) == pytest.approx(expected, rel=1e-6)


def test_invalid_clips_take_no_part_in_training(table, fit):
    train, val = table(60, invalid=6), table(30, seed=2, invalid=3)
    model = fit(train, val, name="a.csv")
    for part in (train, val):
        for group in part.groups.values():
            group[~part.valid] = 1e6
    again = fit(train, val, name="b.csv")
    assert torch.equal(model.scaler.mean, again.scaler.mean)
    for name, weights in model.network.state_dict().items():
        assert torch.equal(weights, again.network.state_dict()[name])


def test_invalid_clip_gets_the_prior(table, fit):
    train = table(40, invalid=5)
    train.labels[:20] = 1
    model = fit(train, table(30, seed=2))
    part = table(9, seed=3, invalid=2)
    probabilities = predict(model, part)
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (9, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    frequencies = np.bincount(train.labels, minlength=3) / 40
    np.testing.assert_allclose(probabilities[:2], [frequencies] * 2, rtol=1e-6)
    assert probabilities[:2].argmax(axis=1).tolist() == [1, 1]
    assert not np.allclose(probabilities[2:], frequencies)


def test_predicts_an_empty_part(table, fit):
    model = fit(table(30), table(9, seed=2))
    assert predict(model, table(0)).shape == (0, 3)


# What cannot be trained on


def test_too_little_data_is_refused(table, fit):
    with pytest.raises(ValueError, match="none of the training part's 0 clips is valid"):
        fit(table(0), table(9))
    with pytest.raises(ValueError, match="none of the training part's 9 clips is valid"):
        fit(table(9, invalid=9), table(9))
    with pytest.raises(ValueError, match="none of the validation part's 0 clips is valid"):
        fit(table(9), table(0))
    with pytest.raises(ValueError, match=r"class 'neutral': a classifier needs two"):
        fit(table(9, n_classes=1), table(9))
    val = table(4)
    val.labels[:] = 2
    with pytest.raises(ValueError, match="no valid validation clip has a class that occurs"):
        fit(table(9, n_classes=2), val)


def test_parts_that_do_not_fit_together_are_refused(table, fit):
    with pytest.raises(ValueError, match="layout: 'segments' and 'paper'"):
        fit(table(9), table(9, features={"layout": "paper"}))
    with pytest.raises(ValueError, match="classes"):
        fit(table(9), replace(table(9), classes=("x", "y", "z")))
    with pytest.raises(ValueError, match="'landmarks' is"):
        fit(table(9), replace(table(9), shapes={"landmarks": (1, 2), "blendshapes": (2, 4)}))
    with pytest.raises(ValueError, match="training part has no feature group 'landmarks'"):
        fit(table(9, groups=["blendshapes"]), table(9))


def test_nan_in_a_valid_clip_is_named(table, fit):
    train = table(9, invalid=1)
    train.groups["blendshapes"][0] = np.nan
    fit(train, table(9), options=replace(OPTIONS, max_epochs=1))
    train.groups["blendshapes"][4, 2] = np.nan
    with pytest.raises(ValueError, match=r"'blendshapes' holds NaN or infinity.*'s0_004'"):
        fit(train, table(9))


def test_diverging_training_says_so(table, fit):
    options = replace(OPTIONS, learning_rate=1e30)
    with pytest.raises(ValueError, match=r"set mlp\.learning_rate below 1e\+30"):
        fit(table(60), table(9, seed=2), options=options)
