"""Bootstrap confidence intervals of UAR and WAR, over clips and over subjects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

N_BOOTSTRAP = 2000
LEVEL = 0.95
# Samples drawn at a time: what bounds the memory when there are thousands of subjects.
_CHUNK = 250

Counts = NDArray[np.int64]


def bootstrap(
    y_true: NDArray[np.int64],
    y_pred: NDArray[np.int64],
    *,
    n_classes: int,
    seed: int,
    subjects: Sequence[str | None] | None = None,
) -> dict[str, Any]:
    """Return 95 % percentile intervals of UAR and WAR from 2,000 samples with replacement.

    Only the clips that are tested are drawn anew: the intervals hold for these trained models and
    say nothing of another training. Clips of one person are alike, so that the interval over
    subjects is the wider and the more honest one.

    Args:
        y_true: (n,) indexes of classes, at least one.
        y_pred: (n,) indexes of classes.
        n_classes: number of classes.
        seed: of the samples.
        subjects: the person of each clip; None where it is not known.

    Returns:
        plain values: `n_bootstrap`, `level`, `seed`, `clips` and `subjects`: `n` and the limits
        `uar` and `war` as [low, high]. `subjects` is null unless each clip has a subject and there
        are two at least.
    """
    cells = y_true * n_classes + y_pred
    random = np.random.default_rng(seed)
    # Drawing n clips with replacement is drawing counts of the cells of the confusion matrix.
    counts = np.bincount(cells, minlength=n_classes**2)
    clips = random.multinomial(cells.size, counts / cells.size, size=N_BOOTSTRAP)
    over_subjects = None
    if subjects is not None and None not in subjects and len(set(subjects)) > 1:
        of_subjects = _counts_of_subjects(cells, subjects, n_classes)
        samples = np.concatenate(list(_drawn(of_subjects, random)))
        over_subjects = _limits(samples, n_classes, n=len(of_subjects))
    return {
        "n_bootstrap": N_BOOTSTRAP,
        "level": LEVEL,
        "seed": seed,
        "clips": _limits(clips, n_classes, n=cells.size),
        "subjects": over_subjects,
    }


def _counts_of_subjects(cells: Counts, subjects: Sequence[str | None], n_classes: int) -> Counts:
    """Return the confusion matrix of each subject, (subjects, classes squared)."""
    names, position = np.unique(np.array(subjects, dtype=str), return_inverse=True)
    counts = np.zeros((names.size, n_classes**2), np.int64)
    np.add.at(counts, (position, cells), 1)
    return counts


def _drawn(counts: Counts, random: np.random.Generator) -> Iterator[Counts]:
    n = len(counts)
    for _ in range(0, N_BOOTSTRAP, _CHUNK):
        yield random.multinomial(n, np.full(n, 1 / n), size=_CHUNK) @ counts


def _limits(samples: Counts, n_classes: int, *, n: int) -> dict[str, Any]:
    """Return the percentile intervals of confusion matrices (samples, classes squared)."""
    confusion = samples.reshape(-1, n_classes, n_classes)
    right = np.diagonal(confusion, axis1=1, axis2=2)
    support = confusion.sum(axis=2)
    recall = np.divide(right, support, out=np.zeros(right.shape), where=support > 0)
    scores = {
        # As in the score itself, a class that a sample lacks does not count.
        "uar": recall.sum(axis=1) / (support > 0).sum(axis=1),
        "war": right.sum(axis=1) / support.sum(axis=1),
    }
    tail = (1 - LEVEL) / 2
    return {
        "n": int(n),
        **{name: np.quantile(drawn, [tail, 1 - tail]).tolist() for name, drawn in scores.items()},
    }
