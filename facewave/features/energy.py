"""Detail energy: how much a trajectory moves at each time scale; and statistics over time.

A coefficient says where the face was in a part of the clip; fast movement averages out. The root
mean square of the Haar details keeps how much movement there was, whenever it happened. Its
logarithm becomes a feature: from the 1st to the 99th percentile of the landmarks of 120 clips it
grows fiftyfold, so that a few large movements would outweigh all others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.features import haar

# Bins that a clip is resampled to for scales relative to its length: 6 scales, 1 to 1/32.
BINS = 64
DYADIC_LEVELS = int(math.log2(BINS))

# Widths of the scales in seconds: from a blink to a phrase. Each is twice the one before.
SECONDS = (2 / 15, 4 / 15, 8 / 15, 16 / 15, 32 / 15)


# Added to an energy before its logarithm, in its own unit: centimetres, degrees or a blendshape's
# score. Landmarks of a face at rest tremble by more.
LEAST_ENERGY = 1e-3


def scale_names(scales: str) -> list[str]:
    """Return what the rows of an energy group measure.

    Args:
        scales: `dyadic`, `seconds` or `both`.
    """
    names = []
    if scales != "seconds":
        names += [f"1/{1 << level} of the clip" for level in range(DYADIC_LEVELS)]
    if scales != "dyadic":
        names += [f"{seconds:.2g} s" for seconds in SECONDS]
    return names


def dyadic_energy(trajectories: NDArray[Any]) -> NDArray[np.float32]:
    """Return the energy of details at scales that are fractions of the clip.

    The clip is resampled to 64 bins by exact means and decomposed by Haar; the energy of a level is
    the square root of the sum of its squared details over 64, so that the squares of all levels
    add up to the variance of the bins.

    Args:
        trajectories: (T, ...) real, T >= 1, without NaN.

    Returns:
        float32 (6, ...), from the two halves of the clip to 1/32 of it, in the input's unit.
    """
    details = haar.decompose(haar.encode(trajectories, layout="segments", coefficients=BINS))
    rows = [
        np.sqrt(np.sum(np.square(details[1 << level : 2 << level]), axis=0) / BINS)
        for level in range(DYADIC_LEVELS)
    ]
    return np.stack(rows).astype(np.float32)


def seconds_energy(trajectories: NDArray[Any], *, fps: float) -> NDArray[np.float32]:
    """Return the energy of details at the scales `SECONDS`, which are the same for all clips.

    At each scale: the root mean square, over all positions in the clip (an undecimated Haar
    transform), of half the difference between the means of two neighbouring windows, each half the
    scale wide (in whole frames, at least one). In a clip that is shorter than a scale the windows
    are its two halves: 0 would tell a model that a short clip does not move. One frame gives 0.

    Args:
        trajectories: (T, ...) real, T >= 1, without NaN.
        fps: frames per second, > 0.

    Returns:
        float32 (5, ...), finest first, in the input's unit.

    Raises:
        ValueError: fps is not positive.
    """
    if not fps > 0:
        raise ValueError(f"fps: expected a positive number, got {fps!r}")
    # Without the mean: on long clips the running sum of a constant would swamp small differences.
    sums = np.zeros((len(trajectories) + 1, *trajectories.shape[1:]))
    np.subtract(trajectories, trajectories.mean(axis=0, dtype=np.float64), out=sums[1:])
    np.cumsum(sums[1:], axis=0, out=sums[1:])
    rows = np.zeros((len(SECONDS), *trajectories.shape[1:]), np.float32)
    for row, scale in zip(rows, SECONDS, strict=True):
        half = min(max(1, round(scale * fps / 2)), len(trajectories) // 2)
        if half:
            details = sums[2 * half :] - sums[half:-half]
            details -= sums[half:-half] - sums[: -2 * half]
            details /= 2 * half
            row[...] = np.sqrt(np.mean(np.square(details, out=details), axis=0))
    return rows


def logarithm(energies: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the natural logarithm of energies plus `LEAST_ENERGY`, float32 of the same shape."""
    return np.log(energies.astype(np.float64) + LEAST_ENERGY).astype(np.float32)


QUANTILES = (0.1, 0.5, 0.9)

# Number of rows of each statistic.
STATISTICS = {"mean": 1, "std": 1, "quantiles": len(QUANTILES)}


def count_rows(names: Sequence[str]) -> int:
    """Return the number of rows that `statistics` has for these names."""
    return sum(STATISTICS[name] for name in names)


def statistics(trajectories: NDArray[Any], *, names: Sequence[str]) -> NDArray[np.float32]:
    """Return statistics over time.

    Args:
        trajectories: (T, ...) real, T >= 1, without NaN.
        names: of `STATISTICS`; `std` divides by T, `quantiles` are those of `QUANTILES`.

    Returns:
        float32 (rows, ...) in the order of the names.
    """
    rows = [np.empty((0, *trajectories.shape[1:]))]
    for name in names:
        if name == "mean":
            rows.append(trajectories.mean(axis=0, dtype=np.float64, keepdims=True))
        elif name == "std":
            rows.append(trajectories.std(axis=0, dtype=np.float64, keepdims=True))
        else:
            rows.append(np.quantile(trajectories, QUANTILES, axis=0))
    return np.concatenate(rows).astype(np.float32)
