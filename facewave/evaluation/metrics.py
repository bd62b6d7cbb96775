"""Scores of predicted classes (fractions from 0 to 1) and of predicted values."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, kw_only=True)
class ClassMetrics:
    """Scores of one class; None where the ratio has nothing in its denominator.

    Attributes:
        name: class name
        precision: fraction of the clips predicted as this class that belong to it; None if no
            clip is predicted as this class
        recall: fraction of the clips of this class that are predicted as it; None without clips
        f1: 2 TP / (2 TP + FP + FN); None if no clip belongs to the class or is predicted as it
        support: clips of this class
    """

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """Scores over one set of clips, fractions from 0 to 1.

    Attributes:
        n: number of clips
        uar: unweighted average recall: mean recall over the classes that occur in `y_true`
        war: weighted average recall, which is plain accuracy
        macro_f1: mean F1 over the classes that occur in `y_true`
        per_class: one entry per class, in the order of the class list
        confusion: counts; rows are the true classes, columns the predicted ones, over all
            classes
    """

    n: int
    uar: float
    war: float
    macro_f1: float
    per_class: tuple[ClassMetrics, ...]
    confusion: tuple[tuple[int, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the scores as plain values that JSON can hold (undefined scores are null)."""
        return asdict(self) | {
            "per_class": [asdict(entry) for entry in self.per_class],
            "confusion": [list(row) for row in self.confusion],
        }


def evaluate(y_true: ArrayLike, y_pred: ArrayLike, *, classes: Sequence[str]) -> Metrics:
    """Score predicted classes.

    A class that does not occur in `y_true` has no recall and counts neither in the UAR nor in
    the macro F1; predicting it still costs the class that was true.

    Args:
        y_true: int (n,), indexes into `classes`
        y_pred: int (n,), indexes into `classes`
        classes: class names

    Raises:
        ValueError: no clip, different lengths, or an index outside of `classes`
    """
    true, predicted = _indexes(y_true, y_pred, n_classes=len(classes))
    size = len(classes)
    # Not scikit-learn's: to import it takes a job longer than everything else that it does.
    confusion = np.bincount(true * size + predicted, minlength=size**2).reshape(size, size)
    hits, support, answered = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    precision, recall = _ratios(hits, answered), _ratios(hits, support)
    f1 = _ratios(2 * hits, support + answered)
    return Metrics(
        n=true.size,
        uar=float(recall[support > 0].mean()),
        war=float(hits.sum() / true.size),
        macro_f1=float(f1[support > 0].mean()),
        per_class=tuple(
            ClassMetrics(
                name=name,
                precision=_defined(precision[i]),
                recall=_defined(recall[i]),
                f1=_defined(f1[i]),
                support=int(support[i]),
            )
            for i, name in enumerate(classes)
        ),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
    )


def _ratios(counts: NDArray[np.int64], totals: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return counts / totals; NaN where the total is 0."""
    ratios = np.full(counts.size, np.nan)
    np.divide(counts, totals, out=ratios, where=totals > 0)
    return ratios


def mean_metrics(
    y_true: ArrayLike, answers: NDArray[np.int64], *, classes: Sequence[str]
) -> dict[str, Any]:
    """Return the mean of the scores of several sets of answers, as plain values.

    Args:
        y_true: int (n,), indexes into `classes`
        answers: int (S, n), one row per set; S > 0
        classes: class names

    Returns:
        the keys of `Metrics`; with one row exactly its scores. A score of a class is the mean over
        the sets in which it is defined, a count of the confusion matrix over all of them.
    """
    found = [evaluate(y_true, own, classes=classes).to_json() for own in answers]
    if len(found) == 1:
        return found[0]
    per_class = [
        {
            **same[0],
            **{name: _mean([row[name] for row in same]) for name in ("precision", "recall", "f1")},
        }
        for same in zip(*(own["per_class"] for own in found), strict=True)
    ]
    return {
        "n": found[0]["n"],
        **{name: _mean([own[name] for own in found]) for name in ("uar", "war", "macro_f1")},
        "per_class": per_class,
        "confusion": np.mean([own["confusion"] for own in found], axis=0).tolist(),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None


def unweighted_average_recall(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Return the mean recall over the classes that occur in `y_true`.

    Args:
        y_true: int (n,)
        y_pred: int (n,)

    Returns:
        a fraction from 0 to 1

    Raises:
        ValueError: no clip, or different lengths
    """
    true, predicted = _indexes(y_true, y_pred, n_classes=None)
    # Not scikit-learn's: its checks take 20 ms a call, more than an epoch of a small training part.
    counts = np.bincount(true)
    hits = np.bincount(true[true == predicted], minlength=counts.size)
    return float(np.mean(hits[counts > 0] / counts[counts > 0]))


def _indexes(
    y_true: ArrayLike, y_pred: ArrayLike, *, n_classes: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    true, predicted = np.asarray(y_true), np.asarray(y_pred)
    if true.ndim != 1 or true.shape != predicted.shape:
        raise ValueError(
            f"y_true {true.shape} and y_pred {predicted.shape} must be one-dimensional and "
            "equally long"
        )
    if not true.size:
        raise ValueError("no clip to score: y_true is empty")
    for name, values in (("y_true", true), ("y_pred", predicted)):
        if not np.issubdtype(values.dtype, np.integer):
            raise ValueError(f"{name} must hold class indexes (int), not {values.dtype}")
        if n_classes is not None and (values.min() < 0 or values.max() >= n_classes):
            raise ValueError(
                f"{name} has {values.min()} to {values.max()}, but the classes are 0 to "
                f"{n_classes - 1}"
            )
    return true.astype(np.int64), predicted.astype(np.int64)


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def majority_predictions(train_labels: ArrayLike, *, n: int, n_classes: int) -> NDArray[np.int64]:
    """Predict the most frequent class of a training part (ties: the lower index) for `n` clips.

    Args:
        train_labels: int (m,), the labels of all training clips
        n: number of clips to predict
        n_classes: number of classes

    Returns:
        int64 (n,)

    Raises:
        ValueError: no training label
    """
    labels = np.asarray(train_labels)
    if not labels.size:
        raise ValueError("no training clip: the majority class is not defined")
    return np.full(n, np.bincount(labels, minlength=n_classes).argmax(), np.int64)


def calibration_error(
    probabilities: NDArray[Any], labels: NDArray[np.int64], *, bins: int = 10
) -> float:
    """Return the expected calibration error: |accuracy - confidence|, weighted over bins.

    Args:
        probabilities: (n, C)
        labels: int (n,), indexes of classes
        bins: of equal width, over the largest probability of each clip

    Returns:
        a fraction from 0 to 1
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / labels.size)


def cross_entropy(probabilities: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """Return the mean negative log likelihood of the true classes, in nats.

    Args:
        probabilities: (n, C); below 1e-12 they count as that.
        labels: int (n,), indexes of classes
    """
    right = probabilities[np.arange(labels.size), labels].astype(np.float64)
    return float(-np.log(np.maximum(right, 1e-12)).mean())


@dataclass(frozen=True, kw_only=True)
class RegressionMetrics:
    """Scores of one target over one set of clips.

    Attributes:
        name: of the target
        n: number of clips
        mae: mean absolute error, in the target's unit
        rmse: root of the mean squared error, in the target's unit
        pearson: correlation, -1 to 1; None where one side does not vary
        ccc: concordance correlation coefficient of L. I.-K. Lin, "A concordance correlation
            coefficient to evaluate reproducibility", Biometrics 45, 1989, with variances over n:
            2 cov / (var + var + squared difference of the means); None where neither side varies
    """

    name: str
    n: int
    mae: float
    rmse: float
    pearson: float | None
    ccc: float | None


def evaluate_regression(
    y_true: ArrayLike, y_pred: ArrayLike, *, names: Sequence[str]
) -> list[RegressionMetrics]:
    """Score predicted values, one entry per target.

    Args:
        y_true: float (n, m)
        y_pred: float (n, m)
        names: of the m targets

    Raises:
        ValueError: no clip, different shapes, or a value that is not finite
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
