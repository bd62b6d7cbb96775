"""Bootstrap intervals and a paired permutation test: how far scores depend on who is tested.

Whole units (see `units.py`) are drawn or exchanged, and nothing else: intervals and p hold for
these trained models and say nothing of another training.

References:
- B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993.
- R. A. Fisher's permutation test, here of paired answers.
- S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
  Statistics 6, 1979.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facewave.evaluation.units import Units

N_BOOTSTRAP = 2000
LEVEL = 0.95
# With at most this many units all exchanges are counted, else as many are drawn.
_EXACT_UNITS = 18
_N_PERMUTATIONS = 9999
# Numbers that are held at a time while samples are drawn.
_HELD = 2_000_000

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Scores of bootstrap samples, for K sets of answers drawn together.

    Attributes:
        uar, war: float64 (samples, K).
    """

    uar: Values
    war: Values


def bootstrap(right: Values, labels: NDArray[np.int64], units: Units, *, seed: int) -> Samples:
    """Draw units with replacement, and score each sample.

    Memory does not grow with the number of samples, and that of a sample not with the clips.

    Args:
        right: (K, n), how right each clip is in K sets of answers: 0 or 1, or a mean over seeds.
        labels: (n,), indexes of classes; at least one.
        units: of the clips.
        seed: of the 2,000 samples.
    """
    classes = int(labels.max()) + 1
    cells = units.of_clip * classes + labels
    cell_count = units.count * classes
    # One row per unit: clips of each class, then of each set of answers the right ones.
    rows = np.stack([np.bincount(cells, w, cell_count) for w in (np.ones(labels.size), *right)])
    rows = rows.reshape(-1, units.count, classes).swapaxes(0, 1).reshape(units.count, -1)
    # Units with equal rows (most clips, if they are the units) are drawn as one.
    kinds, counts = np.unique(rows.round(9), axis=0, return_counts=True)
    random = np.random.default_rng(seed)
    chunk = max(1, _HELD // len(kinds))
    drawn = [
        random.multinomial(units.count, counts / units.count, size=min(chunk, N_BOOTSTRAP - done))
        @ kinds
        for done in range(0, N_BOOTSTRAP, chunk)
    ]
    sums = np.concatenate(drawn).reshape(N_BOOTSTRAP, -1, classes)
    support, hits = sums[:, :1], sums[:, 1:]
    recall = np.divide(hits, support, out=np.zeros(hits.shape), where=support > 0)
    # As in the score itself, a class that a sample lacks does not count.
    return Samples(
        uar=recall.sum(axis=2) / (support > 0).sum(axis=2),
        war=hits.sum(axis=2) / support.sum(axis=2),
    )


def limits(drawn: Values) -> list[float]:
    """Return the 95 % percentile interval [low, high] of samples (n,)."""
    tail = (1 - LEVEL) / 2
    found: list[float] = np.quantile(drawn, [tail, 1 - tail]).tolist()
    return found


def score_intervals(
    y_true: NDArray[np.int64], right: Values, *, units: Units, seed: int
) -> dict[str, Any]:
    """Return 95 % percentile intervals of UAR and WAR from 2,000 samples of units.

    Args:
        y_true: (n,) indexes of classes, at least one.
        right: (n,), how right each clip is: 0 or 1, or a mean over seeds.
        units: of the clips.
        seed: of the samples.

    Returns:
        plain values: `n_bootstrap`, `level`, `seed`, `unit` (what was drawn), `n` (their number)
        and the limits `uar` and `war` as [low, high]
    """
    samples = bootstrap(right[np.newaxis].astype(np.float64), y_true, units, seed=seed)
    return {
        "n_bootstrap": N_BOOTSTRAP,
        "level": LEVEL,
        "seed": seed,
        "unit": units.kind,
        "n": units.count,
        "uar": limits(samples.uar[:, 0]),
        "war": limits(samples.war[:, 0]),
    }


@dataclass(frozen=True, kw_only=True)
class PairedTest:
    """A two-sided test of paired differences.

    Attributes:
        p: fraction of all exchanges whose sum is at least as far from 0 as the one found.
        smallest_p: the smallest p that the test could have given for these units.
        exact: whether all exchanges were counted; else 9,999 were drawn.
    """

    p: float
    smallest_p: float
    exact: bool


def paired_permutation(differences: Values, units: Units, *, seed: int) -> PairedTest:
    """Test whether a sum of paired differences is 0: exchange the pairs of whole units.

    Args:
        differences: (n,), what each clip adds to the difference of two scores. For UAR and WAR this
            sum is exact: an exchange changes no class's number of clips.
        units: of the clips.
        seed: of the exchanges, where they are drawn.
    """
    sums = np.bincount(units.of_clip, differences, units.count)
    # Rounded, so that sums that are equal by hand are equal here.
    scale = max(float(np.abs(sums).max(initial=0.0)), 1e-300)
    sizes = (np.abs(sums) / scale).round(9)
    observed = abs(float((np.sign(sums) * sizes).sum())) - 1e-7
    sizes = sizes[sizes > 0]
    if sizes.size <= _EXACT_UNITS:
        found = np.zeros(1)
        for size in sizes:
            found = np.concatenate([found + size, found - size])
        p = float((np.abs(found) >= observed).mean())
        return PairedTest(p=p, smallest_p=min(1.0, 2.0 / found.size), exact=True)
    as_large = int((np.abs(_drawn_sums(sizes, seed)) >= observed).sum())
    least = 1 / (1 + _N_PERMUTATIONS)
    return PairedTest(p=(1 + as_large) * least, smallest_p=least, exact=False)


def _drawn_sums(sizes: Values, seed: int) -> Values:
    """Return sums of values with random signs.

    Of m equal values the number with a plus is binomial: clips, which have few different values,
    are drawn by values and not one by one.
    """
    values, counts = np.unique(sizes, return_counts=True)
    random = np.random.default_rng(seed)
    found = np.zeros(_N_PERMUTATIONS)
    chunk = max(1, _HELD // _N_PERMUTATIONS)
    for start in range(0, values.size, chunk):
        own = counts[start : start + chunk]
        plus = random.binomial(own, 0.5, size=(_N_PERMUTATIONS, own.size))
        found += (2 * plus - own) @ values[start : start + chunk]
    return found


def holm(p_values: ArrayLike) -> Values:
    """Return p of several tests, adjusted by Holm: those below a level err together as often.

    Args:
        p_values: (k,), in any order.
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    found = np.empty(p.size)
    found[order] = np.minimum(adjusted, 1.0)
    return found
