"""The parts that a model learns from: whether they can be learned from, and how classes weigh."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from facewave.mlp import check_features, check_same_features
from facewave.mlp_options import MlpOptions
from facewave.soft_labels import check_votes
from facewave.split_table import SplitTable


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


def class_weights(labels: ArrayLike, *, n_classes: int, kind: str) -> Tensor:
    """Return the loss weight of each class, float32 (n_classes,).

    Args:
        labels: int (n,), the labels of the valid training clips.
        n_classes: number of classes.
        kind: `balanced`: n / (classes present x clips of the class), and 0 for an absent class;
            `none`: 1 throughout.
    """
    return weights_of_counts(np.bincount(np.asarray(labels), minlength=n_classes), kind=kind)


def weights_of_counts(counts: NDArray[Any], *, kind: str) -> Tensor:
    """Return `class_weights` of the number of clips (or the sum of shares) of each class, (C,)."""
    if kind == "none":
        return torch.ones(counts.size)
    present = counts > 0
    weights = np.zeros(counts.size, np.float32)
    weights[present] = counts.sum() / (present.sum() * counts[present])
    return torch.from_numpy(weights)
