"""Train the projected, mirrored, mixed and averaged MLP (`mlp.projection` > 0)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewave.evaluation.metrics import unweighted_average_recall
from facewave.mlp.epochs import Epoch, TrainingJob
from facewave.mlp.fusion_epochs import Fitted, StoredViews, run_epochs
from facewave.mlp.mirror import SignedSwap, mirror_swap
from facewave.mlp.model import TrainedMlp
from facewave.mlp.network import FusionMlp, Members, fit_temperature, mean_logits
from facewave.mlp.options import MlpOptions
from facewave.mlp.parts import check_parts, class_mass, expected_targets, label_shares
from facewave.mlp.projection import (
    fit_projection,
    fit_standardisation,
    iter_projected,
    mirror_signs,
    project,
)
from facewave.splits.read import SplitTable
from facewave.splits.stream import is_streamed, join_columns
from facewave.training import EarlyStopping, class_weights, use_threads, weights_of_counts


def train_fusion(
    train: SplitTable, val: SplitTable, job: TrainingJob
) -> tuple[TrainedMlp, NDArray[np.float32]]:
    """Train on one part, stop and calibrate by the other; with `refit` then train on both.

    Args:
        train, val, job: as `mlp_training.train_mlp`; scores in the metrics are those of the
            members together.

    Returns:
        the model, and the probabilities (n, C) for the validation part from before the refit:
        afterwards the model has seen those clips.

    Raises:
        ValueError: as `train_mlp`; an input that cannot be mirrored.
    """
    options, seed = job.options, job.seed
    check_parts(train, val, options)
    with use_threads(job.threads), torch.random.fork_rng(devices=[]), job.record() as write:
        torch.manual_seed(seed)
        fitted = _prepare(train, job)
        rows = np.flatnonzero(val.valid)
        seen = project(
            val, options.inputs, rows, scaler=fitted.scaler, projection=fitted.projection
        )
        labels = torch.from_numpy(val.labels[rows])
        members, epochs = _fit(fitted, options, seed, (seen, labels), write)
        with torch.inference_mode():
            logits = mean_logits(members(seen))
        temperature = fit_temperature(logits, labels) if options.calibrate else 1.0
        counts = np.bincount(train.labels, minlength=len(train.classes))
        answers = np.tile(counts / counts.sum(), (len(val), 1)).astype(np.float32)
        answers[rows] = (logits / temperature).softmax(dim=1).numpy()
        if options.refit:
            both = join_tables(train, val)
            counts = np.bincount(both.labels, minlength=len(both.classes))
            torch.manual_seed(seed)
            fitted = _prepare(both, job)
            members = _refit(fitted, options, seed, epochs)
    network = FusionMlp(fitted.projection, members, temperature)
    network.eval()
    model = TrainedMlp(
        network=network,
        scaler=fitted.scaler,
        prior=torch.from_numpy((counts / counts.sum()).astype(np.float32)),
        options=options,
        classes=train.classes,
        shapes={name: train.shapes[name] for name in options.inputs},
        seed=seed,
        best_epoch=epochs,
        split_metadata=train.metadata,
    )
    return model, answers


def join_tables(train: SplitTable, val: SplitTable) -> SplitTable:
    """Return both parts as one table, with the metadata of the first."""
    return SplitTable(
        clip_ids=train.clip_ids + val.clip_ids,
        labels=np.concatenate([train.labels, val.labels]),
        valid=np.concatenate([train.valid, val.valid]),
        groups={
            name: join_columns(group, val.groups[name]) for name, group in train.groups.items()
        },
        classes=train.classes,
        shapes=train.shapes,
        metadata=train.metadata,
        label_distributions=_joined_votes(train, val),
    )


def _joined_votes(*tables: SplitTable) -> NDArray[np.float32] | None:
    if all(table.label_distributions is None for table in tables):
        return None
    return np.concatenate(
        [
            np.full((len(table), len(table.classes)), np.nan, np.float32)
            if table.label_distributions is None
            else table.label_distributions
            for table in tables
        ]
    )


def _prepare(table: SplitTable, job: TrainingJob) -> Fitted:
    options = job.options
    rows = np.flatnonzero(table.valid)
    swap = _swap(table, options) if options.mirror else None
    scaler = fit_standardisation(
        table,
        options.inputs,
        rows,
        by_trajectory=options.standardise == "trajectory",
        swap=swap,
    )
    projection = fit_projection(
        table,
        options.inputs,
        rows,
        scaler=scaler,
        width=options.projection,
        swap=swap,
        seed=job.seed,
    )
    signs = torch.ones(1, projection.out_features)
    if swap:
        signs = torch.cat([signs, mirror_signs(projection, swap).unsqueeze(0)])
    project_all = partial(
        iter_projected, table, options.inputs, rows, scaler=scaler, projection=projection
    )
    labels, kind = table.labels[rows], options.class_weights
    shares = label_shares(table, rows, soft=options.soft_labels)
    return Fitted(
        scaler=scaler,
        projection=projection,
        views=_kept(table, project_all, signs, job),
        labels=torch.from_numpy(labels),
        targets=expected_targets(
            shares,
            weights_of_counts(class_mass(shares, labels), kind=kind),
            smoothing=options.label_smoothing,
        ),
        weights=class_weights(labels, n_classes=len(table.classes), kind=kind),
    )


def _kept(
    table: SplitTable,
    project_all: Callable[[], Iterator[Tensor]],
    signs: Tensor,
    job: TrainingJob,
) -> Tensor | StoredViews:
    """Keep the projections where the table has its features: in memory or in a file.

    Args:
        table: the training part.
        project_all: yields the projections of the valid clips.
        signs: float32 (V, q), what they are multiplied by in each view.
        job: whose folder takes the file.
    """
    if is_streamed(table):
        shape = (len(signs), int(table.valid.sum()), signs.shape[1])
        chunks = (chunk * view for view in signs for chunk in project_all())
        return StoredViews(job.metrics_path.parent, shape, chunks)
    return torch.cat(list(project_all())) * signs.unsqueeze(1)


def _swap(table: SplitTable, options: MlpOptions) -> SignedSwap:
    features = table.metadata.get("features")
    align = features.get("features", {}).get("align") if isinstance(features, dict) else None
    if "landmarks" in options.inputs and align == "none":
        raise ValueError(
            "mlp.mirror: landmarks in image coordinates cannot be mirrored; set features.align, "
            "or mlp.mirror to false"
        )
    swaps = [mirror_swap(name, table.shapes[name]) for name in options.inputs]
    offsets = np.cumsum([0, *(swap.partner.size for swap in swaps[:-1])])
    return SignedSwap(
        partner=np.concatenate([s.partner + o for s, o in zip(swaps, offsets, strict=True)]),
        sign=np.concatenate([swap.sign for swap in swaps]),
    )


def _fit(
    fitted: Fitted,
    options: MlpOptions,
    seed: int,
    val: tuple[Tensor, Tensor],
    report: Callable[[Epoch], None],
) -> tuple[Members, int]:
    """Return the members of the epoch that is kept, and its number."""
    stopping = EarlyStopping(patience=options.patience)
    features, labels = val
    best, kept = None, 0
    for epoch, members, loss, uar, rate in run_epochs(fitted, options, seed, options.max_epochs):
        members.eval()
        with torch.inference_mode():
            logits = mean_logits(members(features))
        val_loss = float(torch.nn.functional.cross_entropy(logits, labels, weight=fitted.weights))
        if not math.isfinite(loss) or not math.isfinite(val_loss):
            raise ValueError(
                f"the loss became infinite in epoch {epoch}: set mlp.learning_rate below "
                f"{options.learning_rate}"
            )
        answers = logits.argmax(dim=1)
        row = Epoch(
            epoch=epoch,
            train_loss=loss,
            val_loss=val_loss,
            train_uar=uar,
            val_uar=unweighted_average_recall(labels.numpy(), answers.numpy()),
            val_war=float((labels == answers).double().mean()),
            learning_rate=rate,
        )
        report(row)
        better = stopping.update(epoch, uar=row.val_uar, loss=row.val_loss)
        if better or options.keep == "last":
            best, kept = copy.deepcopy(members), epoch
        if options.keep == "best" and stopping.exhausted:
            break
    if best is None:
        raise ValueError("mlp.max_epochs: no epoch was trained")
    best.eval()
    return best, kept


def _refit(fitted: Fitted, options: MlpOptions, seed: int, epochs: int) -> Members:
    """Train for as many epochs again, along the same course of the learning rate."""
    members = None
    for epoch, members, *_ in run_epochs(fitted, options, seed, options.max_epochs):  # noqa: B007
        if epoch == epochs:
            break
    if members is None:
        raise ValueError("mlp.max_epochs: no epoch was trained")
    members.eval()
    return members
