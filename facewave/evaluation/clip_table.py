"""All test clips of all folds as CSV: what is true, what was answered, how sure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facewave.evaluation.evaluate import Fold
from facewave.evaluation.predictions import Predictions
from facewave.evaluation.units import Origin
from facewave.storage.tables import write_csv

# Columns before those of the classes' probabilities.
COLUMNS = ("clip_id", "fold", "subject", "source", "valid", "truth", "predicted", "right")
PROBABILITY = "p_"


def write_clip_table(
    path: Path, folds: Sequence[Fold[Predictions]], origins: Mapping[str, Origin]
) -> None:
    """Write one row per test clip, fold after fold.

    `right` is the fraction of the seeds whose answer is right: its mean over the clips is the WAR,
    the mean of its means over the classes the UAR. `p_…` are the probabilities of the classes,
    means over the seeds, and `predicted` is the class with the largest one.

    Args:
        path: to write.
        folds: as read.
        origins: of the clips, see `facewave.evaluation.units.read_origins`.
    """
    classes = folds[0].test.classes
    columns = [*COLUMNS, *(f"{PROBABILITY}{name}" for name in classes)]
    write_csv(path, columns, _rows(folds, origins))


def _rows(
    folds: Sequence[Fold[Predictions]], origins: Mapping[str, Origin]
) -> Iterator[Sequence[Any]]:
    unknown = Origin(None, None, "")
    for fold in folds:
        test = fold.test
        probabilities = np.mean([own.probabilities for own in fold.tests], axis=0)
        right = np.mean([own.predicted == own.labels for own in fold.tests], axis=0)
        predicted = probabilities.argmax(axis=1)
        for row, clip_id in enumerate(test.clip_ids):
            origin = origins.get(clip_id, unknown)
            yield [
                clip_id,
                fold.name,
                origin.subject,
                origin.source,
                str(bool(test.valid[row])).lower(),
                test.classes[test.labels[row]],
                test.classes[predicted[row]],
                f"{right[row]:.4f}",
                *(f"{value:.6f}" for value in probabilities[row]),
            ]
