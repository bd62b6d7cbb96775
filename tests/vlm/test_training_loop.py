"""The training loop on a small module: resuming, ranks, step size, checkpoints."""

import math
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from facewave.training import EarlyStopping
from facewave.vlm.training.loop import train
from facewave.vlm.training.optimizer import learning_rate
from facewave.vlm.training.progress import CheckpointError
from facewave.vlm.training.ranks import Ranks
from facewave.vlm.training.validation import answer_rows, judge
from facewave.vlm.training.weights import load_state
from tests.vlm.toy_training import DyingModel, Killed, ToyModel, toy_data, toy_files, toy_options

TESTS = Path(__file__).resolve().parent
# 37 clips, 4 a batch, 2 batches a step: 5 steps an epoch.
STEPS = 15


def trained(folder, *, data=None, options=None, key="key", seed=3, stops=()):
    """Train; each of `stops` is after how many steps one process is killed."""
    data, options = data or toy_data(), options or toy_options()
    files = toy_files(folder, key)
    for stop in stops:
        with pytest.raises(Killed):
            train(DyingModel(stop), data, options=options, seed=seed, files=files)
        remove_outputs(files)
    model = ToyModel()
    best = train(model, data, options=options, seed=seed, files=files)
    return model.trainable_state(), best


def remove_outputs(files):
    """Do what Snakemake does with the outputs of a job that was killed."""
    files.metrics.unlink(missing_ok=True)
    files.steps.unlink()


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    return (*trained(folder), folder)


# Resuming


@pytest.mark.parametrize("stops", [(1,), (5,), (7, 4), (STEPS - 1,)], ids=str)
def test_a_killed_training_resumes_bit_for_bit(undisturbed, tmp_path, stops):
    state, best, folder = undisturbed
    again, best_again = trained(tmp_path, stops=stops)
    assert equal(state, again)
    assert best == best_again
    assert (tmp_path / "metrics.csv").read_text() == (folder / "metrics.csv").read_text()

    def steps(where):
        # The last two columns are speed and memory.
        lines = (where / "steps.csv").read_text().splitlines()
        return [line.rsplit(",", 2)[0] for line in lines]

    assert steps(tmp_path) == steps(folder)
    assert len(steps(folder)) == STEPS + 1


def test_a_finished_training_is_not_trained_again(undisturbed, tmp_path):
    state, _, folder = undisturbed
    trained(tmp_path)
    files = toy_files(tmp_path)
    remove_outputs(files)
    model = DyingModel(0)
    train(model, toy_data(), options=toy_options(), seed=3, files=files)
    assert equal(state, model.trainable_state())
    assert files.metrics.read_text() == (folder / "metrics.csv").read_text()
    assert len(files.steps.read_text().splitlines()) == STEPS + 1


def test_resuming_without_reseeding_would_differ(undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "facewave.vlm.training.loop.micro_batch_seed", lambda *_, **__: torch.seed() >> 1
    )
    again, _ = trained(tmp_path, stops=(3,))
    assert not equal(undisturbed[0], again)


def test_the_first_rows_of_another_seed_differ(undisturbed, tmp_path):
    again, _ = trained(tmp_path, seed=4)
    assert not equal(undisturbed[0], again)


def test_it_learns_and_keeps_the_best_epoch(undisturbed):
    _, best, folder = undisturbed
    rows = [line.split(",") for line in (folder / "metrics.csv").read_text().splitlines()]
    names = rows[0]
    assert names == [
        *("epoch", "train_loss", "val_loss", "train_uar", "train_war", "val_uar", "val_war")
    ]
    table = [dict(zip(names, map(float, row), strict=True)) for row in rows[1:]]
    assert table[-1]["train_loss"] < 0.95 * table[0]["train_loss"]
    wanted = max(table, key=lambda row: (row["val_uar"], -row["val_loss"]))
    assert best == wanted["epoch"]


def test_early_stopping_ends_the_training_and_survives_a_kill(tmp_path):
    options = toy_options(epochs=30, patience=2, learning_rate=0.05)
    state, best = trained(tmp_path / "a", options=options)
    again, best_again = trained(tmp_path / "b", options=options, stops=(8, 9))
    assert equal(state, again)
    assert best == best_again
    epochs = len((tmp_path / "a" / "metrics.csv").read_text().splitlines()) - 1
    assert epochs == best + 2 < 30


# Checkpoints


def test_a_checkpoint_of_other_options_is_refused(tmp_path):
    with pytest.raises(Killed):
        train(DyingModel(3), toy_data(), options=toy_options(), seed=3, files=toy_files(tmp_path))
    with pytest.raises(CheckpointError, match="other options or data"):
        trained(tmp_path, key="another")


def test_a_damaged_checkpoint_says_what_to_do(tmp_path):
    path = tmp_path / "checkpoints" / "checkpoint.safetensors"
    path.parent.mkdir()
    path.write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}")
    with pytest.raises(CheckpointError, match=r"remove .*checkpoints"):
        trained(tmp_path)


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    files = toy_files(tmp_path)
    arguments = {"options": toy_options(), "seed": 3, "files": files}
    with pytest.raises(Killed):
        train(DyingModel(2), toy_data(), **arguments)
    path = files.checkpoints / "checkpoint.safetensors"
    before = path.read_bytes()
    import safetensors.torch

    def half(tensors, name, metadata=None):
        Path(name).write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(safetensors.torch, "save_file", half)
        with pytest.raises(OSError, match="No space left"):
            train(ToyModel(), toy_data(), **arguments)
    assert path.read_bytes() == before
    names = sorted(p.name for p in files.checkpoints.iterdir())
    assert names == ["checkpoint.safetensors", "steps.csv"]
    assert load_state(path)[1]["step"] == 2


def test_only_trained_weights_are_written(tmp_path):
    with pytest.raises(Killed):
        train(DyingModel(2), toy_data(), options=toy_options(), seed=3, files=toy_files(tmp_path))
    tensors, content = load_state(tmp_path / "checkpoints" / "checkpoint.safetensors")
    assert {name for name in tensors if name.startswith("weights/")} == {
        f"weights/{layer}.{kind}" for layer in (0, 2) for kind in ("weight", "bias")
    }
    assert not [name for name in tensors if "frozen" in name]
    assert (content["epoch"], content["step"], content["key"]) == (1, 2, "key")


# What cannot be trained


def test_without_a_validation_clip_there_is_no_training_and_no_loss(tmp_path):
    data = toy_data(n_val=0)
    with pytest.raises(ValueError, match="0 to validate, but both are needed"):
        trained(tmp_path, data=data)
    logits, loss = answer_rows(ToyModel(), data, data.val, options=toy_options(), ranks=Ranks())
    assert logits.shape == (0, 3)
    assert loss is None


def test_weights_in_half_precision_are_refused(tmp_path):
    model = ToyModel()
    model.trained.to(torch.bfloat16)
    with pytest.raises(ValueError, match="must be float32"):
        train(model, toy_data(), options=toy_options(), seed=1, files=toy_files(tmp_path))


def test_a_parameter_without_gradient_is_named(tmp_path):
    model = ToyModel()
    model.spare = torch.nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"spare\.weight is to be trained"):
        train(model, toy_data(), options=toy_options(), seed=1, files=toy_files(tmp_path))


def test_an_infinite_loss_stops_the_training(tmp_path):
    data = toy_data()
    broken = data.make_batch(data.train)["x"].clone()
    broken[5] = math.inf

    def make_batch(rows):
        return data.make_batch(rows) | ({"x": broken[rows]} if rows.max() < 37 else {})

    from dataclasses import replace

    with pytest.raises(ValueError, match="became infinite in step"):
        trained(tmp_path, data=replace(data, make_batch=make_batch))


# Step size


def test_schedule_by_hand():
    rates = [learning_rate(step, steps=10, peak=1.0, warmup=0.2) for step in range(10)]
    cosine = [0.5 * (1 + math.cos(math.pi * step / 8)) for step in range(8)]
    np.testing.assert_allclose(rates, [0.5, 1.0, *cosine])
    np.testing.assert_allclose(rates[6], 0.5)
    assert rates[2] == 1.0
    assert learning_rate(0, steps=4, peak=5e-5, warmup=0.0) == 5e-5
    np.testing.assert_allclose(learning_rate(2, steps=4, peak=5e-5, warmup=0.0), 2.5e-5)


# Ranks


def run_ranks(folder, *, ranks, stop):
    """Start the processes with the variables that torchrun would set, and wait for them."""
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    common = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(TESTS.parents[1]), str(TESTS)]),
        **{"OMP_NUM_THREADS": "1", "WORLD_SIZE": str(ranks)},
        **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)},
    }
    processes = [
        subprocess.Popen(
            [sys.executable, str(TESTS / "toy_rank.py"), str(folder), str(stop)],
            env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(ranks)
    ]
    for process in processes:
        output, _ = process.communicate(timeout=240)
        assert process.returncode == 0, output[-4000:]
    return load_state(folder / "weights.safetensors")[0]


def test_a_total_over_ranks_leaves_the_parts_alone(monkeypatch):
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda flat: flat.mul_(2))
    part = torch.ones(3)
    assert Ranks(count=2).total(part).tolist() == [2.0] * 3
    assert part.tolist() == [1.0] * 3


def test_two_gloo_ranks_equal_one(tmp_path):
    model = ToyModel().double()
    files = toy_files(tmp_path / "one")
    # The last step of an epoch is one batch of a single clip: the second rank has none.
    data = toy_data(33, dtype=torch.float64)
    train(model, data, options=toy_options(), seed=3, files=files)
    alone = model.trainable_state()
    # The second process group resumes from the checkpoint of the first one.
    two = run_ranks(tmp_path / "two", ranks=2, stop=3)
    for name in alone:
        torch.testing.assert_close(two[name], alone[name], atol=1e-12, rtol=0)
    one, other = ((tmp_path / name / "metrics.csv").read_text() for name in ("one", "two"))
    assert one == other


@pytest.mark.parametrize(("score", "best"), [("uar", 2), ("ccc", 2), ("mae", 3), ("rmse", 3)])
def test_of_errors_the_lowest_is_the_best(score, best):
    stopping = EarlyStopping(patience=9)
    for epoch, value in enumerate([0.5, 0.7, 0.3, 0.3], start=1):
        judge(stopping, {"epoch": epoch, "val_loss": 1.0, f"val_{score}": value, "val_war": -epoch})
    assert stopping.best_epoch == best
