"""Real values in place of classes: their scale, the loss, and the scores of an epoch.

The networks learn targets in standard deviations of the training part. A clip that lacks a target
(NaN) adds nothing to that target's loss; one that lacks all is not learned from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facewave.evaluation.regression import mean_scores
from facewave.splits.read import SplitTable


@dataclass(frozen=True, kw_only=True, eq=False)
class TargetScale:
    """Mean and standard deviation of the training clips' targets, float64 (m,)."""

    mean: Tensor
    std: Tensor

    def standardised(self, values: NDArray[np.float64]) -> Tensor:
        """Return targets (n, m) as the networks learn them, float32; NaN stays NaN."""
        return ((torch.from_numpy(values) - self.mean) / self.std).float()

    def restored(self, outputs: Tensor) -> NDArray[np.float64]:
        """Return outputs (n, m) in the targets' own units."""
        values: NDArray[np.float64] = (outputs.double() * self.std + self.mean).numpy()
        return values


def targets_of(table: SplitTable) -> NDArray[np.float64]:
    """Return the targets of a part, (n, m).

    Raises:
        ValueError: they were not read.
    """
    if table.targets is None:
        raise ValueError("mlp.head: regression: the targets of the part were not read")
    return table.targets


def with_a_target(table: SplitTable) -> SplitTable:
    """Return a part in which clips without any target are not valid, so that none learns them."""
    return replace(table, valid=table.valid & ~np.isnan(targets_of(table)).all(axis=1))


def check_values(train: SplitTable, val: SplitTable, names: Sequence[str]) -> None:
    """Refuse parts whose values cannot be learned.

    Raises:
        ValueError: naming the part and the target.
    """
    for part, table in (("training", train), ("validation", val)):
        values = targets_of(table)[table.valid]
        for name, column in zip(names, values.T, strict=True):
            known = column[~np.isnan(column)]
            if not known.size:
                raise ValueError(
                    f"no valid clip of the {part} part has the target {name!r}: fill in the values "
                    "of the dataset's `targets`, or name others in mlp.targets.columns"
                )
            if part == "training" and np.ptp(known) == 0:
                raise ValueError(
                    f"the target {name!r} is {known[0]:g} for every valid training clip: there is "
                    "nothing to learn; name others in mlp.targets.columns"
                )


def fit_scale(table: SplitTable) -> TargetScale:
    """Measure the targets of a part's valid clips."""
    values = targets_of(table)[table.valid]
    mean, std = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    return TargetScale(mean=torch.from_numpy(mean), std=torch.from_numpy(std))


def training_mean(table: SplitTable) -> NDArray[np.float64]:
    """Return the mean of each target over all clips of a part, valid or not, (m,)."""
    mean: NDArray[np.float64] = np.nanmean(targets_of(table), axis=0)
    return mean


def value_losses(outputs: Tensor, wanted: Tensor, *, kind: str) -> Tensor:
    """Return the mean loss over the known targets, (...,) of (..., n, m); 0 if none is known.

    Args:
        outputs: standardised values.
        wanted: standardised targets, NaN where one is not known.
        kind: `mse` or `huber`.
    """
    known = ~wanted.isnan()
    measure = functional.mse_loss if kind == "mse" else functional.huber_loss
    losses = measure(outputs, wanted.nan_to_num(), reduction="none") * known
    return losses.sum(dim=(-2, -1)) / known.sum(dim=(-2, -1)).clamp(min=1)


def mean_absolute_error(outputs: Tensor, wanted: Tensor) -> float:
    """Return the mean over the targets of the mean absolute error, in standard deviations."""
    errors = (outputs - wanted).abs().nanmean(dim=0)
    return float(errors[~errors.isnan()].mean())


@dataclass(frozen=True, kw_only=True)
class ValueEpoch:
    """One row of a regression's `metrics.csv`; means over the targets, over valid clips only.

    Attributes:
        epoch: from 1.
        train_loss: over the steps of the epoch, with dropout and with weights that change.
        val_loss: after the epoch.
        train_mae: mean absolute error of the answers in the same steps, in standard deviations of
            the training part, as all errors here.
        val_mae, val_rmse: of the validation part.
        val_pearson, val_ccc: of the validation part; 0 where not defined.
        learning_rate: of the epoch's last step.
    """

    epoch: int
    train_loss: float
    val_loss: float
    train_mae: float
    val_mae: float
    val_rmse: float
    val_pearson: float
    val_ccc: float
    learning_rate: float


def validation_scores(outputs: Tensor, wanted: Tensor) -> dict[str, float]:
    """Return the validation scores of an epoch by their columns in `ValueEpoch`.

    Args:
        outputs: (n, m), standardised.
        wanted: (n, m), standardised targets, NaN where one is not known.
    """
    scores = mean_scores(
        wanted.double().numpy(), outputs.double().numpy(), std=np.ones(wanted.shape[1])
    )
    return {f"val_{name}": value for name, value in scores.items()}
