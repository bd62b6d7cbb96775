"""The epochs and steps of training a `FusionMlp`'s members.

Reference: H. Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018.
"""

from __future__ import annotations

import math
import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facewave.evaluation.metrics import unweighted_average_recall
from facewave.mlp.network import Members
from facewave.mlp.options import MlpOptions
from facewave.mlp.projection import Projection
from facewave.mlp.standardise import Scaler


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """Standardisation and projection, and the training clips behind them.

    Attributes:
        views: float32 (V, n, q), the clips and, with mirroring, their mirror images; in a file
            where the features are not held in memory.
        labels: int64 (n,).
        targets: float32 (n, C), see `facewave.mlp.parts.expected_targets`.
        weights: float32 (C,), of the classes by their labels.
    """

    scaler: Scaler
    projection: Projection
    views: Tensor | StoredViews
    labels: Tensor
    targets: Tensor
    weights: Tensor


def run_epochs(
    fitted: Fitted, options: MlpOptions, seed: int, epochs: int
) -> Iterator[tuple[int, Members, float, float, float]]:
    """Train; yields epoch, the members as they then are, mean loss, UAR and step size.

    Weights come from torch's global random state, all else from `seed`.
    """
    count = fitted.labels.numel()
    steps = -(-count // options.batch_size)
    members = Members(
        members=options.ensemble,
        n_features=fitted.views.shape[2],
        hidden=options.hidden,
        n_classes=fitted.weights.numel(),
        dropout=options.dropout,
    )
    optimizer = torch.optim.AdamW(
        [
            {"params": members.weights.parameters(), "weight_decay": options.weight_decay},
            {"params": members.biases.parameters(), "weight_decay": 0.0},
        ],
        lr=options.learning_rate,
        fused=True,
    )
    random = torch.Generator().manual_seed(seed)
    for epoch in range(1, epochs + 1):
        members.train()
        rate, total, hits = 0.0, 0.0, torch.zeros(count, fitted.weights.numel())
        orders = torch.stack(
            [torch.randperm(count, generator=random) for _ in range(options.ensemble)]
        )
        for step in range(steps):
            rate = _rate(options, (epoch - 1 + step / steps) / epochs)
            for group in optimizer.param_groups:
                group["lr"] = rate
            clips = orders[:, step * options.batch_size : (step + 1) * options.batch_size]
            loss, logits = _step(members, fitted, options, clips, random)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += float(loss.detach()) / options.ensemble * clips.shape[1]
            hits.index_add_(0, clips.flatten(), logits.detach().softmax(dim=2).flatten(0, 1))
        uar = unweighted_average_recall(fitted.labels.numpy(), hits.argmax(dim=1).numpy())
        yield epoch, members, total / count, uar, rate


def _step(
    members: Members, fitted: Fitted, options: MlpOptions, clips: Tensor, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return the loss, summed over the members, and the logits (S, batch, C)."""
    views = torch.randint(len(fitted.views), clips.shape, generator=random)
    features, targets = _chosen(fitted.views, views, clips), fitted.targets[clips]
    if options.mixup:
        partner = torch.randperm(clips.shape[1], generator=random)
        share = _mixing(options.mixup, len(clips), random)
        features = features.index_select(1, partner).lerp_(features, share)
        targets = targets[:, partner].lerp_(targets, share)
    logits: Tensor = members(features)
    loss = -(targets * logits.log_softmax(dim=2)).sum(dim=2).mean(dim=1).sum()
    return loss, logits


def _chosen(kept: Tensor | StoredViews, views: Tensor, clips: Tensor) -> Tensor:
    """Return the projections (..., q) of views and clips (...)."""
    if isinstance(kept, StoredViews):
        return kept[views, clips]
    # Five times as quick as an index of two tensors.
    rows = (views * kept.shape[1] + clips).flatten()
    return kept.flatten(0, 1).index_select(0, rows).reshape(*clips.shape, -1)


def _mixing(alpha: float, members: int, random: torch.Generator) -> Tensor:
    """Return shares (S, 1, 1) of Beta(alpha, alpha), the larger side."""
    seed = int(torch.randint(2**31, (1,), generator=random))
    drawn = np.random.default_rng(seed).beta(alpha, alpha, size=(members, 1, 1))
    return torch.from_numpy(np.maximum(drawn, 1 - drawn).astype(np.float32))


def _rate(options: MlpOptions, share: float) -> float:
    if options.schedule == "constant":
        return options.learning_rate
    return options.learning_rate * (1 + math.cos(math.pi * share)) / 2


class StoredViews:
    """Projections float32 (V, n, q) in an unnamed file; indexed as the tensor would be.

    The file is gone as soon as it is closed, or the process ends in whatever way.

    Attributes:
        shape: (V, n, q).
    """

    def __init__(self, folder: Path, shape: tuple[int, int, int], rows: Iterable[Tensor]) -> None:
        """Write the projections, which come as (m, q) of one view after the other.

        Args:
            folder: where the file lies, on a disk with 4 V n q bytes to spare.
            shape: (V, n, q).
            rows: chunks of V n rows in all.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.shape = shape
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as this
        weakref.finalize(self, self._file.close)
        for chunk in rows:
            self._file.write(chunk.numpy().tobytes())
        self._file.flush()
        if self._file.tell() != 4 * shape[0] * shape[1] * shape[2]:
            raise ValueError(f"the projections do not have the shape {shape}")

    def __len__(self) -> int:
        """Return the number of views."""
        return self.shape[0]

    def __getitem__(self, place: tuple[Tensor, Tensor]) -> Tensor:
        """Return the clips (..., q) of views and clips, two int64 tensors of equal shape (...)."""
        views, clips = place
        _, count, width = self.shape
        found = np.empty((clips.numel(), width), np.float32)
        indexes = (views * count + clips).flatten().tolist()
        for row, index in zip(found, indexes, strict=True):
            os.preadv(self._file.fileno(), [row.data], index * row.nbytes)
        return torch.from_numpy(found).reshape(*clips.shape, width)
