"""Scores of numbers that were predicted (questionnaire scores, valence, arousal)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, kw_only=True)
class RegressionMetrics:
    """Scores of one target over one set of clips.

    Attributes:
        name: of the target.
        n: number of clips.
        mae: mean absolute error, in the target's unit.
        rmse: root of the mean squared error, in the target's unit.
        pearson: correlation, -1 to 1; None where one side does not vary.
        ccc: concordance correlation coefficient of L. I.-K. Lin, "A concordance correlation
            coefficient to evaluate reproducibility", Biometrics 45, 1989, with variances over n:
            2 cov / (var + var + squared difference of the means); None where neither side varies.
    """

    name: str
    n: int
    mae: float
    rmse: float
    pearson: float | None
    ccc: float | None

    def to_json(self) -> dict[str, Any]:
        """Return the scores as plain values that JSON can hold (undefined scores are null)."""
        return asdict(self)


def evaluate_regression(
    y_true: ArrayLike, y_pred: ArrayLike, *, names: Sequence[str]
) -> list[RegressionMetrics]:
    """Score predicted numbers, one entry a target.

    Args:
        y_true: float (n, targets).
        y_pred: float (n, targets).
        names: of the targets.

    Raises:
        ValueError: no clip, shapes that differ, or a number that is not finite.
    """
    true, predicted = np.asarray(y_true, np.float64), np.asarray(y_pred, np.float64)
    if true.shape != predicted.shape or true.ndim != 2 or true.shape[1] != len(names):
        raise ValueError(
            f"y_true {true.shape} and y_pred {predicted.shape} must be (clips, {len(names)})"
        )
    if not len(true):
        raise ValueError("no clip to score: y_true is empty")
    if not (np.isfinite(true).all() and np.isfinite(predicted).all()):
        raise ValueError("y_true and y_pred must be finite: leave out clips without a target")
    return [_target(name, true[:, i], predicted[:, i]) for i, name in enumerate(names)]


def _target(
    name: str, true: NDArray[np.float64], predicted: NDArray[np.float64]
) -> RegressionMetrics:
    error = predicted - true
    spread = float(true.std() * predicted.std())
    covariance = float(((true - true.mean()) * (predicted - predicted.mean())).mean())
    apart = float(true.var() + predicted.var() + (true.mean() - predicted.mean()) ** 2)
    return RegressionMetrics(
        name=name,
        n=true.size,
        mae=float(np.abs(error).mean()),
        rmse=float(np.sqrt((error**2).mean())),
        pearson=covariance / spread if spread > 0 else None,
        ccc=2 * covariance / apart if apart > 0 else None,
    )
