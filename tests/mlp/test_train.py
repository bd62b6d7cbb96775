"""Training: learning, repeatability, early stopping, refit, metrics, features on disk."""

import csv
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from facewave.evaluation.metrics import evaluate
from facewave.mlp.model import load_checkpoint, predict, save_checkpoint
from facewave.mlp.options import FusionOptions, MlpOptions
from facewave.mlp.parts import without_features
from facewave.mlp.train import TrainingJob, fit_predict
from facewave.splits.disk_arrays import DiskArray
from facewave.splits.read import read_split
from tests.mlp.quick_training import FUSED, INPUTS, PLAIN, fit_model, fused, make_table, uar_of
from tests.splits.split_files import toy, write_split

MIRRORED = MlpOptions(
    inputs=("blendshapes",), hidden=(16,), fusion=FusionOptions(projection=16, ensemble=2)
)
BOTH = pytest.mark.parametrize("options", [PLAIN, FUSED], ids=["plain", "fused"])


@pytest.fixture
def table(tmp_path):
    return partial(make_table, tmp_path)


@pytest.fixture
def fit(tmp_path):
    return partial(fit_model, tmp_path)


# Learning


def test_learns_a_separable_problem(table, fit):
    model, _ = fit(table(120, seed=1, signal=8.0), table(30, seed=2, signal=8.0))
    assert uar_of(model, table(60, seed=3, signal=8.0)) > 0.95


def test_learns_a_separable_problem_with_fusion(table, fit):
    model, answers = fit(table(90), table(30, seed=1), options=FUSED)
    assert uar_of(model, table(60, seed=2)) > 0.8
    assert answers.shape == (30, 3)
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)


@BOTH
def test_without_a_signal_stays_at_chance(table, fit, options):
    train, val = table(120, seed=1, signal=0.0), table(30, seed=2, signal=0.0)
    model, _ = fit(train, val, options=options)
    assert uar_of(model, table(300, seed=3, signal=0.0)) < 0.45


def test_linear_model_without_hidden_layers(table, fit):
    options = replace(PLAIN, hidden=(), learning_rate=0.05)
    model, _ = fit(table(120, seed=1, signal=8.0), table(30, seed=2, signal=8.0), options=options)
    assert uar_of(model, table(60, seed=3, signal=8.0)) > 0.9


@BOTH
def test_last_batch_of_one_clip(table, fit, options):
    options = replace(options, batch_size=16, max_epochs=2)
    fit(table(17), table(6, seed=2), options=options)


@pytest.mark.parametrize(
    ("options", "train_loss", "val_loss"),
    [(PLAIN, 1.15277, 0.974756), (FUSED, 1.10541, 1.05788)],
    ids=["plain", "fused"],
)
def test_first_epoch_is_the_known_one(table, fit, options, train_loss, val_loss):
    """If this changes on purpose, raise MLP_VERSION: trained models are then made anew."""
    rows = []
    fit(table(60, seed=1), table(30, seed=2), options=options, seed=7, on_epoch=rows.append)
    assert rows[0].train_loss == pytest.approx(train_loss, rel=1e-3)
    assert rows[0].val_loss == pytest.approx(val_loss, rel=1e-3)


def test_invalid_clips_take_no_part_in_training(table, fit):
    train, val = table(60, invalid=6), table(30, seed=2, invalid=3)
    model, _ = fit(train, val)
    for part in (train, val):
        for group in part.groups.values():
            group[~part.valid] = 1e6
    again, _ = fit(train, val)
    assert torch.equal(model.scaler.mean, again.scaler.mean)
    for name, weights in model.network.state_dict().items():
        assert torch.equal(weights, again.network.state_dict()[name])


def test_diverging_training_says_so(table, fit):
    options = replace(PLAIN, learning_rate=1e30)
    with pytest.raises(ValueError, match=r"set mlp\.learning_rate below 1e\+30"):
        fit(table(60), table(9, seed=2), options=options)


# Repeatability


@BOTH
def test_equal_seeds_give_equal_files(table, fit, tmp_path, options):
    train, val = table(60, seed=1), table(30, seed=2)
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        model, _ = fit(train, val, options=options, seed=seed, name=f"{name}.csv")
        save_checkpoint(tmp_path / f"{name}.pt", model)
    for suffix in ("csv", "pt"):
        a, b, c = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in "abc")
        assert a == b
        assert a != c


@BOTH
def test_random_state_and_threads_are_left_alone(table, fit, tmp_path, options):
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    model, _ = fit(table(30), table(9, seed=2), options=options, threads=threads + 1)
    predict(model, table(9, seed=2), threads=threads + 1)
    save_checkpoint(tmp_path / "a.pt", model)
    load_checkpoint(tmp_path / "a.pt")
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


@BOTH
def test_tables_are_not_changed(table, fit, options):
    train, val = table(30), table(9, seed=2)
    before = [train.groups[name].copy() for name in INPUTS]
    model, _ = fit(train, val, options=options)
    predict(model, train)
    for name, array in zip(INPUTS, before, strict=True):
        np.testing.assert_array_equal(train.groups[name], array)


# Which epoch is kept, and what is learned again


def test_weights_are_those_of_the_best_epoch(table, fit):
    train, val = table(60, seed=1, signal=1.0), table(60, seed=2, signal=1.0)
    rows = []
    options = replace(PLAIN, max_epochs=60, patience=5)
    model, _ = fit(train, val, options=options, on_epoch=rows.append)
    best = max(rows, key=lambda row: (row.val_uar, -row.val_loss))
    assert model.best_epoch == best.epoch
    assert rows[-1].epoch == best.epoch + 5 < 60
    assert uar_of(model, val) == pytest.approx(best.val_uar)
    # The classes are balanced, so that the weighted loss is the plain one.
    loss = -np.log(predict(model, val)[np.arange(60), val.labels]).mean()
    assert loss == pytest.approx(best.val_loss, rel=1e-4)
    assert loss != pytest.approx(rows[-1].val_loss, rel=1e-2)


def test_early_stopping_with_fusion(table, fit):
    rows = []
    options = replace(fused(keep="best"), patience=3, max_epochs=60)
    model, _ = fit(table(90), table(30, seed=1), options=options, on_epoch=rows.append)
    assert len(rows) == model.best_epoch + 3 < 60
    scores = [(row.val_uar, -row.val_loss) for row in rows]
    assert model.best_epoch == 1 + scores.index(max(scores))
    rates = [row.learning_rate for row in rows]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] > rates[-1]


def test_refit_learns_the_validation_part_and_answers_from_before(table, fit):
    train, val = table(30), table(60, seed=1, signal=0)
    model, answers = fit(train, val, options=replace(FUSED, max_epochs=60, dropout=0.0))
    honest = evaluate(val.labels, answers.argmax(axis=1), classes=val.classes).uar
    assert honest < 0.55 < uar_of(model, val)
    frequencies = np.bincount(np.concatenate([train.labels, val.labels])) / 90
    np.testing.assert_allclose(model.prior, frequencies, rtol=1e-6)


@pytest.mark.parametrize("options", [PLAIN, fused(refit=False)], ids=["plain", "fused"])
def test_without_refit_the_answers_are_the_models(table, fit, options):
    val = table(20, seed=1, invalid=3)
    model, answers = fit(table(40), val, options=options)
    np.testing.assert_allclose(predict(model, val), answers, atol=1e-5)
    frequencies = (np.bincount(table(40).labels) / 40).astype(np.float32)
    np.testing.assert_allclose(answers[0], without_features(frequencies, "balanced"), rtol=1e-6)


def test_landmarks_of_image_coordinates_are_not_mirrored(table, fit):
    part = table(30, features={"features": {"align": "none"}})
    with pytest.raises(ValueError, match="cannot be mirrored"):
        fit(part, part, options=fused(mirror=True))


def test_fit_predict_answers_validation_and_test_part(table, fit):
    parts = {name: table(n, seed=n) for name, n in (("train", 40), ("val", 20), ("test", 9))}
    _, answers = fit_predict(parts, TrainingJob(options=PLAIN, seed=1))
    model, seen = fit(parts["train"], parts["val"])
    assert list(answers) == ["val", "test"]
    np.testing.assert_array_equal(answers["val"], seen)
    np.testing.assert_array_equal(answers["test"], predict(model, parts["test"]))


# Features on disk


@pytest.mark.parametrize(
    "options",
    [PLAIN, replace(PLAIN, soft_labels=True), FUSED, MIRRORED],
    ids=["plain", "votes", "fused", "mirrored"],
)
def test_where_the_features_lie_changes_nothing(tmp_path, options):
    """Row groups of ten; the invalid clips cut the runs of rows that are read."""
    shapes, paths = {"landmarks": (2, 3, 2), "blendshapes": (2, 52)}, {}
    for seed, (name, count) in enumerate({"train": 120, "val": 40, "test": 40}.items()):
        columns = toy(count, seed=seed, invalid=2)
        columns["valid"][7::13] = False
        columns["label_distribution"] = np.eye(3)[columns["label"]].tolist()
        noise = np.random.default_rng(seed).normal(size=(count, 104)).astype(np.float32)
        noise[:, :8] = columns["blendshapes"]
        columns["blendshapes"] = noise
        path = tmp_path / f"{name}.parquet"
        paths[name] = write_split(path, columns, shapes=shapes, row_group_size=10)
    options, found = replace(options, max_epochs=3), []
    for place in (None, tmp_path / "scratch"):
        parts = {
            name: read_split(path, groups=options.inputs, scratch=place)
            for name, path in paths.items()
        }
        job = TrainingJob(options=options, seed=1, metrics_path=tmp_path / "metrics.csv")
        model, answers = fit_predict(parts, job)
        metrics = (tmp_path / "metrics.csv").read_bytes()
        found.append((model.network.state_dict(), answers, metrics))
    assert isinstance(parts["train"].groups["blendshapes"], DiskArray)
    (weights, answers, metrics), (others, other_answers, other_metrics) = found
    assert weights.keys() == others.keys()
    assert all(torch.equal(value, others[name]) for name, value in weights.items())
    for name, values in answers.items():
        np.testing.assert_array_equal(values, other_answers[name])
    assert metrics == other_metrics


# metrics.csv


def test_metrics_have_a_row_an_epoch_and_can_be_watched(table, fit, tmp_path):
    lengths = []
    partial, final = tmp_path / "metrics.csv.partial", tmp_path / "metrics.csv"

    def watch(row):
        lengths.append(len(partial.read_text().splitlines()))
        assert not final.exists()

    fit(table(30), table(9, seed=2), options=replace(PLAIN, max_epochs=3), on_epoch=watch)
    assert lengths == [2, 3, 4]
    assert not partial.exists()
    with final.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert list(rows[0]) == [
        "epoch",
        "train_loss",
        "val_loss",
        "train_uar",
        "val_uar",
        "val_war",
        "learning_rate",
    ]
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["learning_rate"] == "0.01"


def test_interrupted_training_leaves_the_rows_in_the_partial_file(table, fit, tmp_path):
    def stop(row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(table(30), table(9, seed=2), on_epoch=stop)
    assert not (tmp_path / "metrics.csv").exists()
    assert len((tmp_path / "metrics.csv.partial").read_text().splitlines()) == 2
