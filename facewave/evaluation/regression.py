"""Scores of predicted values, their intervals over units, and a test against the training mean.

A clip that lacks a target (NaN) is left out of that target's scores, and of no other's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.evaluation.metrics import evaluate_regression
from facewave.evaluation.resampling import LEVEL, N_BOOTSTRAP, limits, paired_permutation
from facewave.evaluation.units import Units

Values = NDArray[np.float64]

SCORES = ("mae", "rmse", "pearson", "ccc")
# The scores of which a lower one is better.
ERRORS = ("mae", "rmse")
# Bootstrap samples that are drawn at a time: memory does not grow with their number.
_DRAWN = 200


def mean_scores(truth: Values, predicted: Values, *, std: Values) -> dict[str, float]:
    """Return means over the targets, which have different units: of these, one number.

    Args:
        truth: (n, m), NaN where a clip lacks a target.
        predicted: (n, m).
        std: (m,), standard deviation of each target in training, by which errors are divided.

    Returns:
        `mae` and `rmse` in standard deviations, `pearson` and `ccc` (0 where they are not defined)

    Raises:
        ValueError: no clip has a target.
    """
    scores = []
    for place in range(truth.shape[1]):
        known = ~np.isnan(truth[:, place])
        if known.any():
            pair = (values[known, place, np.newaxis] / std[place] for values in (truth, predicted))
            scores += evaluate_regression(*pair, names=[""])
    if not scores:
        raise ValueError("no clip has a target: nothing to score")
    return {name: float(np.mean([getattr(s, name) or 0.0 for s in scores])) for name in SCORES}


def goodness(name: str, value: float) -> float:
    """Return a score such that more is better: errors get a minus."""
    return -value if name in ERRORS else value


def score_target(
    truth: Values,
    answers: Values,
    baseline: Values,
    *,
    name: str,
    units: Units | None,
    seed: int,
) -> dict[str, Any]:
    """Score one target of S trainings that differ in their seed, beside the training mean.

    Args:
        truth: (n,), all known; at least one clip.
        answers: (S, n).
        baseline: (n,), the mean over the training part of each clip's fold.
        name: of the target.
        units: of the clips; None: no intervals and no test.
        seed: of the samples.

    Returns:
        plain values: `model` and `mean_of_training` (see `RegressionMetrics`; means over the seeds,
        null where one is not defined), `std` (of each score over the seeds; null for one seed),
        `interval` (95 % limits of each score [low, high] or null, over `n` of `unit`), and
        `against_mean`: how much lower the MAE is than that of the training mean (`difference` with
        its `interval`), and the paired permutation test over units (`p`, `smallest_p`, `exact`)
    """
    single = [_scored(truth, own, name) for own in answers]
    mean = _scored(truth, baseline, name)
    values = {score: [own[score] for own in single] for score in SCORES}
    scores = {
        "model": {**single[0], **{score: _mean(found) for score, found in values.items()}},
        "mean_of_training": mean,
        "std": {score: _std(found) for score, found in values.items()} if len(single) > 1 else None,
    }
    if units is None:
        return scores
    samples = _samples(truth, np.vstack([answers, baseline]), units, seed=seed)
    of_model = {score: drawn[:, :-1].mean(axis=1) for score, drawn in samples.items()}
    gains = np.abs(baseline - truth) - np.abs(answers - truth).mean(axis=0)
    test = paired_permutation(gains, units, seed=seed)
    return {
        **scores,
        "interval": {
            "n_bootstrap": N_BOOTSTRAP,
            "level": LEVEL,
            "seed": seed,
            "unit": units.kind,
            "n": units.count,
            **{score: _limits(drawn) for score, drawn in of_model.items()},
        },
        "against_mean": {
            "difference": float(gains.mean()),
            "interval": _limits(samples["mae"][:, -1] - of_model["mae"]),
            **asdict(test),
        },
    }


def _scored(truth: Values, predicted: Values, name: str) -> dict[str, Any]:
    return asdict(evaluate_regression(truth[:, None], predicted[:, None], names=[name])[0])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _std(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.std(known, ddof=1)) if len(known) == len(values) else None


def _limits(drawn: Values) -> list[float] | None:
    """Return the limits over the samples in which a score is defined."""
    known = drawn[np.isfinite(drawn)]
    return limits(known) if known.size else None


def _samples(truth: Values, answers: Values, units: Units, *, seed: int) -> dict[str, Values]:
    """Draw units with replacement; return the scores (samples, K) of K sets of answers (K, n).

    All scores are functions of sums over clips, so each unit is a row of sums.
    """
    # Moments about the mean of the true values: their differences are not lost in rounding.
    true, given = truth - truth.mean(), answers - truth.mean()
    error = given - true
    moments = np.stack([np.abs(error), error**2, given, given**2, given * true], axis=1)
    columns = [np.ones(truth.size), true, true**2, *moments.reshape(-1, truth.size)]
    rows = np.stack([np.bincount(units.of_clip, own, units.count) for own in columns], axis=1)
    random = np.random.default_rng(seed)
    even = np.full(units.count, 1 / units.count)
    chunks = [
        random.multinomial(units.count, even, size=min(_DRAWN, N_BOOTSTRAP - done)) @ rows
        for done in range(0, N_BOOTSTRAP, _DRAWN)
    ]
    sums = np.concatenate(chunks)
    of_truth = sums[:, 1:3, np.newaxis] / sums[:, :1, np.newaxis]
    means = sums[:, 3:].reshape(N_BOOTSTRAP, len(answers), -1) / sums[:, :1, np.newaxis]
    absolute, squared, mean, square, product = np.moveaxis(means, 2, 0)
    variance, other = of_truth[:, 1] - of_truth[:, 0] ** 2, square - mean**2
    covariance = product - mean * of_truth[:, 0]
    # Below this, relative to what was subtracted, a variance is 0 but for rounding.
    flat = (variance <= 1e-12 * of_truth[:, 1]) | (other <= 1e-12 * square)
    spread = np.where(flat, np.nan, np.sqrt(np.maximum(variance * other, 1e-300)))
    apart = variance + other + (mean - of_truth[:, 0]) ** 2
    return {
        "mae": absolute,
        "rmse": np.sqrt(squared),
        "pearson": np.clip(covariance / spread, -1, 1),
        "ccc": 2 * covariance / np.where(apart > 0, apart, np.nan),
    }
