"""Training on parts whose features stay in their files, beside training in memory."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from facewave.evaluation.metrics import evaluate
from facewave.mlp import parts as mlp_data
from facewave.mlp import standardise
from facewave.mlp.epochs import TrainingJob
from facewave.mlp.fusion_epochs import StoredViews
from facewave.mlp.model import predict
from facewave.mlp.options import MlpOptions
from facewave.mlp.parts import holds_features, read_part
from facewave.mlp.train import train_mlp
from facewave.splits import stream as split_stream
from tests.splits.split_files import toy, write_split

SHAPES = {"landmarks": (2, 3, 2), "blendshapes": (2, 52)}
PLAIN = MlpOptions(
    inputs=tuple(SHAPES), hidden=(16,), learning_rate=0.01, batch_size=16, max_epochs=6
)
FUSION = replace(
    PLAIN,
    inputs=("blendshapes",),
    projection=16,
    standardise="trajectory",
    mixup=0.2,
    label_smoothing=0.1,
    mirror=True,
    keep="last",
    refit=True,
    ensemble=2,
    calibrate=True,
)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of three or four row groups."""
    monkeypatch.setattr(split_stream, "BLOCK_BYTES", 4 * 10 * 116 * 4)


@pytest.fixture
def paths(tmp_path):
    """Training, validation and test part of 300, 60 and 60 clips in row groups of ten."""
    made = {}
    for seed, (part, count) in enumerate({"train": 300, "val": 60, "test": 60}.items()):
        columns = toy(count, seed=seed, invalid=2)
        noise = np.random.default_rng(seed).normal(size=(count, 104)).astype(np.float32)
        noise[:, :8] = columns["blendshapes"]
        columns["blendshapes"] = noise * columns["valid"][:, np.newaxis]
        made[part] = write_split(
            tmp_path / f"{part}.parquet", columns, shapes=SHAPES, row_group_size=10
        )
    return made


@pytest.fixture
def fit(tmp_path, paths):
    """Train and predict; returns weights, validation and test answers, and rows of the metrics."""

    def run(options, *, held, seed=1):
        parts = {name: read_part(path, options=options, held=held) for name, path in paths.items()}
        metrics = tmp_path / "metrics.csv"
        job = TrainingJob(options=options, seed=seed, metrics_path=metrics)
        model, seen = train_mlp(parts["train"], parts["val"], job)
        weights = model.network.state_dict()
        return weights, seen, predict(model, parts["test"]), metrics.read_text()

    return run


def assert_equal(one, other):
    assert one[0].keys() == other[0].keys()
    assert all(torch.equal(value, other[0][name]) for name, value in one[0].items())
    np.testing.assert_array_equal(one[1], other[1])
    np.testing.assert_array_equal(one[2], other[2])
    assert one[3] == other[3]


def test_the_fused_model_does_not_depend_on_where_its_features_are(fit):
    assert_equal(fit(FUSION, held=False), fit(FUSION, held=True))


def test_the_plain_model_is_the_same_again_from_the_files(fit):
    once = fit(PLAIN, held=False)
    assert_equal(once, fit(PLAIN, held=False))
    assert fit(PLAIN, held=False, seed=2)[3] != once[3]


def test_the_plain_model_learns_from_the_files_as_well(fit):
    labels = np.arange(60) % 3
    for held in (True, False):
        answers = fit(PLAIN, held=held)[2]
        uar = evaluate(labels, answers.argmax(axis=1), classes=("neutral", "happy", "sad")).uar
        assert uar > 0.8


def test_a_plain_epoch_reads_every_clip_of_the_file_once(fit, monkeypatch):
    seen = []
    original = split_stream.StreamedColumn.__getitem__

    def spy(self, rows):
        if len(self) == 300 and self.name == "landmarks" and rows.size <= PLAIN.batch_size:
            seen.append(rows)
        return original(self, rows)

    monkeypatch.setattr(split_stream.StreamedColumn, "__getitem__", spy)
    monkeypatch.setattr(standardise, "_STATISTICS_CLIPS", 512)  # told from batches by their size
    fit(replace(PLAIN, max_epochs=1), held=False)
    assert [rows.size for rows in seen] == [16] * 18 + [10]
    np.testing.assert_array_equal(np.sort(np.concatenate(seen)), np.arange(2, 300))


def test_auto_compares_what_would_be_held_with_what_there_is(paths, monkeypatch):
    asked = []

    def fits(needed, *, job_mb):
        asked.append((needed, job_mb))
        return True

    monkeypatch.setattr(mlp_data, "fits", fits)
    train, val = paths["train"], paths["val"]
    assert holds_features(train, val, options=PLAIN, job_mb=4000)
    assert holds_features(train, val, options=FUSION)
    assert asked == [(360 * 116 * 4, 4000), (2 * 360 * 104 * 4, None)]
    assert not holds_features(train, val, options=replace(PLAIN, in_memory=False))
    assert len(asked) == 2


def test_stored_views_are_indexed_as_the_tensor(tmp_path):
    values = torch.randn(2, 50, 7)
    stored = StoredViews(tmp_path / "new", (2, 50, 7), [*values[0].split(20), *values[1].split(9)])
    views = torch.randint(2, (3, 8))
    clips = torch.randint(50, (3, 8))
    assert len(stored) == 2
    assert torch.equal(stored[views, clips], values[views, clips])
    assert not list((tmp_path / "new").iterdir())
    with pytest.raises(ValueError, match="do not have the shape"):
        StoredViews(tmp_path, (2, 50, 7), values[0].split(20))
