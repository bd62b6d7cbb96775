"""How much a model's answers depend on a part of its input: permutation importance.

A group of columns is permuted between the test clips of a fold, all its columns together, and the
other columns stay. What the score loses is what the group alone tells the model: a group whose
information is also in another one loses little.

References:
- L. Breiman, "Random forests", Machine Learning 45, 2001.
- A. Fisher, C. Rudin, F. Dominici, "All models are wrong, but many are useful", JMLR 20, 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from facewave.evaluation.metrics import unweighted_average_recall
from facewave.evaluation.resampling import bootstrap, limits
from facewave.evaluation.units import Units
from facewave.explain.column_groups import ColumnGroup, column_groups
from facewave.explain.first_layer import FirstLayer
from facewave.face.channels import VIDEO, Channels
from facewave.mlp.model import TrainedMlp, check_compatible
from facewave.mlp.parts import check_features, without_features
from facewave.splits.read import SplitTable
from facewave.training import use_threads


@dataclass(frozen=True, kw_only=True)
class Importance:
    """What permuting a group of columns costs, pooled over the folds.

    Attributes:
        kind, name: of the group, see `facewave.explain.column_groups`.
        columns: their number.
        uar_drop: UAR without permutation minus the mean UAR over the repeats; a fraction.
        low, high: 95 % bootstrap interval of `uar_drop` over subjects or what else is known.
        uar_std: standard deviation of the UAR over the repeats.
        loss_rise: mean cross entropy over the repeats minus that without permutation, nats.
    """

    kind: str
    name: str
    columns: int
    uar_drop: float
    low: float
    high: float
    uar_std: float
    loss_rise: float


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldAnswers:
    """The answers of one fold's model with and without permutation.

    Attributes:
        clip_ids: n ids.
        labels: int64 (n,).
        predicted: int64 (n,).
        losses: float64 (n,), cross entropy of each clip.
        permuted: int64 (G, R, n), answers for each of G groups and R repeats.
        permuted_losses: float64 (G, n), means over the repeats.
    """

    clip_ids: Sequence[str]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    losses: NDArray[np.float64]
    permuted: NDArray[np.int64]
    permuted_losses: NDArray[np.float64]


def permuted_answers(
    model: TrainedMlp,
    table: SplitTable,
    groups: Sequence[ColumnGroup],
    *,
    repeats: int,
    seed: int,
    threads: int = 1,
) -> FoldAnswers:
    """Return a model's answers for clips whose columns are permuted, one group after the other.

    Clips that are not valid keep their answer, which does not depend on their columns.

    Args:
        model: of the fold.
        table: the fold's test part.
        groups: the columns that are permuted together.
        repeats: permutations of each group.
        seed: of the permutations.
        threads: torch's threads.

    Raises:
        ValueError: the table is not one of the model, see `facewave.mlp.model.predict`.
    """
    check_compatible(model, table)
    check_features(table, model.options.inputs, part="test")
    rows = np.flatnonzero(table.valid)
    nothing = without_features(model.prior.numpy(), model.options.class_weights)
    answers = np.log(np.maximum(np.tile(nothing, (len(table), 1)), 1e-30))
    with use_threads(threads), torch.inference_mode():
        first_layer = FirstLayer(model)
        whole = {name: np.arange(table.groups[name].shape[1]) for name in model.shapes}
        sums = first_layer.contribution(table, rows, whole)
        answers[rows] = first_layer.log_probabilities(sums)
        permuted = np.empty((len(groups), repeats, len(table)), np.int64)
        losses = np.zeros((len(groups), len(table)))
        for place, group in enumerate(groups):
            part = first_layer.contribution(table, rows, group.columns)
            random = np.random.default_rng([seed, place])
            for repeat in range(repeats):
                order = torch.from_numpy(random.permutation(rows.size))
                changed = answers.copy()
                changed[rows] = first_layer.log_probabilities(sums - part + part[order])
                permuted[place, repeat] = changed.argmax(axis=1)
                losses[place] += _losses(changed, table.labels) / repeats
    return FoldAnswers(
        clip_ids=table.clip_ids,
        labels=table.labels,
        predicted=answers.argmax(axis=1),
        losses=_losses(answers, table.labels),
        permuted=permuted,
        permuted_losses=losses,
    )


def _losses(answers: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    return -answers[np.arange(labels.size), labels].astype(np.float64)


def explained_groups(model: TrainedMlp) -> list[ColumnGroup]:
    """Return the groups of columns of a model's inputs.

    Raises:
        ValueError: the model does not say how its features were made.
    """
    features = model.split_metadata.get("features")
    if not isinstance(features, dict) or "wavelet" not in features:
        raise ValueError("the model does not say how its features were made: train it again")
    return column_groups(model.shapes, features["wavelet"], trained_channels(model))


def trained_channels(model: TrainedMlp) -> Channels:
    """Return what the trajectories held that a model was trained on."""
    features = model.split_metadata.get("features")
    text = features.get("channels") if isinstance(features, dict) else None
    return Channels.parse(text) if text else VIDEO


def importances(
    groups: Sequence[ColumnGroup], folds: Sequence[FoldAnswers], *, units: Units, seed: int
) -> list[Importance]:
    """Pool the folds: what each group's permutation costs, in the order of the groups.

    Args:
        groups: as given to `permuted_answers` for every fold.
        folds: at least one, with equal numbers of repeats.
        units: of the clips of all folds, which intervals are over.
        seed: of the intervals.
    """
    labels = np.concatenate([fold.labels for fold in folds])
    predicted = np.concatenate([fold.predicted for fold in folds])
    permuted = np.concatenate([fold.permuted for fold in folds], axis=2)
    rises = np.concatenate([fold.permuted_losses - fold.losses for fold in folds], axis=1)
    before = unweighted_average_recall(labels, predicted)
    found = []
    for group, answers, rise in zip(groups, permuted, rises, strict=True):
        scores = [unweighted_average_recall(labels, answer) for answer in answers]
        right = np.stack([predicted == labels, (answers == labels).mean(axis=0)])
        drawn = bootstrap(right, labels, units, seed=seed).uar
        low, high = limits(drawn[:, 0] - drawn[:, 1])
        found.append(
            Importance(
                kind=group.kind,
                name=group.name,
                columns=group.size,
                uar_drop=before - float(np.mean(scores)),
                low=low,
                high=high,
                uar_std=float(np.std(scores, ddof=1)) if len(scores) > 1 else 0.0,
                loss_rise=float(rise.mean()),
            )
        )
    return found
