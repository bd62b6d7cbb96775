"""The parts that a model learns from: checks of them, and the targets of their clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facewave.mlp.options import MlpOptions
from facewave.mlp.standardise import clip_chunks
from facewave.mlp.values import check_values
from facewave.splits.baseline import RULE
from facewave.splits.read import SplitTable

# Clips that are copied out of the table at a time; larger copies cost more than the check itself.
_CHECKED_CLIPS = 16


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
    if options.soft_labels:
        check_votes(train)
    if options.targets:
        check_values(train, val, options.targets.columns)
    else:
        _check_labels(train, val)


def _check_labels(train: SplitTable, val: SplitTable) -> None:
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


def check_features(table: SplitTable, inputs: Sequence[str], *, part: str) -> None:
    """Refuse a table that lacks an input, or whose valid clips hold NaN or infinity.

    Raises:
        ValueError: naming the part, the group and the clip.
    """
    rows = np.flatnonzero(table.valid)
    for name in inputs:
        if name not in table.groups:
            raise ValueError(
                f"the {part} part has no feature group {name!r}; there are: "
                f"{', '.join(sorted(table.groups)) or 'none'}"
            )
        for chunk in clip_chunks(rows, _CHECKED_CLIPS):
            finite = np.isfinite(table.groups[name][chunk]).all(axis=1)
            if not finite.all():
                clip = table.clip_ids[chunk[int(finite.argmin())]]
                raise ValueError(
                    f"the {part} part's group {name!r} holds NaN or infinity for the valid clip "
                    f"{clip!r}: make its features again, or mark the clip invalid"
                )


def check_same_features(trained: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse features made with other options: columns can differ where shapes agree.

    Raises:
        ValueError: naming the options that differ.
    """
    if trained.get(RULE) != given.get(RULE):
        raise ValueError(
            f"the person's baseline differs ({trained.get(RULE)!r} and {given.get(RULE)!r}): build "
            "the splits with the features.subject_baseline and enrolment of the training"
        )
    before, now = trained.get("features"), given.get("features")
    if before == now:
        return
    if isinstance(before, dict) and isinstance(now, dict):
        keys = sorted(k for k in before.keys() | now.keys() if before.get(k) != now.get(k))
        details = "; ".join(f"{key}: {before.get(key)!r} and {now.get(key)!r}" for key in keys)
    else:
        details = f"{before!r} and {now!r}"
    raise ValueError(f"the features were made with different options ({details})")


def check_votes(table: SplitTable) -> None:
    """Refuse a training part without votes.

    Raises:
        ValueError: no valid clip has a distribution.
    """
    given = table.label_distributions
    if given is None or np.isnan(given[table.valid, 0]).all():
        raise ValueError(
            f"mlp.soft_labels: none of the training part's {int(table.valid.sum())} valid clips "
            "has votes (label_distribution); use a dataset with votes (docs/datasets.md names "
            "them), or set mlp.soft_labels: false"
        )


def label_fractions(table: SplitTable, rows: NDArray[np.intp], *, soft: bool) -> Tensor:
    """Return how much of each class some clips are.

    Args:
        table: a part of a split.
        rows: int (m,), the clips.
        soft: whether clips with votes have the votes' fractions.

    Returns:
        float32 (m, C); rows sum to 1, those without votes are one-hot
    """
    labels = torch.from_numpy(table.labels[rows])
    fractions = functional.one_hot(labels, len(table.classes)).float()
    if soft and table.label_distributions is not None:
        votes = torch.from_numpy(table.label_distributions[rows])
        fractions = torch.where(votes.isnan(), fractions, votes)
    return fractions


def without_features(frequencies: NDArray[np.float32], class_weights: str) -> NDArray[np.float32]:
    """Return the answer for a clip without features, on the scale of the answers for the others.

    A model that was trained with all classes weighing the same answers as if they were equally
    frequent, so that it gives the known classes the same probability. A thousandth of it is that of
    the frequencies, so that the most frequent class is the answer, as it is without such weights.

    Args:
        frequencies: (C,), of the classes in training; they sum to 1.
        class_weights: of the training, `balanced` or `none`.

    Returns:
        float32 (C,)
    """
    if class_weights != "balanced":
        return frequencies
    known = (frequencies > 0) / np.count_nonzero(frequencies)
    mixed: NDArray[np.float32] = (0.999 * known + 0.001 * frequencies).astype(np.float32)
    return mixed


def class_mass(fractions: Tensor, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the sum of the clips' fractions of each class, float64 (C,).

    A class without a labelled clip gets 0: a few stray votes would otherwise weigh as much as all
    clips of another class.
    """
    labelled = np.bincount(labels, minlength=fractions.shape[1]) > 0
    mass: NDArray[np.float64] = fractions.double().sum(dim=0).numpy()
    return np.where(labelled, mass, 0.0)


def expected_targets(fractions: Tensor, weights: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Return the mean target of a label that is drawn by a clip's fractions.

    Args:
        fractions: float32 (m, C), see `label_fractions`.
        weights: float32 (C,), of the errors on each class.
        smoothing: fraction of a label's target that is spread over all classes.

    Returns:
        float32 (m, C): the sum over c of fractions[c] weights[c] ((1 - smoothing) one-hot(c) +
        smoothing / C)
    """
    of_classes = smoothed(torch.arange(len(weights)), n_classes=len(weights), smoothing=smoothing)
    return fractions @ (of_classes * weights.unsqueeze(1))


def smoothed(labels: Tensor, *, n_classes: int, smoothing: float) -> Tensor:
    """Return one-hot rows (..., C) with `smoothing` of the mass spread over all classes."""
    return functional.one_hot(labels, n_classes).float() * (1 - smoothing) + smoothing / n_classes
