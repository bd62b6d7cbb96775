"""A trained model: its file, its predictions, and the script from splits to predictions."""

import json
import pickle
import runpy
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from facewave.evaluation.predictions import read_predictions
from facewave.mlp.linear import PENALTIES
from facewave.mlp.model import load_checkpoint, predict, save_checkpoint, training_record
from facewave.splits import read
from facewave.splits.read import read_split
from tests.mlp.quick_training import FUSED, PLAIN, fit_model, make_table
from tests.splits.split_files import CLASSES, toy, write_split

ROOT = Path(__file__).parents[2]


@pytest.fixture
def table(tmp_path):
    return partial(make_table, tmp_path)


@pytest.fixture
def fit(tmp_path):
    return partial(fit_model, tmp_path)


# Checkpoint


@pytest.fixture
def model(table, fit):
    return fit(table(60, seed=1), table(30, seed=2))[0]


@pytest.mark.parametrize("options", [PLAIN, FUSED], ids=["plain", "fused"])
def test_checkpoint_round_trip(table, fit, tmp_path, options):
    model, _ = fit(table(60, seed=1), table(30, seed=2), options=options)
    path = tmp_path / "new" / "model.pt"
    save_checkpoint(path, model)
    assert [file.name for file in path.parent.iterdir()] == ["model.pt"]
    again = load_checkpoint(path)
    part = table(20, seed=3, invalid=2)
    np.testing.assert_array_equal(predict(again, part), predict(model, part))
    for name in ("options", "classes", "shapes", "seed", "best_epoch", "split_metadata"):
        assert getattr(again, name) == getattr(model, name)
    save_checkpoint(tmp_path / "again.pt", again)
    assert load_checkpoint(tmp_path / "again.pt").options == model.options


def test_checkpoint_is_plain(model, tmp_path):
    save_checkpoint(tmp_path / "model.pt", model)
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    assert content["classes"] == list(CLASSES)
    assert content["options"]["hidden"] == [16]
    assert set(content["options"]) == set(asdict(PLAIN))
    assert content["mean"].shape == content["std"].shape == (20,)
    assert content["split_metadata"]["data_sha256"] == "digest of 60 clips"
    assert content["shapes"] == {"landmarks": [2, 3, 2], "blendshapes": [2, 4]}


def test_what_is_not_a_checkpoint_is_refused(model, tmp_path):
    path = tmp_path / "model.pt"
    with pytest.raises(FileNotFoundError):
        load_checkpoint(path)
    save_checkpoint(path, model)
    whole = path.read_bytes()
    for content in (b"", b"nonsense", whole[: len(whole) // 2], pickle.dumps({"a": 1})):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"model\.pt: not a checkpoint of the MLP"):
            load_checkpoint(path)


def test_checkpoint_never_runs_code(tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"format": "facewave-mlp", "path": Path("x")}, path)
    with pytest.raises(ValueError, match="not a checkpoint of the MLP"):
        load_checkpoint(path)


def test_checkpoint_of_another_kind_or_version_is_refused(model, tmp_path):
    path = tmp_path / "model.pt"
    save_checkpoint(path, model)
    content = torch.load(path, weights_only=True)
    for change, message in (
        ({"format": "else"}, "not a checkpoint of the MLP"),
        ({"format_version": 99}, "checkpoint version 99 .*train again"),
        ({"options": {**content["options"], "hidden": [17]}}, "incomplete checkpoint"),
        ({"weights": {}}, "incomplete checkpoint"),
    ):
        torch.save({**content, **change}, path)
        with pytest.raises(ValueError, match=message):
            load_checkpoint(path)
    torch.save({k: v for k, v in content.items() if k != "prior"}, path)
    with pytest.raises(ValueError, match="incomplete checkpoint: 'prior'"):
        load_checkpoint(path)


# Prediction


def test_prediction_refuses_other_features(model, table):
    part = table(9)
    with pytest.raises(ValueError, match="no feature group 'landmarks'"):
        predict(model, table(9, groups=["blendshapes"]))
    with pytest.raises(ValueError, match=r"'blendshapes' of shape \(2, 4\).*\(4, 2\)"):
        predict(model, replace(part, shapes={**part.shapes, "blendshapes": (4, 2)}))
    with pytest.raises(ValueError, match="knows the classes neutral, happy, sad"):
        predict(model, replace(part, classes=("neutral", "happy", "angry")))
    with pytest.raises(ValueError, match=r"different options \(layout: 'segments' and 'paper'\)"):
        predict(model, table(9, features={"layout": "paper"}))


def test_an_invalid_clip_gets_what_is_known_without_features(table, fit):
    train = table(40, invalid=5)
    train.labels[:20] = 1
    model, _ = fit(train, table(30, seed=2))
    part = table(9, seed=3, invalid=2)
    probabilities = predict(model, part)
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (9, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    frequencies = np.bincount(train.labels, minlength=3) / 40
    # The classes weighed the same: so they are equally likely, on the scale of the other answers.
    np.testing.assert_allclose(probabilities[:2], 0.001 * np.tile(frequencies, (2, 1)) + 0.333)
    assert probabilities[:2].argmax(axis=1).tolist() == [1, 1]
    assert not np.allclose(probabilities[2:], frequencies)


def test_predicts_an_empty_part(table, fit):
    model, _ = fit(table(30), table(9, seed=2))
    assert predict(model, table(0)).shape == (0, 3)


# The script


def test_script_from_split_to_predictions(tmp_path, monkeypatch):
    folders = []

    def spy(path, *, groups, scratch):
        folders.append(scratch)
        return read_split(path, groups=groups, scratch=scratch)

    monkeypatch.setattr(read, "read_split", spy)
    for i, (part, n) in enumerate((("train", 60), ("val", 12), ("test", 9))):
        write_split(tmp_path / f"{part}.parquet", toy(n, seed=i, signal=6.0, invalid=1))
    snakemake = SimpleNamespace(
        input=SimpleNamespace(
            **{part: str(tmp_path / f"{part}.parquet") for part in ("train", "val", "test")}
        ),
        output=SimpleNamespace(
            checkpoint=str(tmp_path / "out" / "mlp.pt"),
            metrics=str(tmp_path / "out" / "metrics.csv"),
            predictions=[str(tmp_path / "out" / f"{name}.parquet") for name in ("first", "second")],
            linear=str(tmp_path / "out" / "linear.parquet"),
        ),
        params=SimpleNamespace(
            options={"inputs": ["blendshapes"], "hidden": [16], "max_epochs": 3, "patience": 3},
            seeds=[3, 4],
        ),
        threads=1,
        log=[str(tmp_path / "log" / "train.log")],
    )
    runpy.run_path(
        str(ROOT / "scripts" / "fit_mlp.py"),
        init_globals={"snakemake": snakemake},
        run_name="__main__",
    )
    out = tmp_path / "out"
    assert folders == [out] * 3  # the features lie beside the results, not in memory
    assert sorted(p.name for p in out.iterdir()) == [
        *("first.parquet", "linear.parquet", "metrics.csv", "mlp.pt", "second.parquet")
    ]
    answers, other = (read_predictions(out / f"{name}.parquet") for name in ("first", "second"))
    assert (other.clip_ids, other.metadata["seed"]) == (answers.clip_ids, 4)
    assert not np.array_equal(other.probabilities, answers.probabilities)
    assert answers.parts == ["val"] * 12 + ["test"] * 9
    assert answers.classes == CLASSES
    assert answers.metadata["seed"] == 3
    assert answers.metadata["data_sha256"]["train"] == "digest of 60 clips"
    assert answers.metadata["facewave"]
    model = load_checkpoint(out / "mlp.pt")
    assert answers.metadata["training"] == json.loads(json.dumps(training_record(model)))
    linear = read_predictions(out / "linear.parquet")
    assert (linear.clip_ids, linear.metadata["model"]) == (answers.clip_ids, "logistic regression")
    assert linear.metadata["training"]["c"] in PENALTIES
    test = read_split(tmp_path / "test.parquet", groups=["blendshapes"])
    expected = predict(model, test)
    part = answers.of_part("test")
    np.testing.assert_array_equal(part.probabilities, expected)
    np.testing.assert_array_equal(part.predicted, expected.argmax(axis=1))
    assert part.clip_ids == test.clip_ids
    assert part.valid.tolist() == test.valid.tolist()
    log = (tmp_path / "log" / "train.log").read_text()
    assert "epoch 1: loss" in log
