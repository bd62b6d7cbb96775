"""The MLP as a regression: what it learns, in which unit, and what missing targets change."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

from facewave.mlp.model import load_checkpoint, predict, predict_values, save_checkpoint
from facewave.mlp.options import MlpOptions, ValueOptions
from facewave.mlp.train import TrainingJob, fit_predict, train_mlp, train_seeds
from facewave.mlp.values import fit_scale, value_losses, with_a_target
from tests.mlp.quick_training import FUSED, PLAIN, fused, make_table

VALUES = {"head": "regression", "targets": ValueOptions(columns=("valence", "arousal"))}
PLAIN_VALUES = replace(PLAIN, max_epochs=40, **VALUES)
FUSED_VALUES = replace(FUSED, **VALUES)


def valued(table, *, offset=0.0, factor=1.0):
    """Give clips targets that follow their class, with a little noise."""
    noise = np.random.default_rng(len(table)).normal(scale=0.1, size=(len(table), 2))
    targets = (np.stack([table.labels, -10.0 * table.labels], axis=1) + noise) * factor + offset
    return replace(table, targets=targets)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    sizes = {"train": 60, "val": 24, "test": 30}
    return {
        name: valued(make_table(folder, n, name=name, seed=place, invalid=2))
        for place, (name, n) in enumerate(sizes.items())
    }


LONG = replace(FUSED_VALUES, max_epochs=150)


@pytest.mark.parametrize("options", [PLAIN_VALUES, LONG, fused(LONG, keep="best", refit=False)])
def test_values_are_learned_in_the_targets_units(parts, options):
    model, answers = fit_predict(parts, TrainingJob(options=options, seed=1))
    test = parts["test"]
    assert answers["test"].shape == (30, 2)
    error = np.abs(answers["test"] - test.targets)[test.valid].mean(axis=0)
    spread = np.abs(test.targets - test.targets.mean(axis=0))[test.valid].mean(axis=0)
    assert (error < 0.75 * spread).all()
    # Clips without a face get the mean of what was learned from.
    assert np.unique(answers["test"][~test.valid], axis=0).tolist() == [model.scale.mean.tolist()]
    assert np.isfinite(answers["val"]).all()


@pytest.mark.parametrize("options", [PLAIN_VALUES, FUSED_VALUES])
def test_another_unit_gives_the_same_model_in_that_unit(parts, options):
    job = TrainingJob(options=replace(options, max_epochs=5), seed=1)
    _, answers = fit_predict(parts, job)
    other = {name: replace(t, targets=t.targets * 1000 + 5) for name, t in parts.items()}
    _, scaled = fit_predict(other, job)
    np.testing.assert_allclose(scaled["test"], answers["test"] * 1000 + 5, rtol=1e-3, atol=1)


def test_clips_without_any_target_are_as_if_they_were_not_there(parts):
    train, rows = parts["train"], np.arange(len(parts["train"]))
    targets = train.targets.copy()
    targets[::4] = np.nan
    job = TrainingJob(options=replace(FUSED_VALUES, max_epochs=4), seed=1)
    _, seen = train_mlp(replace(train, targets=targets), parts["val"], job)
    _, expected = train_mlp(train.take(rows[rows % 4 != 0]), parts["val"], job)
    np.testing.assert_allclose(seen, expected, atol=1e-3)


def test_seeds_in_one_pass_are_as_if_trained_alone(parts):
    options = replace(FUSED_VALUES, max_epochs=6, batch_size=7)
    job = TrainingJob(options=options, seed=5)
    together = train_seeds(parts["train"], parts["val"], job, [5, 2])
    for seed, (model, seen) in zip([5, 2], together, strict=True):
        alone, expected = train_mlp(parts["train"], parts["val"], replace(job, seed=seed))
        np.testing.assert_allclose(seen, expected, atol=1e-3)
        assert model.best_epoch == alone.best_epoch
    assert not np.allclose(together[0][1], together[1][1], atol=1e-2)


def test_the_loss_leaves_out_what_is_not_known():
    wanted = torch.tensor([[1.0, torch.nan], [torch.nan, torch.nan], [0.0, 2.0]])
    outputs = torch.zeros(3, 2, requires_grad=True)
    loss = value_losses(outputs, wanted, kind="mse")
    assert loss.item() == pytest.approx((1 + 0 + 4) / 3)
    loss.backward()
    assert torch.isfinite(outputs.grad).all()
    assert outputs.grad[1].tolist() == [0, 0]
    assert value_losses(outputs, wanted, kind="huber").item() == pytest.approx((0.5 + 1.5) / 3)
    assert value_losses(outputs, torch.full((3, 2), torch.nan), kind="mse").item() == 0


def test_the_scale_is_of_the_clips_that_are_learned_from(parts):
    targets = parts["train"].targets.copy()
    targets[0] = np.nan
    table = with_a_target(replace(parts["train"], targets=targets))
    assert not table.valid[0]
    expected = targets[parts["train"].valid]
    scale = fit_scale(table)
    np.testing.assert_allclose(scale.mean, np.nanmean(expected, axis=0))
    np.testing.assert_allclose(scale.std, np.nanstd(expected, axis=0))


@pytest.mark.parametrize(("score", "pick"), [("mae", min), ("rmse", min), ("ccc", max)])
def test_the_named_score_chooses_the_epoch(parts, tmp_path, score, pick):
    options = replace(PLAIN_VALUES, targets=replace(VALUES["targets"], score=score), max_epochs=9)
    path = tmp_path / "metrics.csv"
    job = TrainingJob(options=options, seed=1, metrics_path=path)
    model, seen = train_mlp(parts["train"], parts["val"], job)
    column = [float(row[f"val_{score}"]) for row in csv.DictReader(path.read_text().splitlines())]
    assert column[model.best_epoch - 1] == pick(column)
    np.testing.assert_allclose(seen, predict_values(model, parts["val"]), atol=1e-5)


@pytest.mark.parametrize("options", [PLAIN_VALUES, FUSED_VALUES])
def test_a_checkpoint_predicts_the_same_values(parts, tmp_path, options):
    model, answers = fit_predict(parts, TrainingJob(options=replace(options, max_epochs=2), seed=1))
    save_checkpoint(tmp_path / "mlp.pt", model)
    loaded = load_checkpoint(tmp_path / "mlp.pt")
    np.testing.assert_array_equal(predict_values(loaded, parts["test"]), answers["test"])
    assert loaded.options == model.options
    with pytest.raises(ValueError, match="predicts values, not classes"):
        predict(loaded, parts["test"])


def test_one_class_is_enough(parts):
    one = {name: replace(t, labels=np.zeros_like(t.labels)) for name, t in parts.items()}
    job = TrainingJob(options=replace(FUSED_VALUES, max_epochs=2), seed=1)
    assert fit_predict(one, job)[1]["test"].shape == (30, 2)


def test_values_that_cannot_be_learned_are_refused(parts):
    job = TrainingJob(options=FUSED_VALUES, seed=1)
    targets = parts["train"].targets.copy()
    targets[:, 1] = 3
    with pytest.raises(ValueError, match="target 'arousal' is 3 for every valid training clip"):
        train_mlp(replace(parts["train"], targets=targets), parts["val"], job)
    nothing = np.full_like(parts["val"].targets, np.nan)
    with pytest.raises(ValueError, match="no valid clip of the validation part has the target"):
        train_mlp(parts["train"], replace(parts["val"], targets=nothing), job)
    with pytest.raises(ValueError, match="were not read"):
        train_mlp(replace(parts["train"], targets=None), parts["val"], job)
    section = {"inputs": ["blendshapes"], "head": "regression"}
    with pytest.raises(ValueError, match=r"mlp\.targets cannot be None"):
        MlpOptions.from_config(section)
    with pytest.raises(ValueError, match=r"mlp\.targets\.score cannot be 'r2'"):
        MlpOptions.from_config({**section, "targets": {"columns": ["v"], "score": "r2"}})
