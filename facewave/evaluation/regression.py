"""Score predicted numbers over all folds, beside the training part's mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from facewave import __version__
from facewave.evaluation.predictions import RegressionPredictions, read_regression
from facewave.splits.read import read_split
from facewave.storage.atomic import atomic_path
from facewave.storage.store import file_sha256


def evaluate_regression_folds(
    predictions: Sequence[str | Path], train_splits: Sequence[str | Path]
) -> dict[str, Any]:
    """Return the scores of the test clips of all folds together, as plain values.

    Args:
        predictions: file of each fold (see `facewave.evaluation.predictions`).
        train_splits: training part of each fold, in the same order.

    Returns:
        `targets`: scores of each target (see `RegressionMetrics`), `mean_of_training`: those of
        always answering the training part's mean, `n`, `n_invalid`, `provenance`.

    Raises:
        ValueError: a test clip was trained on or is tested twice, or the targets differ.
    """
    folds = [read_regression(path) for path in predictions]
    for fold, answers, split in zip(folds, predictions, train_splits, strict=True):
        _check_leak(fold, answers, split)
    if len({fold.names for fold in folds}) != 1:
        raise ValueError("the folds have different targets: train all of them again")
    rows = [np.array(fold.parts, dtype=object) == "test" for fold in folds]
    clips = Counter(
        clip_id
        for fold, own in zip(folds, rows, strict=True)
        for clip_id, tested in zip(fold.clip_ids, own, strict=True)
        if tested
    )
    if not clips:
        raise ValueError("no test clip has a target: nothing to score")
    clip, count = clips.most_common(1)[0]
    if count > 1:
        raise ValueError(f"clip {clip!r} is tested {count} times: the folds overlap")

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate(
            [getattr(fold, name)[own] for fold, own in zip(folds, rows, strict=True)]
        )

    names, targets = folds[0].names, joined("targets")
    scores = evaluate_regression(targets, joined("predicted"), names=names)
    baseline = evaluate_regression(targets, joined("baseline"), names=names)
    return {
        "targets": [score.to_json() for score in scores],
        "mean_of_training": [score.to_json() for score in baseline],
        "n": len(targets),
        "n_invalid": int((~joined("valid")).sum()),
        "provenance": _provenance(folds, [*predictions, *train_splits]),
    }


def _check_leak(fold: RegressionPredictions, answers: str | Path, split: str | Path) -> None:
    trained = set(read_split(split, groups=()).clip_ids)
    tested = {c for c, part in zip(fold.clip_ids, fold.parts, strict=True) if part == "test"}
    if seen := sorted(trained & tested):
        raise ValueError(
            f"{answers}: {len(seen)} test clips are in the training part {split}, such as "
            f"{seen[0]!r}: their score would mean nothing"
        )


def _provenance(
    folds: Sequence[RegressionPredictions], inputs: Iterable[str | Path]
) -> dict[str, Any]:
    return {
        "facewave": __version__,
        "seeds": [fold.metadata.get("seed") for fold in folds],
        "models": [fold.metadata.get("model") for fold in folds],
        "sha256": {str(path): file_sha256(Path(path)) for path in inputs},
    }


def draw_scatter(path: Path, predictions: Sequence[str | Path], *, title: str) -> None:
    """Draw predicted against true numbers of all test clips as PNG, a panel a target."""
    folds = [read_regression(file) for file in predictions]
    names = folds[0].names
    figure = Figure(figsize=(3.6 * len(names), 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, parse_math=False)
    for place, axes in enumerate(figure.subplots(1, len(names), squeeze=False)[0]):
        for fold in folds:
            own = np.array(fold.parts, dtype=object) == "test"
            true, said = fold.targets[own, place], fold.predicted[own, place]
            axes.plot(true, said, "o", color="tab:blue", markersize=3, alpha=0.5)
        axes.axline((0, 0), slope=1, color="0.6", linewidth=1)
        axes.set_xlabel(f"{names[place]}, true", parse_math=False)
        axes.set_ylabel("predicted")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, metadata={"Software": None})


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
