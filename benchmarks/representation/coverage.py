"""How often prediction sets hold the true class of people that were never seen.

Every person in turn is the new one: the fold's model, which has not seen the person, answers, and
the test clips of all other people are what it is compared with. Run it on the results of a protocol
whose folds divide the people:

    python benchmarks/representation/coverage.py results/java_sed leave_one_subject_out 0.1 0.2
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewave.evaluation.predictions import read_class_predictions
from facewave.mlp.held_out import HeldOut
from facewave.predict.conformal import Conformal
from facewave.splits.read import read_subjects


@dataclass(frozen=True, eq=False)
class Answered:
    """The valid test clips of all folds: probabilities (n, C), labels (n,) and people (n,)."""

    probabilities: NDArray[np.float32]
    labels: NDArray[np.int64]
    people: NDArray[np.int64]


def read_answered(dataset: Path, protocol: str) -> Answered:
    """Read the first seed's answers for the test parts of all folds."""
    probabilities, labels, names = [], [], []
    for path in sorted((dataset / "mlp" / protocol).glob("**/predictions.parquet")):
        test = read_class_predictions(path).of_part("test")
        fold = path.parent.relative_to(dataset / "mlp")
        subjects = read_subjects(dataset / "splits" / fold / "test.parquet")
        probabilities.append(test.probabilities[test.valid])
        labels.append(test.labels[test.valid])
        names += [subjects[test.clip_ids[row]] for row in np.flatnonzero(test.valid)]
    people = np.unique(np.array(names, dtype=str), return_inverse=True)[1]
    return Answered(np.concatenate(probabilities), np.concatenate(labels), people)


def coverage_of(answered: Answered, rate: float) -> tuple[NDArray[np.float64], float]:
    """Return the coverage of each person (K,), and the mean number of classes in a set."""
    rows = np.arange(len(answered.labels))
    scores = 1 - answered.probabilities[rows, answered.labels]
    found, sizes = [], []
    for person in np.unique(answered.people):
        own = answered.people == person
        others = HeldOut(
            scores=scores[~own],
            distances=np.zeros(int((~own).sum()), np.float32),
            people=answered.people[~own],
        )
        sets = Conformal([others]).sets([answered.probabilities[own]], rate)
        found.append(sets[np.arange(len(sets)), answered.labels[own]].mean())
        sizes.append(sets.sum(axis=1).mean())
    return np.array(found), float(np.mean(sizes))


def main(dataset: str, protocol: str, *rates: str) -> None:
    """Print a line per error rate."""
    answered = read_answered(Path(dataset), protocol)
    classes = answered.probabilities.shape[1]
    for rate in map(float, rates or ("0.1", "0.2")):
        people, size = coverage_of(answered, rate)
        print(
            f"error rate {rate:g}: {100 * people.mean():.1f} % of the clips covered, a mean over "
            f"{len(people)} people ({100 * people.min():.0f} to {100 * people.max():.0f} %); "
            f"{size:.2f} of {classes} classes in a set"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
