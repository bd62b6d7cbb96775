"""Scores at two operating points: all classes equally likely, or as frequent as in training.

A network that was trained with all classes weighing the same answers as if they were equally
frequent, which suits the UAR; multiplied by the frequencies, and scaled to sum to 1, its
probabilities are those of the corpus, which suits the WAR. Neither needs another training.

Reference: M. Saerens, P. Latinne, C. Decaestecker, "Adjusting the outputs of a classifier to new a
priori probabilities", Neural Computation 14, 2002.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.evaluation.metrics import calibration_error, cross_entropy, unweighted_average_recall
from facewave.evaluation.predictions import Predictions

BALANCED, FREQUENCIES = "balanced", "frequencies"


def operating_points(folds: Sequence[Sequence[Predictions]]) -> dict[str, Any] | None:
    """Score a model at both operating points, on the test clips of all folds together.

    Args:
        folds: of each fold the predictions of its test clips, one per seed.

    Returns:
        `trained` (the point that the model was trained for, and whose answers are scored elsewhere:
        `balanced` or `frequencies`) and for each point `uar`, `war`, `nll` (cross entropy in nats)
        and `ece` (expected calibration error, ten bins), means over the seeds; None if the
        predictions do not say how the classes were weighted.
    """
    records = [test.metadata.get("training") for fold in folds for test in fold]
    if not all(records):
        return None
    labels = np.concatenate([fold[0].labels for fold in folds])
    found: dict[str, Any] = {"trained": trained_for(folds[0][0].metadata)}
    for point in (BALANCED, FREQUENCIES):
        seeds = zip(*folds, strict=True)
        scores = [
            _scores(labels, np.concatenate([at_point(test, point) for test in tests]))
            for tests in seeds
        ]
        found[point] = {name: float(np.mean([own[name] for own in scores])) for name in scores[0]}
    return found


def trained_for(metadata: Mapping[str, Any]) -> str:
    """Return the operating point of a model's own answers, from its predictions' metadata."""
    balanced = metadata["training"]["options"]["class_weights"] == "balanced"
    return BALANCED if balanced else FREQUENCIES


def at_point(test: Predictions, point: str) -> NDArray[np.float64]:
    """Return the probabilities (n, C) at an operating point; rows sum to 1.

    A class that was not in training keeps its probability, whatever that is worth.
    """
    probabilities = test.probabilities.astype(np.float64)
    if point == trained_for(test.metadata):
        return probabilities
    frequencies = np.array(test.metadata["training"]["class_frequencies"], np.float64)
    factors = np.where(frequencies > 0, frequencies, 1.0)
    moved = probabilities * factors if point == FREQUENCIES else probabilities / factors
    shifted: NDArray[np.float64] = moved / moved.sum(axis=1, keepdims=True)
    return shifted


def _scores(labels: NDArray[np.int64], probabilities: NDArray[Any]) -> dict[str, float]:
    answers = probabilities.argmax(axis=1)
    return {
        "uar": unweighted_average_recall(labels, answers),
        "war": float((answers == labels).mean()),
        "nll": cross_entropy(probabilities, labels),
        "ece": calibration_error(probabilities, labels),
    }
