"""The plain MLP: options, learning, repeatability, early stopping, metrics."""

import csv
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from facewave.mlp.checkpoint import load_checkpoint, save_checkpoint
from facewave.mlp.model import predict
from facewave.mlp.options import MlpOptions
from facewave.training import EarlyStopping
from tests.mlp.plain_mlp import INPUTS, OPTIONS, fit_model, make_table, uar_of


@pytest.fixture
def table(tmp_path):
    return partial(make_table, tmp_path)


@pytest.fixture
def fit(tmp_path):
    return partial(fit_model, tmp_path)


# Options


def test_options_come_from_the_configuration():
    options = MlpOptions.from_config({"inputs": ["blendshapes"], "hidden": [8, 4], "dropout": 0.1})
    assert options.inputs == ("blendshapes",)
    assert options.hidden == (8, 4)
    with pytest.raises(ValueError, match=r"unknown option mlp\.hiden"):
        MlpOptions.from_config({"inputs": ["blendshapes"], "hiden": [8]})
    with pytest.raises(ValueError, match=r"mlp\.inputs is missing"):
        MlpOptions.from_config({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("inputs", ()),
        ("inputs", ("landmarks", "landmarks")),
        ("hidden", (0,)),
        ("dropout", 1.0),
        ("learning_rate", 0.0),
        ("learning_rate", float("inf")),
        ("weight_decay", -1.0),
        ("batch_size", 0),
        ("max_epochs", 0),
        ("patience", 0),
        ("class_weights", "some"),
    ],
)
def test_options_that_cannot_work_are_refused(name, value):
    with pytest.raises(ValueError, match=rf"mlp\.{name} cannot be"):
        replace(OPTIONS, **{name: value})


# Learning


def test_learns_a_separable_problem(table, fit):
    model = fit(table(120, seed=1, signal=8.0), table(30, seed=2, signal=8.0))
    assert uar_of(model, table(60, seed=3, signal=8.0)) > 0.95


def test_without_a_signal_stays_at_chance(table, fit):
    model = fit(table(120, seed=1, signal=0.0), table(30, seed=2, signal=0.0))
    assert uar_of(model, table(300, seed=3, signal=0.0)) < 0.45


def test_linear_model_without_hidden_layers(table, fit):
    options = replace(OPTIONS, hidden=(), learning_rate=0.05)
    model = fit(table(120, seed=1, signal=8.0), table(30, seed=2, signal=8.0), options=options)
    assert uar_of(model, table(60, seed=3, signal=8.0)) > 0.9


def test_last_batch_of_one_clip(table, fit):
    fit(table(17), table(6, seed=2), options=replace(OPTIONS, max_epochs=2))


def test_first_epoch_is_the_known_one(table, fit):
    """If this changes on purpose, raise MLP_VERSION: trained models are then made anew."""
    rows = []
    fit(table(60, seed=1), table(30, seed=2), seed=7, on_epoch=rows.append)
    assert rows[0].train_loss == pytest.approx(1.15277, rel=1e-3)
    assert rows[0].val_loss == pytest.approx(0.974756, rel=1e-3)


# Repeatability


def test_equal_seeds_give_equal_files(table, fit, tmp_path):
    train, val = table(60, seed=1), table(30, seed=2)
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        save_checkpoint(tmp_path / f"{name}.pt", fit(train, val, seed=seed, name=f"{name}.csv"))
    for suffix in ("csv", "pt"):
        a, b, c = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in "abc")
        assert a == b
        assert a != c


def test_random_state_and_threads_are_left_alone(table, fit, tmp_path):
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    model = fit(table(30), table(9, seed=2), threads=threads + 1)
    predict(model, table(9, seed=2), threads=threads + 1)
    save_checkpoint(tmp_path / "a.pt", model)
    load_checkpoint(tmp_path / "a.pt")
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_tables_are_not_changed(table, fit):
    train, val = table(30), table(9, seed=2)
    before = [train.groups[name].copy() for name in INPUTS]
    model = fit(train, val)
    predict(model, train)
    for name, array in zip(INPUTS, before, strict=True):
        np.testing.assert_array_equal(train.groups[name], array)


# Early stopping


def test_early_stopping_keeps_the_best_epoch():
    stopping = EarlyStopping(patience=2)
    scores = [(0.5, 1.0), (0.6, 1.2), (0.6, 1.1), (0.6, 1.1), (0.5, 0.1)]
    better = []
    for epoch, (uar, loss) in enumerate(scores, start=1):
        assert not stopping.exhausted
        better.append(stopping.update(epoch, uar=uar, loss=loss))
    assert better == [True, True, True, False, False]
    assert stopping.best_epoch == 3
    assert stopping.exhausted


def test_weights_are_those_of_the_best_epoch(table, fit):
    train, val = table(60, seed=1, signal=1.0), table(60, seed=2, signal=1.0)
    rows = []
    options = replace(OPTIONS, max_epochs=60, patience=5)
    model = fit(train, val, options=options, on_epoch=rows.append)
    best = max(rows, key=lambda row: (row.val_uar, -row.val_loss))
    assert model.best_epoch == best.epoch
    assert rows[-1].epoch == best.epoch + 5 < 60
    assert uar_of(model, val) == pytest.approx(best.val_uar)
    # The classes are balanced, so that the weighted loss is the plain one.
    loss = -np.log(predict(model, val)[np.arange(60), val.labels]).mean()
    assert loss == pytest.approx(best.val_loss, rel=1e-4)
    assert loss != pytest.approx(rows[-1].val_loss, rel=1e-2)


# metrics.csv


def test_metrics_have_a_row_an_epoch_and_can_be_watched(table, fit, tmp_path):
    lengths = []
    partial, final = tmp_path / "metrics.csv.partial", tmp_path / "metrics.csv"

    def watch(row):
        lengths.append(len(partial.read_text().splitlines()))
        assert not final.exists()

    fit(table(30), table(9, seed=2), options=replace(OPTIONS, max_epochs=3), on_epoch=watch)
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
