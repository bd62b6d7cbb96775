"""Train the MLP: weighted cross entropy, AdamW, early stopping on the validation UAR."""

from __future__ import annotations

import copy
import csv
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional

from facewave.metrics import unweighted_average_recall
from facewave.mlp import (
    Mlp,
    MlpOptions,
    Scaler,
    TrainedMlp,
    check_features,
    check_same_features,
    fit_scaler,
    gather,
    predict,
    use_threads,
)
from facewave.split_table import SplitTable

_EVALUATION_CLIPS = 512


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One row of `metrics.csv`; scores are fractions, over valid clips only.

    Attributes:
        epoch: from 1.
        train_loss: weighted cross entropy in nats over the steps of the epoch, with dropout and
            with weights that change from step to step.
        val_loss: weighted cross entropy in nats after the epoch.
        train_uar: of the same steps' answers; it thus lags behind the validation scores.
        val_uar: mean recall over the classes of the validation part.
        val_war: accuracy on the validation part.
        learning_rate: of the epoch's steps.
    """

    epoch: int
    train_loss: float
    val_loss: float
    train_uar: float
    val_uar: float
    val_war: float
    learning_rate: float


@dataclass(kw_only=True)
class EarlyStopping:
    """Finds the best epoch: higher UAR, at equal UAR lower loss, at equal loss the earlier one.

    Attributes:
        patience: epochs without a better one after which `exhausted` is True.
        best_epoch: 0 before the first epoch.
    """

    patience: int
    best_epoch: int = 0
    _best: tuple[float, float] = field(default=(-math.inf, -math.inf), init=False)
    _last: int = field(default=0, init=False)

    def update(self, epoch: int, *, uar: float, loss: float) -> bool:
        """Take in an epoch's validation scores; return whether it is the best so far."""
        self._last = epoch
        better = (uar, -loss) > self._best
        if better:
            self._best, self.best_epoch = (uar, -loss), epoch
        return better

    @property
    def exhausted(self) -> bool:
        """Whether training should stop."""
        return self._last - self.best_epoch >= self.patience


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """The valid clips of a part: their row numbers in the table and their labels."""

    table: SplitTable
    rows: NDArray[np.intp]
    labels: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class _Learner:
    """What every step needs."""

    network: Mlp
    scaler: Scaler
    weights: Tensor
    options: MlpOptions

    def logits(self, part: _Part, clips: NDArray[np.int64]) -> Tensor:
        features = gather(part.table, self.options.inputs, part.rows[clips])
        logits: Tensor = self.network(self.scaler(features))
        return logits

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(logits, labels, weight=self.weights)


def train_mlp(
    train: SplitTable,
    val: SplitTable,
    *,
    options: MlpOptions,
    seed: int,
    metrics_path: Path,
    threads: int = 1,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> TrainedMlp:
    """Train on one part, stop by the other, and return the weights of the best epoch.

    Invalid clips are used nowhere but in the prior. The same tables, options, seed and number of
    threads give the same weights on the same machine; torch's global random state is left alone.

    Args:
        train: the training part.
        val: the validation part, with the same classes and feature options.
        options: of network and training.
        seed: of weights, batch order and dropout.
        metrics_path: the CSV with a row an epoch. While training runs its rows are in the file
            with `.partial` at the end of the name.
        threads: torch's threads inside an operation.
        on_epoch: called after each epoch.

    Raises:
        ValueError: the parts do not fit together, hold too little to learn from, or the loss
            became infinite.
    """
    check_parts(train, val, options)
    train_part, val_part = _valid_part(train), _valid_part(val)
    weights = class_weights(
        train_part.labels.numpy(), n_classes=len(train.classes), kind=options.class_weights
    )
    scaler = fit_scaler(train, options.inputs, train_part.rows)
    with use_threads(threads), torch.random.fork_rng(devices=[]), epoch_csv(metrics_path) as write:
        torch.manual_seed(seed)
        network = Mlp(
            n_features=scaler.mean.numel(),
            hidden=options.hidden,
            n_classes=len(train.classes),
            dropout=options.dropout,
        )
        learner = _Learner(network=network, scaler=scaler, weights=weights, options=options)
        stopping = EarlyStopping(patience=options.patience)
        best = network.state_dict()
        for row in _epochs(learner, train_part, val_part, seed=seed):
            write(row)
            if on_epoch:
                on_epoch(row)
            if stopping.update(row.epoch, uar=row.val_uar, loss=row.val_loss):
                best = copy.deepcopy(network.state_dict())
            if stopping.exhausted:
                break
    network.load_state_dict(best)
    network.eval()
    counts = np.bincount(train.labels, minlength=len(train.classes))
    return TrainedMlp(
        network=network,
        scaler=scaler,
        prior=torch.from_numpy((counts / counts.sum()).astype(np.float32)),
        options=options,
        classes=train.classes,
        shapes={name: train.shapes[name] for name in options.inputs},
        seed=seed,
        best_epoch=stopping.best_epoch,
        split_metadata=train.metadata,
    )


def train_plain(
    train: SplitTable,
    val: SplitTable,
    *,
    options: MlpOptions,
    seed: int,
    metrics_path: Path,
    threads: int = 1,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> tuple[TrainedMlp, NDArray[np.float32]]:
    """Return the model of `train_mlp` and its probabilities for the validation part."""
    model = train_mlp(
        train,
        val,
        options=options,
        seed=seed,
        metrics_path=metrics_path,
        threads=threads,
        on_epoch=on_epoch,
    )
    return model, predict(model, val, threads=threads)


def class_weights(labels: ArrayLike, *, n_classes: int, kind: str) -> Tensor:
    """Return the loss weight of each class, float32 (n_classes,).

    Args:
        labels: int (n,), the labels of the valid training clips.
        n_classes: number of classes.
        kind: `balanced`: n / (classes present x clips of the class), and 0 for an absent class;
            `none`: 1 throughout.
    """
    if kind == "none":
        return torch.ones(n_classes)
    counts = np.bincount(np.asarray(labels), minlength=n_classes)
    present = counts > 0
    weights = np.zeros(n_classes, np.float32)
    weights[present] = counts.sum() / (present.sum() * counts[present])
    return torch.from_numpy(weights)


def _epochs(learner: _Learner, train: _Part, val: _Part, *, seed: int) -> Iterator[Epoch]:
    options = learner.options
    optimizer = torch.optim.AdamW(
        learner.network.parameters(),
        lr=options.learning_rate,
        weight_decay=options.weight_decay,
        fused=True,
    )
    order = torch.Generator().manual_seed(seed)
    for epoch in range(1, options.max_epochs + 1):
        train_loss, train_uar = _train_epoch(learner, train, optimizer, order)
        val_loss, predicted = _score(learner, val)
        if not math.isfinite(train_loss) or not math.isfinite(val_loss):
            raise ValueError(
                f"the loss became infinite in epoch {epoch}: set mlp.learning_rate below "
                f"{options.learning_rate}"
            )
        yield Epoch(
            epoch=epoch,
            train_loss=train_loss,
            val_loss=val_loss,
            train_uar=train_uar,
            val_uar=unweighted_average_recall(val.labels.numpy(), predicted.numpy()),
            val_war=float((val.labels == predicted).double().mean()),
            learning_rate=options.learning_rate,
        )


def _train_epoch(
    learner: _Learner, part: _Part, optimizer: torch.optim.Optimizer, order: torch.Generator
) -> tuple[float, float]:
    learner.network.train()
    predicted = torch.empty_like(part.labels)
    total = torch.zeros((), dtype=torch.float64)
    shuffled = torch.randperm(part.rows.size, generator=order).numpy()
    for clips in _batches(shuffled, learner.options.batch_size):
        labels = part.labels[clips]
        logits = learner.logits(part, clips)
        loss = learner.loss(logits, labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        # The batch's loss is a mean by weight: its share of the epoch is its weight.
        total += loss.detach() * learner.weights[labels].sum()
        predicted[clips] = logits.detach().argmax(dim=1)
    loss_mean = float(total / learner.weights[part.labels].sum())
    return loss_mean, unweighted_average_recall(part.labels.numpy(), predicted.numpy())


@torch.inference_mode()
def _score(learner: _Learner, part: _Part) -> tuple[float, Tensor]:
    learner.network.eval()
    batches = _batches(np.arange(part.rows.size), _EVALUATION_CLIPS)
    logits = torch.cat([learner.logits(part, clips) for clips in batches])
    return float(learner.loss(logits, part.labels)), logits.argmax(dim=1)


def _batches(clips: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, clips.size, size):
        yield clips[start : start + size]


def _valid_part(table: SplitTable) -> _Part:
    rows = np.flatnonzero(table.valid)
    return _Part(table=table, rows=rows, labels=torch.from_numpy(table.labels[rows]))


def check_parts(train: SplitTable, val: SplitTable, options: MlpOptions) -> None:
    """Refuse parts that cannot be trained on.

    Raises:
        ValueError: saying why and what to do.
    """
    if train.classes != val.classes:
        raise ValueError(
            f"the training part has the classes {', '.join(train.classes)}, the validation part "
            f"{', '.join(val.classes)}: build the splits again"
        )
    check_same_features(train.metadata, val.metadata)
    for part, table in (("training", train), ("validation", val)):
        if not table.valid.any():
            raise ValueError(
                f"none of the {part} part's {len(table)} clips is valid: add clips, choose another "
                "split.protocol or val_fraction, or look up why clips are invalid (quality)"
            )
        check_features(table, options.inputs, part=part)
    for name in options.inputs:
        if train.shapes[name] != val.shapes[name]:
            raise ValueError(
                f"{name!r} is {train.shapes[name]} in the training part and {val.shapes[name]} in "
                "the validation part: build the splits again"
            )
    known = np.unique(train.labels[train.valid])
    if known.size < 2:
        raise ValueError(
            f"all valid training clips are of the class {train.classes[known[0]]!r}: a classifier "
            "needs two classes; add clips or choose another split.protocol"
        )
    if not np.isin(val.labels[val.valid], known).any():
        raise ValueError(
            "no valid validation clip has a class that occurs among the valid training clips: add "
            "clips or choose another split.protocol or val_fraction"
        )


@contextmanager
def epoch_csv(path: Path) -> Iterator[Callable[[Epoch], None]]:
    """Open `metrics.csv`; yields what writes an epoch's row. `.partial` until the end."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(field.name for field in fields(Epoch))

        def write(row: Epoch) -> None:
            writer.writerow(f"{v:.6g}" if isinstance(v, float) else v for v in astuple(row))
            handle.flush()

        yield write
        os.fsync(handle.fileno())
    partial.replace(path)
