"""Training targets from votes (`label_distribution`), in place of one label a clip.

A clip with votes has the loss that it would have on average if its label were drawn from them: the
cross entropy against the distribution (E. Barsoum et al., "Training deep networks for facial
expression recognition with crowd-sourced label distribution", ICMI 2016). Class weights and label
smoothing act on each label that could be drawn, so that unanimous votes train as their label does.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facewave.split_table import SplitTable


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


def label_shares(table: SplitTable, rows: NDArray[np.intp], *, soft: bool) -> Tensor:
    """Return how much of each class the labels of some clips are.

    Args:
        table: a part of a split.
        rows: int (m,), the clips.
        soft: whether clips with votes have the shares of these.

    Returns:
        float32 (m, C); rows sum to 1, those without votes are one-hot
    """
    labels = torch.from_numpy(table.labels[rows])
    shares = functional.one_hot(labels, len(table.classes)).float()
    if soft and table.label_distributions is not None:
        votes = torch.from_numpy(table.label_distributions[rows])
        shares = torch.where(votes.isnan(), shares, votes)
    return shares


def class_mass(shares: Tensor, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the sum of the clips' shares of each class, float64 (C,).

    A class that no clip is labelled with has 0: a few stray votes would else weigh as much as all
    clips of another class.
    """
    labelled = np.bincount(labels, minlength=shares.shape[1]) > 0
    mass: NDArray[np.float64] = shares.double().sum(dim=0).numpy()
    return np.where(labelled, mass, 0.0)


def expected_targets(shares: Tensor, weights: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Return the mean target of a label that is drawn from a clip's shares.

    Args:
        shares: float32 (m, C), see `label_shares`.
        weights: float32 (C,), of the errors on each class.
        smoothing: share of a label's target that is spread over all classes.

    Returns:
        float32 (m, C): the sum over c of shares[c] weights[c] ((1 - smoothing) one-hot(c) +
        smoothing / C)
    """
    of_classes = smoothed(torch.arange(len(weights)), n_classes=len(weights), smoothing=smoothing)
    return shares @ (of_classes * weights.unsqueeze(1))


def smoothed(labels: Tensor, *, n_classes: int, smoothing: float) -> Tensor:
    """Return one-hot rows (..., C) with `smoothing` of the mass spread over all classes."""
    return functional.one_hot(labels, n_classes).float() * (1 - smoothing) + smoothing / n_classes
