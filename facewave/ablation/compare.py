"""Compare variants of features and model on the same clips, leave one subject out.

References:
- B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993.
- R. A. Fisher's permutation test, here of paired answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewave.evaluation.metrics import unweighted_average_recall
from facewave.evaluation.predictions import read_predictions

_RESAMPLES = 4000


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """Test answers of one variant; row i of every array is the same clip for all variants.

    Attributes:
        labels: int64 (n,).
        predicted: int64 (S, n), a row a seed.
        probabilities: float32 (S, n, C).
    """

    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Row:
    """Scores of a variant; fractions.

    Attributes:
        uar: mean over the seeds of the unweighted average recall.
        uar_std: standard deviation over the seeds; 0 of one seed.
        low, high: 95 % bootstrap interval of `uar` over clips, each class resampled for itself.
        war: mean accuracy.
        ece: mean expected calibration error, ten bins.
        difference: of `uar` to the reference.
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
        answers: by variant.
        reference: one of them.
        seed: of bootstrap and permutations.

    Raises:
        ValueError: the variants were not tested on the same clips, or there is no reference.
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
    scores = [unweighted_average_recall(found.labels, answer) for answer in found.predicted]
    shares = _shares(found)
    low, high = class_interval(shares, found.labels, seed=seed)
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
        difference=float(np.sum(shares - _shares(base))),
        p=paired_permutation(shares - _shares(base), seed=seed),
    )


def _shares(answers: Answers) -> NDArray[np.float64]:
    """Return what each clip adds to the UAR (mean over seeds); the sum is the UAR."""
    counts = np.bincount(answers.labels)
    right = (answers.predicted == answers.labels).mean(axis=0)
    shares: NDArray[np.float64] = right / counts[answers.labels] / np.count_nonzero(counts)
    return shares


def class_interval(
    shares: NDArray[np.float64], labels: NDArray[np.int64], *, seed: int
) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a sum over clips, each class resampled for itself.

    Args:
        shares: (n,), what each clip adds to the sum.
        labels: int (n,).
        seed: of the samples.
    """
    random = np.random.default_rng(seed)
    sums = np.zeros(_RESAMPLES)
    for label in np.unique(labels):
        own = shares[labels == label]
        sums += own[random.integers(own.size, size=(_RESAMPLES, own.size))].sum(axis=1)
    low, high = np.quantile(sums, [0.025, 0.975])
    return float(low), float(high)


def paired_permutation(differences: NDArray[np.float64], *, seed: int) -> float:
    """Return the two-sided p of a sum of paired differences (n,) under exchange of the pairs."""
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(_RESAMPLES, differences.size))
    as_large = np.abs(signs @ differences) >= abs(differences.sum()) - 1e-12
    return float((1 + as_large.sum()) / (1 + _RESAMPLES))


def calibration_error(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], *, bins: int = 10
) -> float:
    """Return the expected calibration error: |accuracy - confidence|, weighted over bins."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / labels.size)


def join_folds(folds: Sequence[Answers]) -> Answers:
    """Return the answers of several folds as one, of equal numbers of seeds."""
    return Answers(
        labels=np.concatenate([fold.labels for fold in folds]),
        predicted=np.concatenate([fold.predicted for fold in folds], axis=1),
        probabilities=np.concatenate([fold.probabilities for fold in folds], axis=1),
    )


def read_answers(files: Sequence[str | Path]) -> Answers:
    """Read the answers of a variant in one fold, from a predictions file a seed.

    Raises:
        ValueError: a file is no predictions file, or holds other clips than the first.
    """
    read = [read_predictions(file).of_part("test") for file in files]
    for file, part in zip(files, read, strict=True):
        if part.clip_ids != read[0].clip_ids:
            raise ValueError(f"{file}: other clips than in {files[0]}: train the variant again")
    return Answers(
        labels=read[0].labels,
        predicted=np.stack([part.predicted for part in read]),
        probabilities=np.stack([part.probabilities for part in read]),
    )


def read_all_answers(
    predictions: Mapping[str, Sequence[Sequence[str | Path]]],
) -> dict[str, list[Answers]]:
    """Read the answers of all variants: by variant, a list a fold of a file a seed."""
    return {name: [read_answers(files) for files in folds] for name, folds in predictions.items()}
