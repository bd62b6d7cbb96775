"""Train the MLP: weighted cross entropy, AdamW, early stopping on the validation UAR."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facewave.evaluation.metrics import unweighted_average_recall
from facewave.mlp.epochs import Epoch, TrainingJob
from facewave.mlp.model import TrainedMlp, predict
from facewave.mlp.network import Mlp
from facewave.mlp.options import MlpOptions
from facewave.mlp.parts import check_parts, class_mass, expected_targets, label_shares
from facewave.mlp.standardise import Scaler, fit_scaler, gather
from facewave.mlp.train_fusion import train_fusion
from facewave.splits.read import SplitTable
from facewave.splits.stream import shuffled_rows
from facewave.training import EarlyStopping, class_weights, use_threads, weights_of_counts

_EVALUATION_CLIPS = 512


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """The valid clips of a part: their row numbers in the table, their labels and targets.

    Attributes:
        targets: float32 (n, C), class weights among them; None: those of the labels.
    """

    table: SplitTable
    rows: NDArray[np.intp]
    labels: Tensor
    targets: Tensor | None = None


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

    def train_loss(
        self, logits: Tensor, part: _Part, clips: NDArray[np.int64]
    ) -> tuple[Tensor, Tensor]:
        """Return the mean loss of some clips, by weight, and the sum of their weights."""
        if part.targets is None:
            labels = part.labels[clips]
            return self.loss(logits, labels), self.weights[labels].sum()
        targets = part.targets[clips]
        weight = targets.sum()
        # Votes for classes without any labelled clip only weigh nothing.
        return -(targets * logits.log_softmax(dim=1)).sum() / weight.clamp(min=1e-12), weight


def train_mlp(
    train: SplitTable, val: SplitTable, job: TrainingJob
) -> tuple[TrainedMlp, NDArray[np.float32]]:
    """Train on one part and stop by the other.

    Invalid clips are used nowhere but in the prior. The same tables, options, seed and number of
    threads give the same weights on the same machine; torch's global random state is left alone.

    Args:
        train: the training part.
        val: the validation part, with the same classes and feature options.
        job: how; `mlp.projection` decides between `train_fusion` and a plain MLP on the
            standardised features, of which the weights of the best epoch are kept.

    Returns:
        the model, and its probabilities (n, C) for the validation part, which it has stopped by
        but not learned from.

    Raises:
        ValueError: the parts do not fit together, hold too little to learn from, or the loss
            became infinite.
    """
    return (train_fusion if job.options.projection else _train_plain)(train, val, job)


def _train_plain(
    train: SplitTable, val: SplitTable, job: TrainingJob
) -> tuple[TrainedMlp, NDArray[np.float32]]:
    options = job.options
    check_parts(train, val, options)
    train_part, val_part = _valid_part(train, options), _valid_part(val)
    weights = class_weights(
        train_part.labels.numpy(), n_classes=len(train.classes), kind=options.class_weights
    )
    scaler = fit_scaler(train, options.inputs, train_part.rows)
    with use_threads(job.threads), torch.random.fork_rng(devices=[]), job.record() as write:
        torch.manual_seed(job.seed)
        network = Mlp(
            n_features=scaler.mean.numel(),
            hidden=options.hidden,
            n_classes=len(train.classes),
            dropout=options.dropout,
        )
        learner = _Learner(network=network, scaler=scaler, weights=weights, options=options)
        stopping = EarlyStopping(patience=options.patience)
        best = network.state_dict()
        for row in _epochs(learner, train_part, val_part, seed=job.seed):
            write(row)
            if stopping.update(row.epoch, uar=row.val_uar, loss=row.val_loss):
                best = copy.deepcopy(network.state_dict())
            if stopping.exhausted:
                break
    network.load_state_dict(best)
    network.eval()
    counts = np.bincount(train.labels, minlength=len(train.classes))
    model = TrainedMlp(
        network=network,
        scaler=scaler,
        prior=torch.from_numpy((counts / counts.sum()).astype(np.float32)),
        options=options,
        classes=train.classes,
        shapes={name: train.shapes[name] for name in options.inputs},
        seed=job.seed,
        best_epoch=stopping.best_epoch,
        split_metadata=train.metadata,
    )
    return model, predict(model, val, threads=job.threads)


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
    total, weights = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    shuffled = shuffled_rows(
        part.table,
        learner.options.inputs,
        part.rows,
        lambda count: torch.randperm(count, generator=order).numpy(),
    )
    for clips in _batches(shuffled, learner.options.batch_size):
        logits = learner.logits(part, clips)
        loss, weight = learner.train_loss(logits, part, clips)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        # The batch's loss is a mean by weight: its share of the epoch is its weight.
        total += loss.detach() * weight
        weights += weight
        predicted[clips] = logits.detach().argmax(dim=1)
    return float(total / weights), unweighted_average_recall(part.labels.numpy(), predicted.numpy())


@torch.inference_mode()
def _score(learner: _Learner, part: _Part) -> tuple[float, Tensor]:
    learner.network.eval()
    batches = _batches(np.arange(part.rows.size), _EVALUATION_CLIPS)
    logits = torch.cat([learner.logits(part, clips) for clips in batches])
    return float(learner.loss(logits, part.labels)), logits.argmax(dim=1)


def _batches(clips: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, clips.size, size):
        yield clips[start : start + size]


def _valid_part(table: SplitTable, targets_of: MlpOptions | None = None) -> _Part:
    rows = np.flatnonzero(table.valid)
    labels = table.labels[rows]
    targets = None
    if targets_of is not None and targets_of.soft_labels:
        shares = label_shares(table, rows, soft=True)
        weights = weights_of_counts(class_mass(shares, labels), kind=targets_of.class_weights)
        targets = expected_targets(shares, weights)
    return _Part(table=table, rows=rows, labels=torch.from_numpy(labels), targets=targets)
