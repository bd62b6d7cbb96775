"""Bootstrap intervals and a paired permutation test: how far scores depend on the tested clips.

Only the clips that are tested are drawn anew: intervals and p hold for these trained models and
say nothing of another training.

References:
- B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993.
- R. A. Fisher's permutation test, here of paired answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Samples of `score_intervals`, and of the comparisons.
N_BOOTSTRAP = 2000
_N_COMPARED = 4000
LEVEL = 0.95
# Samples drawn at a time: what bounds the memory when there are many clips or subjects.
_CHUNK = 250

Counts = NDArray[np.int64]


def score_intervals(
    y_true: NDArray[np.int64],
    y_pred: NDArray[np.int64],
    *,
    n_classes: int,
    seed: int,
    subjects: Sequence[str | None] | None = None,
) -> dict[str, Any]:
    """Return 95 % percentile intervals of UAR and WAR from 2,000 samples with replacement.

    Clips of one person are alike, so the interval over subjects is the wider and the more honest
    one.

    Args:
        y_true: (n,) indexes of classes, at least one.
        y_pred: (n,) indexes of classes.
        n_classes: number of classes.
        seed: of the samples.
        subjects: the person of each clip; None where it is not known.

    Returns:
        plain values: `n_bootstrap`, `level`, `seed`, `clips` and `subjects`: `n` and the limits
        `uar` and `war` as [low, high]. `subjects` is null unless every clip has a subject and
        there are at least two.
    """
    cells = y_true * n_classes + y_pred
    random = np.random.default_rng(seed)
    # Drawing n clips with replacement is drawing counts of the cells of the confusion matrix.
    counts = np.bincount(cells, minlength=n_classes**2)
    clips = random.multinomial(cells.size, counts / cells.size, size=N_BOOTSTRAP)
    over_subjects = None
    if subjects is not None and None not in subjects and len(set(subjects)) > 1:
        of_subjects = _counts_of_subjects(cells, subjects, n_classes)
        n = len(of_subjects)
        samples = [
            random.multinomial(n, np.full(n, 1 / n), size=_CHUNK) @ of_subjects
            for _ in range(0, N_BOOTSTRAP, _CHUNK)
        ]
        over_subjects = _score_limits(np.concatenate(samples), n_classes, n=n)
    return {
        "n_bootstrap": N_BOOTSTRAP,
        "level": LEVEL,
        "seed": seed,
        "clips": _score_limits(clips, n_classes, n=cells.size),
        "subjects": over_subjects,
    }


def _counts_of_subjects(cells: Counts, subjects: Sequence[str | None], n_classes: int) -> Counts:
    """Return the confusion matrix of each subject, (subjects, classes squared)."""
    names, position = np.unique(np.array(subjects, dtype=str), return_inverse=True)
    counts = np.zeros((names.size, n_classes**2), np.int64)
    np.add.at(counts, (position, cells), 1)
    return counts


def _score_limits(samples: Counts, n_classes: int, *, n: int) -> dict[str, Any]:
    """Return the percentile intervals of confusion matrices (samples, classes squared)."""
    confusion = samples.reshape(-1, n_classes, n_classes)
    right = np.diagonal(confusion, axis1=1, axis2=2)
    support = confusion.sum(axis=2)
    recall = np.divide(right, support, out=np.zeros(right.shape), where=support > 0)
    # As in the score itself, a class that a sample lacks does not count.
    uar = recall.sum(axis=1) / (support > 0).sum(axis=1)
    war = right.sum(axis=1) / support.sum(axis=1)
    return {"n": int(n), "uar": _limits(uar), "war": _limits(war)}


def _limits(drawn: NDArray[np.float64]) -> list[float]:
    tail = (1 - LEVEL) / 2
    limits: list[float] = np.quantile(drawn, [tail, 1 - tail]).tolist()
    return limits


def stratified_interval(
    contributions: NDArray[np.float64], strata: NDArray[np.int64], *, seed: int
) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a sum over clips, each stratum resampled for itself.

    Args:
        contributions: (n,), what each clip adds to the sum.
        strata: int (n,), such as the classes of the clips.
        seed: of the 4,000 samples.
    """
    random = np.random.default_rng(seed)
    sums = np.zeros(_N_COMPARED)
    for stratum in np.unique(strata):
        own = contributions[strata == stratum]
        for start in range(0, _N_COMPARED, _CHUNK):
            drawn = random.integers(own.size, size=(_CHUNK, own.size))
            sums[start : start + _CHUNK] += own[drawn].sum(axis=1)
    low, high = _limits(sums)
    return low, high


def paired_permutation(differences: NDArray[np.float64], *, seed: int) -> float:
    """Return the two-sided p of a sum of paired differences (n,) under exchange of the pairs."""
    random = np.random.default_rng(seed)
    least = abs(differences.sum()) - 1e-12
    as_large = 0
    for _ in range(0, _N_COMPARED, _CHUNK):
        signs = random.choice([-1.0, 1.0], size=(_CHUNK, differences.size))
        as_large += int((np.abs(signs @ differences) >= least).sum())
    return (1 + as_large) / (1 + _N_COMPARED)
