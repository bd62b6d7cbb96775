"""The epochs and steps of training a `FusionMlp`'s members.

Reference: H. Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from facewave.metrics import unweighted_average_recall
from facewave.mlp import MlpOptions, Scaler
from facewave.mlp_fusion import Members
from facewave.mlp_projection import Projection
from facewave.mlp_views import StoredViews


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """Standardisation and projection, and the training clips behind them.

    Attributes:
        views: float32 (V, n, q), the clips and, with mirroring, their mirror images; in a file
            where the features are not held in memory.
        labels: int64 (n,).
        targets: float32 (n, C), see `facewave.soft_labels.expected_targets`.
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
