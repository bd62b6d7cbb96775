"""Predictions made by hand, of classes and of values."""

import numpy as np

from facewave.evaluation.predictions import Predictions, RegressionPredictions
from tests.splits.split_files import CLASSES


def predicted_classes(clip_ids, labels, predicted, *, valid=None, parts=None, classes=CLASSES):
    n = len(clip_ids)
    return Predictions(
        clip_ids=list(clip_ids),
        parts=parts or ["test"] * n,
        labels=np.array(labels),
        predicted=np.array(predicted),
        valid=np.ones(n, bool) if valid is None else np.array(valid),
        probabilities=np.eye(len(classes), dtype=np.float32)[predicted],
        classes=tuple(classes),
        metadata={"seed": 3, "model": "mlp"},
    )


def predicted_values(clip_ids, truth, predicted, *, parts=None, targets=("valence", "arousal")):
    """Return predicted values, one row of `truth` and `predicted` per clip; the baseline is 1."""
    truth = np.array(truth, float).reshape(-1, len(targets))
    return RegressionPredictions(
        clip_ids=list(clip_ids),
        parts=parts or ["test"] * len(clip_ids),
        truth=truth,
        predicted=np.array(predicted, float).reshape(truth.shape),
        baseline=np.ones(truth.shape),
        valid=np.arange(len(clip_ids)) > 0,
        targets=tuple(targets),
        metadata={"seed": 4, "model": "vlm"},
    )
