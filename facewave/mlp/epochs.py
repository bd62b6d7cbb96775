"""Prepare the clips that a network learns from, and train it step by step and epoch by epoch.

Reference: H. Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from facewave.evaluation.metrics import unweighted_average_recall
from facewave.mlp.adamw import AdamWGroup
from facewave.mlp.mirror import mirror_inputs
from facewave.mlp.network import Ensemble, MlpNetwork, make_layers, stacked
from facewave.mlp.options import MlpOptions
from facewave.mlp.parts import class_mass, expected_targets, label_fractions
from facewave.mlp.projection import HELD_FEATURES, ClipValues, fit_projection, mirror_signs
from facewave.mlp.standardise import Scaler, fit_scaler
from facewave.mlp.values import (
    TargetScale,
    fit_scale,
    mean_absolute_error,
    targets_of,
    value_losses,
)
from facewave.splits.read import SplitTable
from facewave.training import class_weights, weights_of_counts


@dataclass(frozen=True, kw_only=True, eq=False)
class Learner:
    """Networks of S seeds, trained in one pass, and the valid clips that they learn from.

    Attributes:
        scaler: of the clips.
        layers: what is trained: the layers of one network, or the members of all seeds' ensembles.
        networks: one per seed, with a projection of the clips; they share the memory of `layers`.
        values: what the layers take.
        signs: float32 (V, q), factors of `values` in each view of a clip: as it is and, with
            `mirror`, mirrored. Not used without a projection.
        views: float32 (V n, q), the clips in each view, one view after the other; None without a
            projection, and where clips are many: then views are made when they are needed.
        labels: int64 (S, n), equal rows unless labels are shuffled.
        targets: float32 (S, n, C), see `facewave.mlp.parts.expected_targets`; of a regression
            (S, n, m), standardised, NaN where a clip lacks one.
        weights: float32 (C,), of the classes by their labels.
        scale: of the values that a regression learns; None for classes.
    """

    scaler: Scaler
    layers: Ensemble | nn.Sequential
    networks: Sequence[MlpNetwork]
    values: ClipValues
    signs: Tensor
    views: Tensor | None
    labels: Tensor
    targets: Tensor
    weights: Tensor
    scale: TargetScale | None = None

    @property
    def outputs(self) -> int:
        """Number of classes or of values."""
        return self.targets.shape[2]


def prepare(
    table: SplitTable,
    options: MlpOptions,
    seeds: Sequence[int],
    *,
    basis_seed: int,
    shuffled: bool = False,
) -> Learner:
    """Standardise and project a part's clips, and make a network of each seed for them.

    Args:
        table: the part; at least one clip is valid.
        options: of network and training.
        seeds: of weights and dropout; more than one only with `fusion`. Torch's global random state
            is set to the last one.
        basis_seed: of the projection, which all seeds share.
        shuffled: whether each seed learns from the labels in an order of its own, see `orders_of`.

    Raises:
        ValueError: an input cannot be mirrored.
    """
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
            table, inputs, rows, scaler=scaler, width=fusion.width, swap=swap, seed=basis_seed
        )
        signs = torch.ones(1, projection.out_features)
        if swap:
            signs = torch.cat([signs, mirror_signs(projection, swap).unsqueeze(0)])
    values = ClipValues(table, inputs, scaler=scaler, projection=projection)
    scale, outputs = None, len(table.classes)
    if options.targets:
        scale, outputs = fit_scale(table), len(options.targets.columns)
    layers = _initial_layers(options, seeds, values.width, outputs)
    labels, kind = table.labels[rows], options.class_weights
    fractions = label_fractions(table, rows, soft=options.soft_labels)
    voted = weights_of_counts(class_mass(fractions, labels), kind=kind)
    targets = (
        scale.standardised(targets_of(table)[rows])
        if scale
        else expected_targets(fractions, voted, smoothing=smoothing)
    )
    orders = orders_of(seeds, rows.size, shuffled=shuffled)
    return Learner(
        scaler=scaler,
        layers=layers,
        networks=[
            MlpNetwork(projection, own, values=scale is not None)
            for own in _of_seeds(layers, len(seeds))
        ],
        values=values,
        signs=signs,
        views=_views(values, signs, rows.size) if projection else None,
        labels=torch.from_numpy(labels)[orders],
        targets=targets[orders],
        weights=class_weights(labels, n_classes=len(table.classes), kind=kind),
        scale=scale,
    )


def _views(values: ClipValues, signs: Tensor, clips: int) -> Tensor | None:
    if signs.shape[0] * clips * values.width > HELD_FEATURES:
        return None
    return (values[torch.arange(clips)] * signs.unsqueeze(1)).flatten(0, 1)


def orders_of(seeds: Sequence[int], clips: int, *, shuffled: bool) -> Tensor:
    """Return which clip's label each clip has, int64 (S, n): its own, or a random one's.

    Args:
        seeds: S of them; each draws its own order.
        clips: n, the valid clips of a part.
        shuffled: whether labels are shuffled.
    """
    if not shuffled:
        return torch.arange(clips).expand(len(seeds), clips)
    drawn = [np.random.default_rng(seed).permutation(clips) for seed in seeds]
    return torch.from_numpy(np.stack(drawn))


def _initial_layers(
    options: MlpOptions, seeds: Sequence[int], width: int, outputs: int
) -> Ensemble | nn.Sequential:
    """Make the layers of all seeds, each from its own random numbers."""
    made, generators = [], []
    for seed in seeds:
        torch.manual_seed(seed)
        made.append(make_layers(options, n_features=width, n_classes=outputs))
        # Dropout goes on with the numbers behind the weights', as it does for one seed alone.
        generators.append(torch.Generator().set_state(torch.get_rng_state()))
    ensembles = [layers for layers in made if isinstance(layers, Ensemble)]
    if not ensembles:
        return made[0]
    layers = stacked(ensembles)
    layers.generators = generators
    return layers


def _of_seeds(layers: Ensemble | nn.Sequential, seeds: int) -> Sequence[Ensemble | nn.Sequential]:
    if not isinstance(layers, Ensemble):
        return [layers]
    members = len(layers.weights[0]) // seeds
    return [layers.members(place * members, (place + 1) * members) for place in range(seeds)]


@dataclass(frozen=True, kw_only=True, eq=False)
class EpochResult:
    """What an epoch of the training of S seeds gave.

    Attributes:
        epoch: from 1.
        losses: float64 (S,), mean loss.
        scores: float64 (S,), of the answers during the epoch: UAR, or of values the mean absolute
            error in standard deviations; NaN if these are not asked for.
        rate: the learning rate of its last step.
    """

    epoch: int
    losses: NDArray[np.float64]
    scores: NDArray[np.float64]
    rate: float


def run_epochs(
    learner: Learner, options: MlpOptions, seeds: Sequence[int], *, scored: bool = True
) -> Iterator[EpochResult]:
    """Train the layers in place, epoch by epoch, all seeds in one pass.

    Each seed has random numbers of its own, so that what it learns does not depend, but for
    rounding, on the others. Without `fusion` dropout uses torch's global random state.

    Args:
        learner: from `prepare` with these seeds.
        options: of network and training.
        seeds: of batch order, mirroring and mixing.
        scored: whether the answers during the epochs are scored, which takes time.
    """
    layers, count = learner.layers, learner.labels.shape[1]
    networks = options.fusion.ensemble if options.fusion else 1
    steps = -(-count // options.batch_size)
    groups = _parameter_groups(layers, options.weight_decay)
    randoms = [torch.Generator().manual_seed(seed) for seed in seeds]
    offsets = torch.arange(len(seeds)).repeat_interleave(networks).unsqueeze(1) * count
    for epoch in range(1, options.max_epochs + 1):
        layers.train()
        rate, total, mass = 0.0, torch.zeros(len(seeds), dtype=torch.float64), 0.0
        answers = torch.zeros(len(seeds) * count, learner.outputs)
        orders = torch.stack(
            [torch.randperm(count, generator=own) for own in randoms for _ in range(networks)]
        )
        for step in range(steps):
            rate = _rate(options, (epoch - 1 + step / steps) / options.max_epochs)
            clips = orders[:, step * options.batch_size : (step + 1) * options.batch_size]
            places = (clips + offsets).flatten()
            if options.fusion:
                targets = learner.targets.flatten(0, 1).index_select(0, places)
                targets = targets.reshape(*clips.shape, -1)
                losses, weight, logits = _fusion_loss(learner, options, clips, targets, randoms)
            else:
                losses, weight, logits = _plain_loss(learner, options, clips[0])
            losses.sum().backward()  # type: ignore[no-untyped-call]
            for group in groups:
                group.step(rate)
            total += losses.detach().reshape(len(seeds), networks).mean(dim=1).double() * weight
            mass += weight
            if scored:
                given = logits.detach() if learner.scale else logits.detach().softmax(dim=-1)
                answers.index_add_(0, places, given.flatten(0, -2))
        means = answers.reshape(len(seeds), count, learner.outputs) / networks
        yield EpochResult(
            epoch=epoch,
            losses=(total / mass).numpy(),
            scores=np.array([_score(learner, seed, own) for seed, own in enumerate(means)])
            if scored
            else np.full(len(seeds), np.nan),
            rate=rate,
        )


def _score(learner: Learner, seed: int, answers: Tensor) -> float:
    if learner.scale:
        return mean_absolute_error(answers, learner.targets[seed])
    return unweighted_average_recall(learner.labels[seed].numpy(), answers.argmax(dim=1).numpy())


def _parameter_groups(layers: nn.Module, weight_decay: float) -> list[AdamWGroup]:
    if not isinstance(layers, Ensemble):
        return [AdamWGroup(layers.parameters(), weight_decay)]
    return [
        AdamWGroup(layers.weights.parameters(), weight_decay),
        AdamWGroup(layers.biases.parameters(), 0.0),
    ]


def _rate(options: MlpOptions, progress: float) -> float:
    if options.fusion is None or options.fusion.schedule == "constant":
        return options.learning_rate
    return options.learning_rate * (1 + math.cos(math.pi * progress)) / 2


def _plain_loss(
    learner: Learner, options: MlpOptions, clips: Tensor
) -> tuple[Tensor, float, Tensor]:
    """Return the loss (1,), a weighted mean, the sum of its weights, and the logits (batch, C)."""
    logits: Tensor = learner.layers(learner.values[clips])
    if options.targets:
        loss = value_losses(logits, learner.targets[0, clips], kind=options.targets.loss)
        return loss.unsqueeze(0), float(len(clips)), logits
    if not options.soft_labels:
        labels, weights = learner.labels[0, clips], learner.weights
        loss = functional.cross_entropy(logits, labels, weight=weights)
        return loss.unsqueeze(0), float(weights[labels].sum()), logits
    targets = learner.targets[0, clips]
    weight = targets.sum()
    # A batch in which all votes are for classes without a labelled clip has no weight.
    loss = -(targets * logits.log_softmax(dim=1)).sum() / weight.clamp(min=1e-12)
    return loss.unsqueeze(0), float(weight), logits


def _fusion_loss(
    learner: Learner,
    options: MlpOptions,
    clips: Tensor,
    targets: Tensor,
    randoms: Sequence[torch.Generator],
) -> tuple[Tensor, float, Tensor]:
    """Return the losses (N,), the batch size, and the logits (N, batch, C) of N networks.

    Args:
        learner, options: what is trained, and how; with `fusion`.
        clips: int64 (N, batch), each network's own; the first ones are of the first seed.
        targets: float32 (N, batch, C), of these.
        randoms: of each seed; decide which view of a clip is taken and how clips are mixed.
    """
    networks, batch = clips.shape
    mixup = options.fusion.mixup if options.fusion else 0.0
    own = (networks // len(randoms), batch)
    views = torch.cat([torch.randint(len(learner.signs), own, generator=r) for r in randoms])
    features = _seen(learner, clips, views)
    if mixup:
        partners, fractions = [], []
        for random in randoms:
            partners.append(torch.randperm(batch, generator=random).expand(own))
            fractions.append(_mixing_fractions(mixup, own[0], random))
        fraction = torch.cat(fractions)
        starts = torch.arange(networks).unsqueeze(1) * batch
        partner = (torch.cat(partners) + starts).flatten()
        mixed = features.flatten(0, 1).index_select(0, partner).reshape(features.shape)
        features = mixed.lerp_(features, fraction)
        other = targets.flatten(0, 1).index_select(0, partner).reshape(targets.shape)
        targets = other.lerp_(targets, fraction)
    logits: Tensor = learner.layers(features)
    if options.targets:
        return value_losses(logits, targets, kind=options.targets.loss), float(batch), logits
    losses = -(targets * logits.log_softmax(dim=2)).sum(dim=2).mean(dim=1)
    return losses, float(batch), logits


def _seen(learner: Learner, clips: Tensor, views: Tensor) -> Tensor:
    """Return the values (N, batch, q) of clips, each in its view; both int64 (N, batch)."""
    if learner.views is not None:
        places = views * learner.labels.shape[1] + clips
        return learner.views.index_select(0, places.flatten()).reshape(*clips.shape, -1)
    # Faster than indexing with `views` directly.
    signs = learner.signs.index_select(0, views.flatten()).reshape(*views.shape, -1)
    return learner.values[clips].mul_(signs)


def _mixing_fractions(alpha: float, networks: int, random: torch.Generator) -> Tensor:
    """Draw fractions (S, 1, 1) from Beta(alpha, alpha) and return the larger of x and 1 - x."""
    seed = int(torch.randint(2**31, (1,), generator=random))
    drawn = np.random.default_rng(seed).beta(alpha, alpha, size=(networks, 1, 1))
    return torch.from_numpy(np.maximum(drawn, 1 - drawn).astype(np.float32))
