"""The score that needs no model: always answer the most frequent class of the training part."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facewave.metrics import Metrics, evaluate


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
