"""Small tables and quick training, with and without fusion."""

from dataclasses import replace

import numpy as np

from facewave.evaluation.metrics import evaluate
from facewave.mlp.mirror import SignedSwap
from facewave.mlp.model import predict
from facewave.mlp.options import FusionOptions, MlpOptions
from facewave.mlp.train import TrainingJob, train_mlp
from facewave.splits.read import read_split
from tests.splits.split_files import toy, write_split

INPUTS = ("landmarks", "blendshapes")
PLAIN = MlpOptions(inputs=INPUTS, hidden=(16,), learning_rate=0.01, batch_size=16, max_epochs=12)
# The made-up landmarks cannot be mirrored.
FUSED = MlpOptions(
    inputs=INPUTS,
    hidden=(16,),
    dropout=0.2,
    learning_rate=0.003,
    weight_decay=0.1,
    max_epochs=30,
    fusion=FusionOptions(projection=16, mirror=False, ensemble=3),
)


def fused(options=FUSED, **changes):
    """Return options with other options of the fusion."""
    return replace(options, fusion=replace(options.fusion, **changes))


def make_table(folder, n, *, name="part", features=None, groups=INPUTS, votes=None, **options):
    """Write a part of `n` clips (see `split_files.toy`) and read it; `votes` takes the labels."""
    columns = toy(n, **options)
    if votes:
        columns["label_distribution"] = votes(columns["label"])
    path = write_split(folder / f"{name}.parquet", columns, features=features)
    return read_split(path, groups=groups)


def fit_model(folder, train, val, *, options=PLAIN, seed=1, name="metrics.csv", **more):
    """Train on a part; its metrics go into the folder. Returns the model and its answers."""
    job = TrainingJob(options=options, seed=seed, metrics_path=folder / name, **more)
    return train_mlp(train, val, job)


def unanimous_votes(labels):
    """Return all votes for the label."""
    return np.eye(3)[labels].tolist()


def divided_votes(labels):
    """Seven tenths for the label and the rest for the next class; every third clip has no votes."""
    rows = 0.7 * np.eye(3)[labels] + 0.3 * np.eye(3)[(labels + 1) % 3]
    return [None if i % 3 == 2 else row for i, row in enumerate(rows.tolist())]


def uar_of(model, table):
    """Return the UAR of a model's answers."""
    answers = predict(model, table).argmax(axis=1)
    return evaluate(table.labels, answers, classes=table.classes).uar


def landmark_swap():
    """Return a made-up mirroring of the twelve landmark columns."""
    partner = np.array([3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8])
    return SignedSwap(partner, np.float32([-1, 1] * 6)[np.minimum(partner, np.arange(12))])
