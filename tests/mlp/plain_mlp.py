"""Small tables and quick training of the plain MLP."""

from facewave.evaluation.metrics import evaluate
from facewave.mlp.epochs import TrainingJob
from facewave.mlp.model import predict
from facewave.mlp.options import MlpOptions
from facewave.mlp.train import train_mlp
from facewave.splits.read import read_split
from tests.splits.split_files import toy, write_split

INPUTS = ("landmarks", "blendshapes")
OPTIONS = MlpOptions(inputs=INPUTS, hidden=(16,), learning_rate=0.01, batch_size=16, max_epochs=12)


def make_table(folder, n, *, name="part", features=None, groups=INPUTS, **options):
    """Write a part of `n` clips (see `split_files.toy`) and read it."""
    columns = toy(n, **options)
    path = write_split(folder / f"{name}.parquet", columns, features=features)
    return read_split(path, groups=groups)


def fit_model(folder, train, val, *, options=OPTIONS, seed=1, name="metrics.csv", **more):
    """Train on a part; its metrics go into the folder."""
    job = TrainingJob(options=options, seed=seed, metrics_path=folder / name, **more)
    return train_mlp(train, val, job)[0]


def uar_of(model, table):
    """Return the UAR of a model's answers."""
    answers = predict(model, table).argmax(axis=1)
    return evaluate(table.labels, answers, classes=table.classes).uar
