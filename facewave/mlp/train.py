"""Train the MLP on one part, stop and calibrate it by another; with a refit, train on both."""

from __future__ import annotations

import copy
import csv
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facewave.evaluation.metrics import unweighted_average_recall
from facewave.mlp.epochs import Learner, prepare, run_epochs
from facewave.mlp.model import TrainedMlp, predict
from facewave.mlp.network import MlpNetwork, fit_temperature
from facewave.mlp.options import MlpOptions
from facewave.mlp.parts import check_parts, without_features
from facewave.mlp.projection import ClipValues
from facewave.mlp.width import with_width
from facewave.splits.read import SplitTable
from facewave.training import EarlyStopping, use_threads


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One row of `metrics.csv`; scores are fractions, over valid clips only.

    Attributes:
        epoch: from 1.
        train_loss: weighted cross entropy in nats over the steps of the epoch, with dropout and
            with weights that change from step to step.
        val_loss: weighted cross entropy in nats after the epoch.
        train_uar: of the predictions in the same steps; it therefore lags behind the validation
            scores.
        val_uar: mean recall over the classes of the validation part.
        val_war: accuracy on the validation part.
        learning_rate: of the epoch's last step.
    """

    epoch: int
    train_loss: float
    val_loss: float
    train_uar: float
    val_uar: float
    val_war: float
    learning_rate: float


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """How a model is trained.

    Attributes:
        options: of network and training.
        seed: of weights, batch order and dropout, and of the sample that a projection is made from.
        metrics_path: CSV to write, one row per epoch; None: none is written. While training runs,
            the rows are in a file whose name ends in `.partial`.
        threads: torch's threads inside an operation.
        on_epoch: called after each epoch.
    """

    options: MlpOptions
    seed: int
    metrics_path: Path | None = None
    threads: int = 1
    on_epoch: Callable[[Epoch], None] | None = None

    @contextmanager
    def record(self) -> Iterator[Callable[[Epoch], None]]:
        """Open the metrics file; yields what writes an epoch's row and calls `on_epoch`."""
        report = self.on_epoch or (lambda row: None)
        if self.metrics_path is None:
            yield report
            return
        path = Path(self.metrics_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        with partial.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle, lineterminator="\n")
            writer.writerow(field.name for field in fields(Epoch))

            def write(row: Epoch) -> None:
                writer.writerow(f"{v:.6g}" if isinstance(v, float) else v for v in astuple(row))
                handle.flush()
                report(row)

            yield write
            os.fsync(handle.fileno())
        partial.replace(path)


# A trained model, and its probabilities for a part or for several.
Trained = tuple[TrainedMlp, NDArray[np.float32]]
Predicted = tuple[TrainedMlp, dict[str, NDArray[np.float32]]]


def fit_predict(parts: Mapping[str, SplitTable], job: TrainingJob) -> Predicted:
    """Train on the parts `train` and `val`; predict `val` and `test`.

    Returns:
        the model, and the probabilities (n, C) for `val`, as `train_mlp` returns them, and `test`.

    Raises:
        ValueError: as `train_mlp` and `predict`.
    """
    return fit_predict_seeds(parts, job, [job.seed])[0]


def fit_predict_seeds(
    parts: Mapping[str, SplitTable], job: TrainingJob, seeds: Sequence[int]
) -> list[Predicted]:
    """Do the same once per seed; see `train_seeds`."""
    return [
        (model, {"val": seen, "test": predict(model, parts["test"], threads=job.threads)})
        for model, seen in train_seeds(parts["train"], parts["val"], job, seeds)
    ]


def train_mlp(train: SplitTable, val: SplitTable, job: TrainingJob) -> Trained:
    """Train on one part; stop and calibrate by the other; with `fusion.refit` then train on both.

    Invalid clips count only in the prior. The same tables, options, seed and number of threads give
    the same weights on the same machine; torch's global random state is restored afterwards.

    Args:
        train: the training part.
        val: the validation part, with the same classes and feature options.
        job: how to train. Scores of an ensemble in the metrics are those of its mean prediction.

    Returns:
        the model, and the probabilities (n, C) for the validation part from before a refit: it was
            used to stop training, but not learned from

    Raises:
        ValueError: the parts do not fit together, hold too little to learn from, an input cannot
            be mirrored, or the loss became infinite.
    """
    return train_seeds(train, val, job, [job.seed])[0]


def train_seeds(
    train: SplitTable, val: SplitTable, job: TrainingJob, seeds: Sequence[int]
) -> list[Trained]:
    """Train once per seed, in one pass through stacked weights where all run equally long.

    But for rounding, each model is that of `train_mlp` with its seed; the projection's seed, which
    matters where it is made from a sample of the clips, is the job's for all.

    Args:
        train, val: as for `train_mlp`.
        job: how to train; its metrics are those of the first seed.
        seeds: at least one.

    Returns:
        model and probabilities of each seed, see `train_mlp`

    Raises:
        ValueError: as `train_mlp`.
    """
    check_parts(train, val, job.options)
    options = with_width(
        job.options,
        train,
        val,
        lambda tried: train_mlp(
            train, val, replace(job, options=tried, metrics_path=None, on_epoch=None)
        )[1],
    )
    job, fusion = replace(job, options=options), options.fusion
    one_pass = fusion is not None and fusion.keep == "last"
    passes = [list(seeds)] if one_pass else [[seed] for seed in seeds]
    found: list[Trained] = []
    with use_threads(job.threads), torch.random.fork_rng(devices=[]), job.record() as write:
        for together in passes:
            found += _train_together(train, val, job, together, write if not found else None)
    return found


def _train_together(
    train: SplitTable,
    val: SplitTable,
    job: TrainingJob,
    seeds: Sequence[int],
    write: Callable[[Epoch], None] | None,
) -> list[Trained]:
    options, fusion = job.options, job.options.fusion
    learner = prepare(train, options, seeds, basis_seed=job.seed)
    values = ClipValues(
        val, options.inputs, scaler=learner.scaler, projection=learner.networks[0].projection
    )
    labels = torch.from_numpy(val.labels[val.valid])
    epochs = _fit(learner, values, labels, options, seeds, write or (lambda row: None))
    prior = _prior(train)
    temperatures, answers = [], []
    for network in learner.networks:
        logits = _logits(network, values)
        temperatures.append(fit_temperature(logits, labels) if fusion and fusion.calibrate else 1.0)
        own = np.tile(without_features(prior, options.class_weights), (len(val), 1))
        own[val.valid] = (logits / temperatures[-1]).softmax(dim=1).numpy()
        answers.append(own)
    if fusion and fusion.refit:
        del learner, values  # their projections would be held beside those of both parts
        both = train.joined(val)
        prior, learner = _prior(both), prepare(both, options, seeds, basis_seed=job.seed)
        # The same number of epochs, with the same schedule of the learning rate.
        for result in run_epochs(learner, options, seeds):
            if result.epoch == epochs:
                break
    return [
        (
            TrainedMlp(
                network=_own_memory(network, temperature),
                scaler=learner.scaler,
                prior=torch.from_numpy(prior),
                options=options,
                classes=train.classes,
                shapes={name: train.shapes[name] for name in options.inputs},
                seed=seed,
                best_epoch=epochs,
                split_metadata=train.metadata,
            ),
            seen,
        )
        for seed, network, temperature, seen in zip(
            seeds, learner.networks, temperatures, answers, strict=True
        )
    ]


def _own_memory(network: MlpNetwork, temperature: float) -> MlpNetwork:
    """Return a network to answer with, whose layers no longer share memory with other seeds'."""
    return MlpNetwork(network.projection, copy.deepcopy(network.layers), temperature).eval()


def _prior(table: SplitTable) -> NDArray[np.float32]:
    counts = np.bincount(table.labels, minlength=len(table.classes))
    frequencies: NDArray[np.float32] = (counts / counts.sum()).astype(np.float32)
    return frequencies


def _fit(
    learner: Learner,
    values: ClipValues,
    labels: Tensor,
    options: MlpOptions,
    seeds: Sequence[int],
    write: Callable[[Epoch], None],
) -> int:
    """Train the networks in place; return the epoch whose weights they end up with.

    Args:
        learner: the networks and their training clips.
        values: the validation part's valid clips.
        labels: int64 (n,), of these.
        options: of network and training.
        seeds: of the networks; one where the epoch is chosen by the validation part.
        write: called with each epoch's row, of the first seed.

    Raises:
        ValueError: the loss became infinite.
    """
    network = learner.networks[0]
    keep_best = options.fusion is None or options.fusion.keep == "best"
    stopping = EarlyStopping(patience=options.patience)
    epoch, best = 0, learner.layers.state_dict()
    for result in run_epochs(learner, options, seeds):
        epoch = result.epoch
        logits = _logits(network, values)
        val_loss = float(functional.cross_entropy(logits, labels, weight=learner.weights))
        if not np.isfinite(result.losses).all() or not math.isfinite(val_loss):
            raise ValueError(
                f"the loss became infinite in epoch {epoch}: set mlp.learning_rate below "
                f"{options.learning_rate}"
            )
        answers = logits.argmax(dim=1)
        row = Epoch(
            epoch=epoch,
            train_loss=float(result.losses[0]),
            val_loss=val_loss,
            train_uar=float(result.uars[0]),
            val_uar=unweighted_average_recall(labels.numpy(), answers.numpy()),
            val_war=float((labels == answers).double().mean()),
            learning_rate=result.rate,
        )
        write(row)
        if stopping.update(epoch, uar=row.val_uar, loss=row.val_loss) and keep_best:
            best = copy.deepcopy(learner.layers.state_dict())
        if stopping.exhausted and keep_best:
            break
    if not keep_best:
        return epoch
    learner.layers.load_state_dict(best)
    return stopping.best_epoch


def _logits(network: MlpNetwork, values: ClipValues) -> Tensor:
    network.eval()
    with torch.inference_mode():
        return torch.cat([network.logits(chunk) for chunk in values.in_order()])
