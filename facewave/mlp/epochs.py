"""Prepare the clips that a network learns from, and train it step by step and epoch by epoch.

Reference: H. Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from facewave.evaluation.metrics import unweighted_average_recall
from facewave.mlp.mirror import mirror_inputs
from facewave.mlp.network import Ensemble, MlpNetwork, make_layers
from facewave.mlp.options import FusionOptions, MlpOptions
from facewave.mlp.parts import class_mass, expected_targets, label_fractions
from facewave.mlp.projection import ClipValues, fit_projection, mirror_signs
from facewave.mlp.standardise import Scaler, fit_scaler
from facewave.splits.read import SplitTable
from facewave.training import class_weights, weights_of_counts


@dataclass(frozen=True, kw_only=True, eq=False)
class Learner:
    """A network and the valid clips that it learns from.

    Attributes:
        scaler: of the clips.
        network: with a projection of the clips; its layers are trained.
        values: what the layers take.
        signs: float32 (V, q), factors of `values` in each view of a clip: as it is and, with
            `mirror`, mirrored. Not used without a projection.
        labels: int64 (n,).
        targets: float32 (n, C), see `facewave.mlp.parts.expected_targets`.
        weights: float32 (C,), of the classes by their labels.
    """

    scaler: Scaler
    network: MlpNetwork
    values: ClipValues
    signs: Tensor
    labels: Tensor
    targets: Tensor
    weights: Tensor


def prepare(table: SplitTable, options: MlpOptions, seed: int) -> Learner:
    """Standardise and project a part's clips, and make a network for them.

    Args:
        table: the part; at least one clip is valid.
        options: of network and training.
        seed: torch's global random state, from which the weights come, is set to it.

    Raises:
        ValueError: an input cannot be mirrored.
    """
    torch.manual_seed(seed)
    inputs, fusion, rows = options.inputs, options.fusion, np.flatnonzero(table.valid)
    projection, signs, smoothing = None, torch.ones(1, 1), 0.0
    if fusion is None:
        scaler = fit_scaler(table, inputs, rows)
    else:
        smoothing = fusion.label_smoothing
        swap = mirror_inputs(table, inputs) if fusion.mirror else None
        by_trajectory = fusion.standardise == "trajectory"
        scaler = fit_scaler(table, inputs, rows, by_trajectory=by_trajectory, swap=swap)
        projection = fit_projection(
            table, inputs, rows, scaler=scaler, width=fusion.width, swap=swap, seed=seed
        )
        signs = torch.ones(1, projection.out_features)
        if swap:
            signs = torch.cat([signs, mirror_signs(projection, swap).unsqueeze(0)])
    values = ClipValues(table, inputs, scaler=scaler, projection=projection)
    layers = make_layers(options, n_features=values.width, n_classes=len(table.classes))
    labels, kind = table.labels[rows], options.class_weights
    fractions = label_fractions(table, rows, soft=options.soft_labels)
    voted = weights_of_counts(class_mass(fractions, labels), kind=kind)
    return Learner(
        scaler=scaler,
        network=MlpNetwork(projection, layers),
        values=values,
        signs=signs,
        labels=torch.from_numpy(labels),
        targets=expected_targets(fractions, voted, smoothing=smoothing),
        weights=class_weights(labels, n_classes=len(table.classes), kind=kind),
    )


def run_epochs(
    learner: Learner, options: MlpOptions, seed: int
) -> Iterator[tuple[int, float, float, float]]:
    """Train the network's layers in place; yields each epoch, its mean loss, UAR and learning rate.

    Dropout uses torch's global random state; everything else depends on `seed`.
    """
    layers, count = learner.network.layers, learner.labels.numel()
    networks = options.fusion.ensemble if options.fusion else 1
    steps = -(-count // options.batch_size)
    optimizer = torch.optim.AdamW(
        _parameter_groups(layers, options.weight_decay), lr=options.learning_rate, fused=True
    )
    random = torch.Generator().manual_seed(seed)
    for epoch in range(1, options.max_epochs + 1):
        layers.train()
        rate, total, mass = 0.0, 0.0, 0.0
        probabilities = torch.zeros(count, learner.weights.numel())
        orders = torch.stack([torch.randperm(count, generator=random) for _ in range(networks)])
        for step in range(steps):
            rate = _rate(options, (epoch - 1 + step / steps) / options.max_epochs)
            for group in optimizer.param_groups:
                group["lr"] = rate
            clips = orders[:, step * options.batch_size : (step + 1) * options.batch_size]
            if options.fusion:
                loss, weight, logits = _fusion_loss(learner, options.fusion, clips, random)
            else:
                loss, weight, logits = _plain_loss(learner, options, clips[0])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += float(loss.detach()) / networks * weight
            mass += weight
            probabilities.index_add_(
                0, clips.flatten(), logits.detach().softmax(dim=-1).flatten(0, -2)
            )
        uar = unweighted_average_recall(learner.labels.numpy(), probabilities.argmax(dim=1).numpy())
        yield epoch, total / mass, uar, rate


def _parameter_groups(layers: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    if not isinstance(layers, Ensemble):
        return [{"params": layers.parameters(), "weight_decay": weight_decay}]
    return [
        {"params": layers.weights.parameters(), "weight_decay": weight_decay},
        {"params": layers.biases.parameters(), "weight_decay": 0.0},
    ]


def _rate(options: MlpOptions, progress: float) -> float:
    if options.fusion is None or options.fusion.schedule == "constant":
        return options.learning_rate
    return options.learning_rate * (1 + math.cos(math.pi * progress)) / 2


def _plain_loss(
    learner: Learner, options: MlpOptions, clips: Tensor
) -> tuple[Tensor, float, Tensor]:
    """Return the loss (a weighted mean), the sum of its weights, and the logits (batch, C)."""
    logits: Tensor = learner.network.layers(learner.values[clips])
    if not options.soft_labels:
        labels, weights = learner.labels[clips], learner.weights
        loss = functional.cross_entropy(logits, labels, weight=weights)
        return loss, float(weights[labels].sum()), logits
    targets = learner.targets[clips]
    weight = targets.sum()
    # A batch in which all votes are for classes without a labelled clip has no weight.
    loss = -(targets * logits.log_softmax(dim=1)).sum() / weight.clamp(min=1e-12)
    return loss, float(weight), logits


def _fusion_loss(
    learner: Learner, fusion: FusionOptions, clips: Tensor, random: torch.Generator
) -> tuple[Tensor, float, Tensor]:
    """Return the loss (summed over S networks), the batch size, and the logits (S, batch, C).

    Args:
        learner, fusion: what is trained, and how.
        clips: int64 (S, batch), each network's own.
        random: decides which view of a clip is taken and how clips are mixed.
    """
    views = torch.randint(len(learner.signs), clips.shape, generator=random)
    # Faster than indexing with `views` directly.
    signs = learner.signs.index_select(0, views.flatten()).reshape(*views.shape, -1)
    features = learner.values[clips].mul_(signs)
    targets = learner.targets[clips]
    if fusion.mixup:
        partner = torch.randperm(clips.shape[1], generator=random)
        fraction = _mixing_fractions(fusion.mixup, len(clips), random)
        features = features.index_select(1, partner).lerp_(features, fraction)
        targets = targets[:, partner].lerp_(targets, fraction)
    logits: Tensor = learner.network.layers(features)
    loss = -(targets * logits.log_softmax(dim=2)).sum(dim=2).mean(dim=1).sum()
    return loss, float(clips.shape[1]), logits


def _mixing_fractions(alpha: float, networks: int, random: torch.Generator) -> Tensor:
    """Draw fractions (S, 1, 1) from Beta(alpha, alpha) and return the larger of x and 1 - x."""
    seed = int(torch.randint(2**31, (1,), generator=random))
    drawn = np.random.default_rng(seed).beta(alpha, alpha, size=(networks, 1, 1))
    return torch.from_numpy(np.maximum(drawn, 1 - drawn).astype(np.float32))
