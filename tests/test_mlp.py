import csv
import pickle
import runpy
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from split_files import CLASSES, toy, write_split

from facewave.metrics import evaluate
from facewave.mlp import MlpOptions, Scaler, fit_scaler, predict
from facewave.mlp_checkpoint import load_checkpoint, save_checkpoint
from facewave.mlp_epochs import EarlyStopping, TrainingJob
from facewave.mlp_parts import class_weights
from facewave.mlp_training import train_mlp
from facewave.predictions import read_predictions
from facewave.split_table import read_split

ROOT = Path(__file__).parents[1]
INPUTS = ("landmarks", "blendshapes")
OPTIONS = MlpOptions(inputs=INPUTS, hidden=(16,), learning_rate=0.01, batch_size=16, max_epochs=12)


@pytest.fixture
def table(tmp_path):
    def make(n, *, name="part", features=None, groups=INPUTS, **options):
        columns = toy(n, **options)
        path = write_split(tmp_path / f"{name}.parquet", columns, features=features)
        return read_split(path, groups=groups)

    return make


@pytest.fixture
def fit(tmp_path):
    def run(train, val, *, options=OPTIONS, seed=1, name="metrics.csv", **more):
        job = TrainingJob(options=options, seed=seed, metrics_path=tmp_path / name, **more)
        return train_mlp(train, val, job)[0]

    return run


def _uar(model, table):
    answers = predict(model, table).argmax(axis=1)
    return evaluate(table.labels, answers, classes=table.classes).uar


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
    assert _uar(model, table(60, seed=3, signal=8.0)) > 0.95


def test_without_a_signal_stays_at_chance(table, fit):
    model = fit(table(120, seed=1, signal=0.0), table(30, seed=2, signal=0.0))
    assert _uar(model, table(300, seed=3, signal=0.0)) < 0.45


def test_linear_model_without_hidden_layers(table, fit):
    options = replace(OPTIONS, hidden=(), learning_rate=0.05)
    model = fit(table(120, seed=1, signal=8.0), table(30, seed=2, signal=8.0), options=options)
    assert _uar(model, table(60, seed=3, signal=8.0)) > 0.9


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
    assert _uar(model, val) == pytest.approx(best.val_uar)
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


# Checkpoint


@pytest.fixture
def model(table, fit):
    return fit(table(60, seed=1), table(30, seed=2))


def test_checkpoint_round_trip(model, table, tmp_path):
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
    assert set(content["options"]) == set(asdict(OPTIONS))
    assert content["mean"].shape == content["std"].shape == (20,)
    assert content["split_metadata"]["data_sha256"] == "digest of 60 clips"
    assert content["shapes"] == {"landmarks": [2, 3, 2], "blendshapes": [2, 4]}


def test_checkpoint_refuses_what_is_none(model, tmp_path):
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


def test_scaler_cuts_outliers():
    scaler = Scaler(mean=torch.zeros(1), std=torch.full((1,), 1e-3))
    assert scaler(torch.tensor([[1.0], [-1.0], [0.002]])).tolist() == [[10], [-10], [2]]


# The script


def test_script_from_split_to_predictions(tmp_path):
    for i, (part, n) in enumerate((("train", 60), ("val", 12), ("test", 9))):
        write_split(tmp_path / f"{part}.parquet", toy(n, seed=i, signal=6.0, invalid=1))
    snakemake = SimpleNamespace(
        input=SimpleNamespace(
            **{part: str(tmp_path / f"{part}.parquet") for part in ("train", "val", "test")}
        ),
        output=SimpleNamespace(
            checkpoint=str(tmp_path / "out" / "mlp.pt"),
            metrics=str(tmp_path / "out" / "metrics.csv"),
            predictions=str(tmp_path / "out" / "predictions.parquet"),
        ),
        params=SimpleNamespace(
            options={"inputs": ["blendshapes"], "hidden": [16], "max_epochs": 3, "patience": 3},
            seed=3,
        ),
        threads=1,
        resources=SimpleNamespace(mem_mb=4000),
        log=[str(tmp_path / "log" / "train.log")],
    )
    runpy.run_path(
        str(ROOT / "scripts" / "fit_mlp.py"),
        init_globals={"snakemake": snakemake},
        run_name="__main__",
    )
    out = tmp_path / "out"
    assert sorted(p.name for p in out.iterdir()) == ["metrics.csv", "mlp.pt", "predictions.parquet"]
    answers = read_predictions(out / "predictions.parquet")
    assert answers.parts == ["val"] * 12 + ["test"] * 9
    assert answers.classes == CLASSES
    assert answers.metadata["seed"] == 3
    assert answers.metadata["data_sha256"]["train"] == "digest of 60 clips"
    assert answers.metadata["facewave"]
    model = load_checkpoint(out / "mlp.pt")
    test = read_split(tmp_path / "test.parquet", groups=["blendshapes"])
    expected = predict(model, test)
    part = answers.of_part("test")
    np.testing.assert_array_equal(part.probabilities, expected)
    np.testing.assert_array_equal(part.predicted, expected.argmax(axis=1))
    assert part.clip_ids == test.clip_ids
    assert part.valid.tolist() == test.valid.tolist()
    log = (tmp_path / "log" / "train.log").read_text()
    assert "epoch 1: loss" in log
