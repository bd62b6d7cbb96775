"""Standardise features by their mean and standard deviation over the training part."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewave.mlp.mirror import SignedSwap
from facewave.splits.read import SplitTable

# A column that varies less than this over the training part carries no information: features are
# of order one, and dividing by less would turn rounding errors into signals.
_LEAST_STD = 1e-5

# Standardised values beyond this are clipped: a blendshape that is almost always 0 gives hundreds.
_LARGEST_DEVIATION = 10.0

# Clips that are copied out of the table at a time while statistics are made. Larger copies are new
# memory each time, which costs more than the arithmetic.
_CHUNK_CLIPS = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class Scaler:
    """Standardises features by the statistics of the valid training clips.

    Attributes:
        mean: float32 (d,).
        std: float32 (d,); 1 for columns that do not vary, which thus become 0.
    """

    mean: Tensor
    std: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Standardise float32 (n, d) in place, clip at 10 standard deviations, return it."""
        return (
            features.sub_(self.mean).div_(self.std).clamp_(-_LARGEST_DEVIATION, _LARGEST_DEVIATION)
        )


def fit_scaler(
    table: SplitTable,
    inputs: Sequence[str],
    rows: NDArray[np.intp],
    *,
    by_trajectory: bool = False,
    swap: SignedSwap | None = None,
) -> Scaler:
    """Measure mean and standard deviation of each column (float64 inside).

    Args:
        table: the training part.
        inputs: names of its groups.
        rows: int (m,), m > 0: the valid clips.
        by_trajectory: give all coefficients of a trajectory's code the same deviation (root mean
            square): the fine details of a pyramid then stay as small as they are. Energies, whose
            scales differ in size, keep one deviation per column.
        swap: where mirrored clips are trained on as well, how all columns are mirrored.
    """
    mean, std = _column_statistics(table, inputs, rows)
    if swap:
        flipped = mean[swap.partner] * swap.sign
        variance = (std**2 + std[swap.partner] ** 2) / 2 + ((mean - flipped) / 2) ** 2
        mean, std = (mean + flipped) / 2, np.sqrt(variance)
    if by_trajectory:
        parts = np.split(std, np.cumsum([math.prod(table.shapes[name]) for name in inputs])[:-1])
        std = np.concatenate(
            [
                part if "_" in name else _one_per_trajectory(part, table.shapes[name][0])
                for name, part in zip(inputs, parts, strict=True)
            ]
        )
    std[_hardly_varies(std, mean)] = 1.0
    return Scaler(
        mean=torch.from_numpy(mean.astype(np.float32)), std=torch.from_numpy(std.astype(np.float32))
    )


def _column_statistics(
    table: SplitTable, inputs: Sequence[str], rows: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    means, stds = [], []
    for name in inputs:
        group = table.groups[name]
        chunks = list(clip_chunks(rows, _CHUNK_CLIPS))
        mean = sum(group[part].sum(axis=0, dtype=np.float64) for part in chunks) / rows.size
        # Two passes: the difference of squares loses the digits of columns that hardly vary.
        variance = sum(((group[part] - mean) ** 2).sum(axis=0) for part in chunks) / rows.size
        means.append(mean)
        stds.append(np.sqrt(variance))
    mean, std = np.concatenate(means), np.concatenate(stds)
    # 0 until deviations are joined: 1 would outweigh those of a trajectory's other coefficients.
    std[_hardly_varies(std, mean)] = 0.0
    # Rounded here already, which keeps the results of earlier versions to the last bit.
    return mean.astype(np.float32).astype(np.float64), std.astype(np.float32).astype(np.float64)


def _hardly_varies(std: NDArray[np.float64], mean: NDArray[np.float64]) -> NDArray[np.bool_]:
    small: NDArray[np.bool_] = std < _LEAST_STD * np.maximum(1.0, np.abs(mean))
    return small


def _one_per_trajectory(std: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    pooled: NDArray[np.float64] = np.sqrt(np.mean(std.reshape(rows, -1) ** 2, axis=0))
    return np.tile(pooled, rows)


def gather(table: SplitTable, inputs: Sequence[str], rows: NDArray[np.intp]) -> Tensor:
    """Return a copy of some clips' features, the groups joined, as float32 (len(rows), d)."""
    return torch.from_numpy(np.concatenate([table.groups[name][rows] for name in inputs], axis=1))


def clip_chunks(rows: NDArray[np.intp], clips: int) -> Iterator[NDArray[np.intp]]:
    """Yield row numbers, a fixed number of clips at a time."""
    for start in range(0, rows.size, clips):
        yield rows[start : start + clips]
