"""Late fusion: a weighted mean of two models' probabilities, its weight chosen by validation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facewave.evaluation.metrics import unweighted_average_recall
from facewave.evaluation.predictions import Predictions
from facewave.splits.baseline import RULE

# The weights that are tried.
_WEIGHTS = np.linspace(0.0, 1.0, 21)


def fuse(first: Predictions, second: Predictions) -> Predictions:
    """Return the predictions of the weighted mean of two models' probabilities.

    The weight of the second model is the one of 0, 0.05 ... 1 with the highest UAR on the
    validation part; at equal UAR the one with the lower cross entropy, then the smaller one. The
    metadata hold it as `weight`.

    Args:
        first, second: of the same clips in the same order, with validation and test part.

    Raises:
        ValueError: different clips or classes, or no clip of the validation part.
    """
    if first.clip_ids != second.clip_ids or first.parts != second.parts:
        raise ValueError("the two models have predictions for different clips: build both again")
    if first.classes != second.classes:
        raise ValueError("the two models have different classes: build both again")
    rows = np.flatnonzero(np.array(first.parts, dtype=object) == "val")
    if not rows.size:
        raise ValueError("no validation clip: the weight of the fusion cannot be chosen")
    labels = first.labels[rows]
    weight = _best_weight(first.probabilities[rows], second.probabilities[rows], labels)
    mixed = _mixed(first.probabilities, second.probabilities, weight)
    rule = first.metadata.get(RULE) or second.metadata.get(RULE)
    return replace(
        first,
        probabilities=mixed,
        predicted=mixed.argmax(axis=1),
        metadata={
            "model": f"{first.metadata.get('model')} + {second.metadata.get('model')}",
            "seed": second.metadata.get("seed"),
            "weight": weight,
            **({RULE: rule} if rule else {}),
        },
    )


def _mixed(
    first: NDArray[np.float32], second: NDArray[np.float32], weight: float
) -> NDArray[np.float32]:
    return ((1.0 - weight) * first + weight * second).astype(np.float32)


def _best_weight(
    first: NDArray[np.float32], second: NDArray[np.float32], labels: NDArray[np.int64]
) -> float:
    def quality(weight: float) -> tuple[float, float]:
        mixed = _mixed(first, second, weight)
        right = mixed[np.arange(labels.size), labels].astype(np.float64)
        entropy = -np.log(np.maximum(right, 1e-12)).mean()
        return unweighted_average_recall(labels, mixed.argmax(axis=1)), -float(entropy)

    # `max` returns the first of equals: the smaller weight.
    return float(max(_WEIGHTS.tolist(), key=quality))
