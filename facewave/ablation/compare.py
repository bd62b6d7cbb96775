"""Compare variants of features and model on the same test clips, one of them the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewave.evaluation.metrics import calibration_error, unweighted_average_recall
from facewave.evaluation.predictions import read_class_predictions
from facewave.evaluation.resampling import paired_permutation, stratified_interval


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """Test predictions of one variant by S seeds; clip i is the same clip for all variants.

    Attributes:
        labels: int64 (n,), indexes of classes.
        predicted: int64 (S, n), one row per seed.
        probabilities: float32 (S, n, C).
    """

    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float32]

    def uar_by_seed(self) -> list[float]:
        """Return the unweighted average recall of each seed."""
        return [unweighted_average_recall(self.labels, answer) for answer in self.predicted]


@dataclass(frozen=True, kw_only=True)
class Row:
    """Scores of a variant, as fractions from 0 to 1.

    Attributes:
        variant: its name.
        seeds, clips: their numbers.
        uar: mean over the seeds of the unweighted average recall.
        uar_std: standard deviation over the seeds; 0 for one seed.
        low, high: 95 % bootstrap interval of `uar` over clips, each class resampled for itself.
        war: mean accuracy.
        ece: mean expected calibration error, ten bins.
        difference: `uar` less that of the reference.
        p: two-sided paired permutation test of that difference, clip by clip.
    """

    variant: str
    seeds: int
    clips: int
    uar: float
    uar_std: float
    low: float
    high: float
    war: float
    ece: float
    difference: float
    p: float


def compare(answers: Mapping[str, Answers], *, reference: str, seed: int) -> list[Row]:
    """Score all variants, best first.

    Args:
        answers: of each variant, by its name.
        reference: the variant that the others are compared with.
        seed: of bootstrap and permutations.

    Raises:
        ValueError: the variants were not tested on the same clips, or none is the reference.
    """
    if reference not in answers:
        raise ValueError(f"ablation.reference: {reference!r} is not among the variants")
    base = answers[reference]
    for name, other in answers.items():
        if not np.array_equal(other.labels, base.labels):
            raise ValueError(f"the variant {name!r} was tested on other clips than {reference!r}")
    rows = [_row(name, found, base, seed=seed) for name, found in answers.items()]
    return sorted(rows, key=lambda row: -row.uar)


def _row(name: str, found: Answers, base: Answers, *, seed: int) -> Row:
    scores = found.uar_by_seed()
    contributions = _contributions(found)
    differences = contributions - _contributions(base)
    low, high = stratified_interval(contributions, found.labels, seed=seed)
    return Row(
        variant=name,
        seeds=len(scores),
        clips=found.labels.size,
        uar=float(np.mean(scores)),
        uar_std=float(np.std(scores, ddof=1)) if len(scores) > 1 else 0.0,
        low=low,
        high=high,
        war=float((found.predicted == found.labels).mean()),
        ece=float(np.mean([calibration_error(p, found.labels) for p in found.probabilities])),
        difference=float(np.sum(differences)),
        p=paired_permutation(differences, seed=seed),
    )


def _contributions(answers: Answers) -> NDArray[np.float64]:
    """Return what each clip adds to the UAR (mean over seeds), float64 (n,); the sum is the UAR."""
    counts = np.bincount(answers.labels)
    right = (answers.predicted == answers.labels).mean(axis=0)
    added: NDArray[np.float64] = right / counts[answers.labels] / np.count_nonzero(counts)
    return added


def join_folds(folds: Sequence[Answers]) -> Answers:
    """Join the test predictions of several folds, all with the same number of seeds."""
    return Answers(
        labels=np.concatenate([fold.labels for fold in folds]),
        predicted=np.concatenate([fold.predicted for fold in folds], axis=1),
        probabilities=np.concatenate([fold.probabilities for fold in folds], axis=1),
    )


def read_answers(files: Sequence[str | Path]) -> Answers:
    """Read the answers of a variant in one fold, from one predictions file per seed.

    Raises:
        ValueError: a file does not hold predicted classes, or other clips than the first one.
    """
    read = [read_class_predictions(file).of_part("test") for file in files]
    for file, part in zip(files, read, strict=True):
        if part.clip_ids != read[0].clip_ids:
            raise ValueError(f"{file}: holds other clips than {files[0]}: train the variant again")
    return Answers(
        labels=read[0].labels,
        predicted=np.stack([part.predicted for part in read]),
        probabilities=np.stack([part.probabilities for part in read]),
    )


def read_all_answers(
    predictions: Mapping[str, Sequence[Sequence[str | Path]]],
) -> dict[str, list[Answers]]:
    """Read the answers of all variants: one list per fold, of one file per seed."""
    return {name: [read_answers(files) for files in folds] for name, folds in predictions.items()}
