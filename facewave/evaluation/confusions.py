"""Which clips a model gets wrong, the most certain first, and which classes it takes for others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facewave.evaluation.evaluate import Fold
from facewave.evaluation.predictions import Predictions


@dataclass(frozen=True, kw_only=True)
class ConfusedClip:
    """A test clip whose predicted class is wrong.

    Attributes:
        clip_id, fold: which clip, and the fold that tests it.
        truth, predicted: class names.
        probability: of the predicted class.
        truth_probability: of the true class.
        valid: False where there are no features: the most frequent class is then predicted.
    """

    clip_id: str
    fold: str
    truth: str
    predicted: str
    probability: float
    truth_probability: float
    valid: bool


@dataclass(frozen=True, kw_only=True)
class ConfusedClasses:
    """A class that is taken for another one.

    Attributes:
        truth, predicted: class names.
        clips: their number.
        share: fraction of the true class's clips.
        probability: mean probability of the predicted class.
    """

    truth: str
    predicted: str
    clips: int
    share: float
    probability: float


def find_confused_clips(folds: Sequence[Fold[Predictions]]) -> list[ConfusedClip]:
    """Return the wrong predictions of all folds, the most certain first."""
    found = []
    for fold in folds:
        test = fold.test
        for row in np.flatnonzero(test.labels != test.predicted):
            truth, predicted = int(test.labels[row]), int(test.predicted[row])
            found.append(
                ConfusedClip(
                    clip_id=test.clip_ids[row],
                    fold=fold.name,
                    truth=test.classes[truth],
                    predicted=test.classes[predicted],
                    probability=float(test.probabilities[row, predicted]),
                    truth_probability=float(test.probabilities[row, truth]),
                    valid=bool(test.valid[row]),
                )
            )
    return sorted(found, key=lambda clip: (-clip.probability, clip.clip_id))


def find_confused_classes(folds: Sequence[Fold[Predictions]]) -> list[ConfusedClasses]:
    """Return the pairs of true and predicted class that occur, the largest fraction first."""
    labels = np.concatenate([fold.test.labels for fold in folds])
    sizes = np.bincount(labels, minlength=len(folds[0].test.classes))
    pairs: dict[tuple[str, str], list[float]] = {}
    for clip in find_confused_clips(folds):
        pairs.setdefault((clip.truth, clip.predicted), []).append(clip.probability)
    of_class = dict(zip(folds[0].test.classes, sizes.tolist(), strict=True))
    found = [
        ConfusedClasses(
            truth=truth,
            predicted=predicted,
            clips=len(values),
            share=len(values) / of_class[truth],
            probability=float(np.mean(values)),
        )
        for (truth, predicted), values in pairs.items()
    ]
    return sorted(found, key=lambda pair: (-pair.share, -pair.clips, pair.truth, pair.predicted))
