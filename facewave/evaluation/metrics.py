"""Scores of a classifier, as fractions from 0 to 1."""

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
        precision: share of right answers among the clips predicted as this class; None if none
        recall: share of right answers among the clips of this class; None if there are none
        f1: 2 TP / (2 TP + FP + FN); None if the class is neither there nor predicted
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
        per_class: one entry a class, in the order of the class list
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
    """Score predictions.

    A class that does not occur in `y_true` has no recall and counts neither in the UAR nor in
    the macro F1; predicting it still costs the class that was true.

    Args:
        y_true: int (n,), indexes into `classes`
        y_pred: int (n,), indexes into `classes`
        classes: class names

    Raises:
        ValueError: no clip, different lengths, or an index outside of `classes`
    """
    # Only here: a training job, which needs the UAR alone, would wait for it a second or two.
    from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

    true, predicted = _indexes(y_true, y_pred, n_classes=len(classes))
    labels = np.arange(len(classes))
    precision, recall, f1, support = precision_recall_fscore_support(
        true, predicted, labels=labels, zero_division=np.nan
    )
    confusion = confusion_matrix(true, predicted, labels=labels)
    return Metrics(
        n=true.size,
        uar=unweighted_average_recall(true, predicted),
        war=float(accuracy_score(true, predicted)),
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


def majority_class(labels: ArrayLike, *, n_classes: int) -> int:
    """Return the most frequent class of a training part (ties: the lower index).

    Args:
        labels: int (n,), the labels of all training clips
        n_classes: number of classes

    Raises:
        ValueError: no label
    """
    labels = np.asarray(labels)
    if not labels.size:
        raise ValueError("no training clip: the majority class is not defined")
    return int(np.bincount(labels, minlength=n_classes).argmax())


def majority_predictions(train_labels: ArrayLike, *, n: int, n_classes: int) -> NDArray[np.int64]:
    """Predict the majority class of `train_labels` for `n` clips, int64 (n,)."""
    return np.full(n, majority_class(train_labels, n_classes=n_classes), np.int64)


def evaluate_majority(
    train_labels: ArrayLike, y_true: ArrayLike, *, classes: Sequence[str]
) -> Metrics:
    """Score the majority class of `train_labels` on `y_true`.

    Args:
        train_labels: int (m,), the labels of all training clips
        y_true: int (n,), the labels to be met
        classes: class names
    """
    y_true = np.asarray(y_true)
    y_pred = majority_predictions(train_labels, n=y_true.size, n_classes=len(classes))
    return evaluate(y_true, y_pred, classes=classes)
