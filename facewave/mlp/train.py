"""Train the MLP on one part, stop and calibrate it by another; with a refit, train on both."""

from __future__ import annotations

import copy
import csv
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facewave.evaluation.metrics import unweighted_average_recall
from facewave.evaluation.regression import goodness
from facewave.mlp.epochs import EpochResult, Learner, orders_of, prepare, run_epochs
from facewave.mlp.held_out import (
    HeldOut,
    distances_of,
    fit_spread,
    held_out_clips,
)
from facewave.mlp.model import TrainedMlp, predict, predict_values
from facewave.mlp.network import MlpNetwork, fit_temperature
from facewave.mlp.options import MlpOptions
from facewave.mlp.parts import check_parts, without_features
from facewave.mlp.projection import ClipValues
from facewave.mlp.values import (
    TargetScale,
    ValueEpoch,
    targets_of,
    validation_scores,
    value_losses,
    with_a_target,
)
from facewave.mlp.width import with_width
from facewave.splits.read import SplitTable
from facewave.training import EarlyStopping, use_threads


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One row of a classifier's `metrics.csv`; scores are fractions, over valid clips only.

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


Report = Callable[[Epoch | ValueEpoch], None]


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
        shuffle_labels: a control: each seed learns, and is calibrated, from the labels of the valid
            clips in an order of its own.
    """

    options: MlpOptions
    seed: int
    metrics_path: Path | None = None
    threads: int = 1
    on_epoch: Report | None = None
    shuffle_labels: bool = False

    @contextmanager
    def record(self) -> Iterator[Report | None]:
        """Open the metrics file; yields what writes an epoch's row and calls `on_epoch`, if any."""
        if self.metrics_path is None:
            yield self.on_epoch
            return
        path = Path(self.metrics_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        with partial.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle, lineterminator="\n")
            kind = ValueEpoch if self.options.targets else Epoch
            writer.writerow(field.name for field in fields(kind))

            def write(row: Epoch | ValueEpoch) -> None:
                writer.writerow(f"{v:.6g}" if isinstance(v, float) else v for v in astuple(row))
                handle.flush()
                if self.on_epoch:
                    self.on_epoch(row)

            yield write
            os.fsync(handle.fileno())
        partial.replace(path)


# A trained model, and its answers for a part or for several: probabilities (n, C) float32, or of a
# regression values (n, m) float64 in the targets' units.
Trained = tuple[TrainedMlp, NDArray[Any]]
Predicted = tuple[TrainedMlp, dict[str, NDArray[Any]]]


def fit_predict(parts: Mapping[str, SplitTable], job: TrainingJob) -> Predicted:
    """Train on the parts `train` and `val`; predict `val` and `test`.

    Returns:
        the model, and its answers for `val`, as `train_mlp` returns them, and `test`.

    Raises:
        ValueError: as `train_mlp` and `predict`.
    """
    return fit_predict_seeds(parts, job, [job.seed])[0]


def fit_predict_seeds(
    parts: Mapping[str, SplitTable], job: TrainingJob, seeds: Sequence[int]
) -> list[Predicted]:
    """Do the same once per seed; see `train_seeds`."""
    answer = predict_values if job.options.targets else predict
    return [
        (model, {"val": seen, "test": answer(model, parts["test"], threads=job.threads)})
        for model, seen in train_seeds(parts["train"], parts["val"], job, seeds)
    ]


def train_mlp(train: SplitTable, val: SplitTable, job: TrainingJob) -> Trained:
    """Train on one part; stop and calibrate by the other; with `fusion.refit` then train on both.

    Invalid clips count only in the prior. The same tables, options, seed and number of threads give
    the same weights on the same machine; torch's global random state is restored afterwards.

    Args:
        train: the training part.
        val: the validation part, with the same classes and feature options. For a regression both
            have `targets`.
        job: how to train. Scores of an ensemble in the metrics are those of its mean prediction.

    Returns:
        the model, and its answers for the validation part, probabilities (n, C) or values (n, m),
            from before a refit: it was used to stop training, but not learned from

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
        model and answers of each seed, see `train_mlp`

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
    write: Report | None,
) -> list[Trained]:
    options, fusion = job.options, job.options.fusion
    if options.targets:
        train = with_a_target(train)
    make = partial(
        prepare, options=options, seeds=seeds, basis_seed=job.seed, shuffled=job.shuffle_labels
    )
    learner = make(train)
    values = ClipValues(
        val, options.inputs, scaler=learner.scaler, projection=learner.networks[0].projection
    )
    labels = torch.from_numpy(val.labels[val.valid])
    val_labels = labels[orders_of(seeds, len(labels), shuffled=job.shuffle_labels)]
    wanted = val_labels[0]
    if learner.scale:
        wanted = learner.scale.standardised(targets_of(val)[val.valid])
    epochs = _fit(learner, values, wanted, job, seeds, write)
    prior, calibrate = _prior(train), fusion is not None and fusion.calibrate
    temperatures: list[float] = []
    answers: list[NDArray[Any]] = []
    spread = fit_spread(learner.values)
    far = distances_of(spread, values)
    for network, own_labels in zip(learner.networks, val_labels, strict=True):
        logits = _logits(network, values)
        if learner.scale:
            temperatures.append(1.0)
            answers.append(_values(learner.scale, logits, val))
            continue
        temperatures.append(fit_temperature(logits, own_labels) if calibrate else 1.0)
        own = np.tile(without_features(prior, options.class_weights), (len(val), 1))
        own[val.valid] = (logits / temperatures[-1]).softmax(dim=1).numpy()
        answers.append(own)
    if fusion and fusion.refit:
        del learner, values  # their projections would be held beside those of both parts
        both = train.joined(with_a_target(val) if options.targets else val)
        prior, learner = _prior(both), make(both)
        # The same number of epochs, with the same schedule of the learning rate.
        for result in run_epochs(learner, options, seeds, scored=False):
            if result.epoch == epochs:
                break
        spread = fit_spread(learner.values)
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
                spread=spread,
                held_out=_held_out(val, seen, far, values=options.targets is not None),
                scale=learner.scale,
            ),
            seen,
        )
        for seed, network, temperature, seen in zip(
            seeds, learner.networks, temperatures, answers, strict=True
        )
    ]


def _held_out(
    val: SplitTable, seen: NDArray[Any], far: NDArray[np.float32], *, values: bool
) -> HeldOut:
    if values:
        nothing = np.empty(0, np.float32)
        return HeldOut(scores=nothing, distances=nothing, people=np.empty(0, np.int64))
    return held_out_clips(seen[val.valid], val.labels[val.valid], far)


def _own_memory(network: MlpNetwork, temperature: float) -> MlpNetwork:
    """Return a network to answer with, whose layers no longer share memory with other seeds'."""
    layers = copy.deepcopy(network.layers)
    return MlpNetwork(network.projection, layers, temperature, values=network.values).eval()


def _values(scale: TargetScale, outputs: Tensor, table: SplitTable) -> NDArray[np.float64]:
    """Return the values of all clips (n, m) from the outputs for the valid ones."""
    values = np.tile(scale.mean.numpy(), (len(table), 1))
    values[table.valid] = scale.restored(outputs)
    return values


def _prior(table: SplitTable) -> NDArray[np.float32]:
    counts = np.bincount(table.labels, minlength=len(table.classes))
    frequencies: NDArray[np.float32] = (counts / counts.sum()).astype(np.float32)
    return frequencies


def _fit(
    learner: Learner,
    values: ClipValues,
    wanted: Tensor,
    job: TrainingJob,
    seeds: Sequence[int],
    write: Report | None,
) -> int:
    """Train the networks in place; return the epoch whose weights they end up with.

    Args:
        learner: the networks and their training clips.
        values: of the validation part's valid clips.
        wanted: int64 (n,), the labels of these; of a regression the standardised values (n, m).
        job: how to train.
        seeds: of the networks; one where the epoch is chosen by the validation part.
        write: called with each epoch's row, of the first seed; None: nobody asks for it.

    Raises:
        ValueError: the loss became infinite.
    """
    network, options = learner.networks[0], job.options
    keep_best = options.fusion is None or options.fusion.keep == "best"
    stopping = EarlyStopping(patience=options.patience)
    epoch, best = 0, learner.layers.state_dict()
    for result in run_epochs(learner, options, seeds, scored=write is not None):
        epoch = result.epoch
        row, score = _judged(result, _logits(network, values), wanted, learner, options)
        if not np.isfinite(result.losses).all() or not math.isfinite(row.val_loss):
            raise ValueError(
                f"the loss became infinite in epoch {epoch}: set mlp.learning_rate below "
                f"{options.learning_rate}"
            )
        if write:
            write(row)
        if stopping.update(epoch, score=score, loss=row.val_loss) and keep_best:
            best = copy.deepcopy(learner.layers.state_dict())
        if stopping.exhausted and keep_best:
            break
    if not keep_best:
        return epoch
    learner.layers.load_state_dict(best)
    return stopping.best_epoch


def _judged(
    result: EpochResult, logits: Tensor, wanted: Tensor, learner: Learner, options: MlpOptions
) -> tuple[Epoch | ValueEpoch, float]:
    """Return the row of an epoch, and the score by which one is chosen: more is better.

    Args:
        result: of the training; the first seed's.
        logits: of the validation part's valid clips, or their standardised values.
        wanted, learner: as for `_fit`.
        options: of network and training.
    """
    train_loss, train_score = float(result.losses[0]), float(result.scores[0])
    if options.targets and learner.scale:
        finite = bool(torch.isfinite(logits).all())
        scores = validation_scores(logits if finite else torch.zeros_like(logits), wanted)
        values = ValueEpoch(
            epoch=result.epoch,
            train_loss=train_loss,
            val_loss=float(value_losses(logits, wanted, kind=options.targets.loss)),
            train_mae=train_score,
            learning_rate=result.rate,
            **scores,
        )
        chosen = options.targets.score
        return values, goodness(chosen, scores[f"val_{chosen}"])
    answers = logits.argmax(dim=1)
    row = Epoch(
        epoch=result.epoch,
        train_loss=train_loss,
        val_loss=float(functional.cross_entropy(logits, wanted, weight=learner.weights)),
        train_uar=train_score,
        val_uar=unweighted_average_recall(wanted.numpy(), answers.numpy()),
        val_war=float((wanted == answers).double().mean()),
        learning_rate=result.rate,
    )
    return row, row.val_uar


def _logits(network: MlpNetwork, values: ClipValues) -> Tensor:
    network.eval()
    with torch.inference_mode():
        return torch.cat([network.logits(chunk) for chunk in values.in_order()])
