"""Several seeds at once: each is what it would be alone."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

from facewave.mlp import epochs, projection
from facewave.mlp.epochs import prepare
from facewave.mlp.model import load_checkpoint, predict, save_checkpoint
from facewave.mlp.network import Ensemble, stacked
from facewave.mlp.train import TrainingJob, fit_predict_seeds, train_mlp, train_seeds
from tests.mlp.quick_training import FUSED, PLAIN, fused, make_table

MIXED = replace(FUSED, max_epochs=8, batch_size=7)
SEEDS = [5, 2, 9]


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    sizes = {"train": 40, "val": 20, "test": 12}
    return {
        name: make_table(folder, n, name=name, seed=place, invalid=1)
        for place, (name, n) in enumerate(sizes.items())
    }


@pytest.mark.parametrize(
    "options",
    [MIXED, fused(MIXED, mixup=0.0, refit=False), fused(MIXED, keep="best"), PLAIN],
    ids=["refit", "plain steps", "best epochs", "no fusion"],
)
def test_each_seed_is_as_if_trained_alone(parts, options):
    job = TrainingJob(options=options, seed=SEEDS[0])
    together = train_seeds(parts["train"], parts["val"], job, SEEDS)
    for seed, (model, seen) in zip(SEEDS, together, strict=True):
        alone, expected = train_mlp(parts["train"], parts["val"], replace(job, seed=seed))
        assert (model.seed, model.best_epoch) == (seed, alone.best_epoch)
        np.testing.assert_allclose(seen, expected, atol=1e-4)
        for one, other in zip(
            model.network.layers.parameters(), alone.network.layers.parameters(), strict=True
        ):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)
    seen = [answers for _, answers in together]
    assert not np.allclose(seen[0], seen[1], atol=1e-3)


@pytest.mark.parametrize("options", [MIXED, PLAIN], ids=["one pass", "no fusion"])
def test_shuffled_labels_are_each_seeds_own_and_take_their_votes_along(parts, options):
    """Alone or with others, a seed learns from the same order, which is the numbers' of its own."""
    job = TrainingJob(options=options, seed=SEEDS[0], shuffle_labels=True)
    trained = train_seeds(parts["train"], parts["val"], job, SEEDS)
    for seed, (model, seen) in zip(SEEDS, trained, strict=True):
        alone, expected = train_mlp(parts["train"], parts["val"], replace(job, seed=seed))
        assert model.best_epoch == alone.best_epoch
        np.testing.assert_allclose(seen, expected, atol=1e-4)
    votes = replace(
        parts["train"], label_distributions=np.eye(3, dtype=np.float32)[parts["train"].labels]
    )
    for shuffled in (False, True):
        learner = prepare(
            votes, replace(MIXED, soft_labels=True), SEEDS, basis_seed=0, shuffled=shuffled
        )
        true = torch.from_numpy(votes.labels[votes.valid])
        for seed, labels, targets in zip(SEEDS, learner.labels, learner.targets, strict=True):
            order = np.random.default_rng(seed).permutation(len(true))
            assert torch.equal(labels, true[order] if shuffled else true)
            assert torch.equal(targets.argmax(dim=1), labels)


@pytest.mark.parametrize("options", [MIXED, PLAIN], ids=["projected", "no fusion"])
def test_clips_that_are_too_many_to_hold_teach_the_same(parts, monkeypatch, options):
    job = TrainingJob(options=options, seed=SEEDS[0])
    _, held = train_mlp(parts["train"], parts["val"], job)
    for module in (epochs, projection):
        monkeypatch.setattr(module, "HELD_FEATURES", 0)
    _, read = train_mlp(parts["train"], parts["val"], job)
    np.testing.assert_array_equal(held, read)


def test_metrics_and_global_numbers_are_those_of_the_first_seed(parts, tmp_path):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    rows = {}
    for name, seeds in (("one", SEEDS[:1]), ("all", SEEDS)):
        path = tmp_path / f"{name}.csv"
        job = TrainingJob(options=MIXED, seed=SEEDS[0], metrics_path=path)
        train_seeds(parts["train"], parts["val"], job, seeds)
        rows[name] = list(csv.DictReader(path.read_text().splitlines()))
    assert torch.equal(torch.get_rng_state(), before)
    assert len(rows["one"]) == len(rows["all"]) == MIXED.max_epochs
    for one, other in zip(rows["one"], rows["all"], strict=True):
        for name in one:
            assert float(one[name]) == pytest.approx(float(other[name]), abs=1e-3)


def test_a_model_is_saved_without_the_other_seeds(parts, tmp_path):
    job = TrainingJob(options=MIXED, seed=SEEDS[0])
    trained = fit_predict_seeds(parts, job, SEEDS)
    sizes = []
    for model, answers in trained:
        path = tmp_path / f"{model.seed}.pt"
        save_checkpoint(path, model)
        sizes.append(path.stat().st_size)
        np.testing.assert_array_equal(
            predict(load_checkpoint(path), parts["test"]), answers["test"]
        )
    (alone, _), *_ = train_seeds(parts["train"], parts["val"], job, SEEDS[:1])
    save_checkpoint(tmp_path / "alone.pt", alone)
    assert sizes[0] == (tmp_path / "alone.pt").stat().st_size


def test_dropout_of_a_seed_goes_on_with_its_own_numbers():
    made = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        ensemble = Ensemble(members=2, n_features=4, hidden=[6], n_classes=3, dropout=0.5)
        made.append((ensemble, torch.get_rng_state()))
    joined = stacked([ensemble for ensemble, _ in made])
    joined.generators = [torch.Generator().set_state(state) for _, state in made]
    features = torch.randn(5, 4)
    found = joined.train()(features).chunk(2)
    for (ensemble, state), own in zip(made, found, strict=True):
        torch.set_rng_state(state)
        torch.testing.assert_close(ensemble.train()(features), own)
    assert joined.members(2, 4).weights[0].data_ptr() == joined.weights[0][2].data_ptr()
