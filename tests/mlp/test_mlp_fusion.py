"""The projected, mirrored, averaged and calibrated MLP."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

from facewave.evaluation.metrics import evaluate
from facewave.mlp.checkpoint import load_checkpoint, save_checkpoint
from facewave.mlp.epochs import TrainingJob
from facewave.mlp.mirror import SignedSwap
from facewave.mlp.model import predict
from facewave.mlp.network import FusionMlp, Members, fit_temperature, mean_logits
from facewave.mlp.options import MlpOptions
from facewave.mlp.projection import (
    Projection,
    fit_projection,
    fit_standardisation,
    mirror_signs,
    project,
)
from facewave.mlp.train import train_mlp
from facewave.mlp.train_fusion import join_tables
from facewave.splits.read import read_split
from tests.splits.split_files import toy, write_split

INPUTS = ("landmarks", "blendshapes")
OPTIONS = MlpOptions(
    inputs=INPUTS,
    hidden=(16,),
    dropout=0.2,
    learning_rate=0.003,
    weight_decay=0.1,
    max_epochs=30,
    projection=16,
    standardise="trajectory",
    label_smoothing=0.1,
    mixup=0.2,
    schedule="cosine",
    keep="last",
    refit=True,
    ensemble=3,
    calibrate=True,
)


@pytest.fixture
def table(tmp_path):
    def make(n, *, name="part", **options):
        return read_split(
            write_split(tmp_path / f"{name}.parquet", toy(n, **options)), groups=INPUTS
        )

    return make


@pytest.fixture
def fit(tmp_path):
    def run(train, val, *, options=OPTIONS, seed=1):
        job = TrainingJob(options=options, seed=seed, metrics_path=tmp_path / "metrics.csv")
        return train_mlp(train, val, job)

    return run


def uar(model, part):
    return evaluate(part.labels, predict(model, part).argmax(axis=1), classes=part.classes).uar


def test_learns_a_separable_problem(table, fit):
    model, answers = fit(table(90), table(30, seed=1))
    assert uar(model, table(60, seed=2)) > 0.8
    assert answers.shape == (30, 3)
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)


def test_without_a_signal_stays_at_chance(table, fit):
    model, _ = fit(table(90, signal=0), table(30, seed=1, signal=0))
    assert uar(model, table(300, seed=2, signal=0)) < 0.45


def test_equal_seeds_give_equal_models_and_leave_the_random_state_alone(table, fit):
    before = torch.get_rng_state()
    train, val = table(40), table(20, seed=1)
    one, two, other = fit(train, val)[0], fit(train, val)[0], fit(train, val, seed=2)[0]
    weights, again = one.network.state_dict(), two.network.state_dict()
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    assert not np.array_equal(predict(one, val), predict(other, val))
    assert torch.equal(torch.get_rng_state(), before)


def test_refit_learns_the_validation_part_and_answers_from_before(table, fit):
    train, val = table(30), table(60, seed=1, signal=0)
    model, answers = fit(train, val, options=replace(OPTIONS, max_epochs=60, dropout=0.0))
    honest = evaluate(val.labels, answers.argmax(axis=1), classes=val.classes).uar
    assert honest < 0.55 < uar(model, val)


def test_without_refit_the_answers_are_the_models(table, fit):
    val = table(20, seed=1, invalid=3)
    model, answers = fit(table(40), val, options=replace(OPTIONS, refit=False))
    np.testing.assert_allclose(predict(model, val), answers, atol=1e-5)
    np.testing.assert_allclose(answers[0], np.bincount(table(40).labels) / 40, rtol=1e-6)


def test_metrics_and_early_stopping(table, fit, tmp_path):
    options = replace(OPTIONS, keep="best", patience=3, max_epochs=60)
    model, _ = fit(table(90), table(30, seed=1), options=options)
    rows = list(csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines()))
    assert len(rows) == model.best_epoch + 3 < 60
    scores = [(float(row["val_uar"]), -float(row["val_loss"])) for row in rows]
    assert model.best_epoch == 1 + scores.index(max(scores))
    rates = [float(row["learning_rate"]) for row in rows]
    assert rates == sorted(rates, reverse=True)


def test_checkpoint_round_trip(table, fit, tmp_path):
    part = table(30, seed=1)
    model, _ = fit(table(60), part)
    save_checkpoint(tmp_path / "model.pt", model)
    again = load_checkpoint(tmp_path / "model.pt")
    np.testing.assert_array_equal(predict(again, part), predict(model, part))
    assert again.options == model.options


def test_landmarks_of_image_coordinates_are_not_mirrored(fit, tmp_path):
    columns = toy(30)
    features = {"features": {"align": "none"}}
    path = write_split(tmp_path / "part.parquet", columns, features=features)
    part = read_split(path, groups=INPUTS)
    options = replace(OPTIONS, mirror=True)
    with pytest.raises(ValueError, match="cannot be mirrored"):
        fit(part, part, options=options)


def landmark_swap():
    """Return a made-up mirroring of the twelve landmark columns."""
    partner = np.array([3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8])
    return SignedSwap(partner, np.float32([-1, 1] * 6)[np.minimum(partner, np.arange(12))])


def test_joined_tables(table):
    one, two = table(5, invalid=1), table(4, seed=1)
    both = join_tables(one, two)
    assert both.clip_ids == one.clip_ids + two.clip_ids
    np.testing.assert_array_equal(both.groups["landmarks"][5:], two.groups["landmarks"])
    assert both.valid.tolist() == [False] + [True] * 8


class TestProjection:
    def test_keeps_distances_of_the_training_clips(self, table):
        part = table(20)
        rows = np.arange(20)
        scaler = fit_standardisation(part, INPUTS, rows, by_trajectory=False, swap=None)
        projection = fit_projection(part, INPUTS, rows, scaler=scaler, width=100, swap=None, seed=0)
        found = project(part, INPUTS, rows, scaler=scaler, projection=projection)
        # 12 landmark and 8 blendshape columns: all directions are kept, each group has variance 1.
        assert found.shape == (20, 20)
        for group, columns in (("landmarks", slice(0, 12)), ("blendshapes", slice(12, 20))):
            values = part.groups[group].astype(np.float64)
            values = (values - values.mean(axis=0)) / values.std(axis=0)
            expected = np.linalg.norm(values[:, None] - values, axis=2) / np.sqrt(values.shape[1])
            distances = torch.cdist(found[:, columns], found[:, columns])
            np.testing.assert_allclose(distances, expected, atol=1e-3)

    def test_one_deviation_a_trajectory(self, table):
        part = table(50)
        scaler = fit_standardisation(
            part, ("landmarks",), np.arange(50), by_trajectory=True, swap=None
        )
        std = part.groups["landmarks"].reshape(50, 2, 6).std(axis=0)
        expected = np.tile(np.sqrt((std**2).mean(axis=0)), 2)
        np.testing.assert_allclose(scaler.std, expected, rtol=1e-5)

    def test_mirrored_clips_count_in_the_statistics(self, table):
        part, swap = table(50), landmark_swap()
        scaler = fit_standardisation(
            part, ("landmarks",), np.arange(50), by_trajectory=False, swap=swap
        )
        both = np.concatenate([part.groups["landmarks"], swap(part.groups["landmarks"])])
        np.testing.assert_allclose(scaler.mean, both.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(scaler.std, both.std(axis=0), rtol=1e-4)

    @pytest.mark.parametrize("clips", [8, 50])
    def test_mirrored_clips_count_in_the_directions(self, table, clips):
        """The directions are those of all clips and their mirror images, found by another way."""
        part, swap, rows, width = table(clips), landmark_swap(), np.arange(clips), 5
        inputs = ("landmarks",)
        scaler = fit_standardisation(part, inputs, rows, by_trajectory=False, swap=swap)
        projection = fit_projection(
            part, inputs, rows, scaler=scaler, width=width, swap=swap, seed=0
        )
        mirrored = replace(part, groups={"landmarks": swap(part.groups["landmarks"])})
        one, other = (
            project(table, inputs, rows, scaler=scaler, projection=projection)
            for table in (part, mirrored)
        )
        torch.testing.assert_close(other, one * mirror_signs(projection, swap))
        assert set(mirror_signs(projection, swap).tolist()) == {-1.0, 1.0}
        values = np.concatenate([t.groups["landmarks"] for t in (part, mirrored)])
        values = (values - scaler.mean.numpy()) / scaler.std.numpy()
        left, sizes, _ = np.linalg.svd(values.astype(np.float64), full_matrices=False)
        expected = left[:, :width] * sizes[:width]
        expected /= np.sqrt((sizes[:width] ** 2).sum() / (2 * clips))
        found = torch.cat([one, other]).numpy()
        np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-4)

    def test_a_group_that_does_not_vary_says_nothing(self, table):
        part = table(10)
        part.groups["blendshapes"][:] = 0.5
        scaler = fit_standardisation(part, INPUTS, np.arange(10), by_trajectory=True, swap=None)
        projection = fit_projection(
            part, INPUTS, np.arange(10), scaler=scaler, width=4, swap=None, seed=0
        )
        found = project(part, INPUTS, np.arange(10), scaler=scaler, projection=projection)
        assert found.shape == (10, 5)
        assert not found[:, 4].any()


class TestNetwork:
    def test_answers_are_the_mean_of_the_members(self):
        members = Members(members=3, n_features=4, hidden=(5,), n_classes=2, dropout=0.5).eval()
        features = torch.randn(6, 4)
        logits = members(features)
        mean = logits.softmax(dim=2).mean(dim=0)
        torch.testing.assert_close(mean_logits(logits).softmax(dim=1), mean)
        network = FusionMlp(Projection([torch.eye(4)]), members, temperature=2.0).eval()
        torch.testing.assert_close(network(features), mean.log() / 2)

    def test_members_do_not_see_each_other(self):
        members = Members(members=2, n_features=4, hidden=(), n_classes=2, dropout=0.0)
        members(torch.randn(6, 4))[0].sum().backward()
        assert members.weights[0].grad is not None
        assert not members.weights[0].grad[1].any()

    def test_temperature_of_overconfident_answers(self):
        random = torch.Generator().manual_seed(0)
        logits = torch.randn(4000, 3, generator=random)
        labels = torch.multinomial(logits.softmax(dim=1), 1, generator=random)[:, 0]
        assert fit_temperature(3 * logits, labels) == pytest.approx(3, rel=0.1)
        assert fit_temperature(logits, labels) == pytest.approx(1, rel=0.1)

    def test_temperature_of_a_few_clips_stays_near_one(self):
        logits = 2 * torch.eye(3).repeat(2, 1)
        assert 0.6 < fit_temperature(logits, torch.arange(3).repeat(2)) < 1
