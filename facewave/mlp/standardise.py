"""Mean and deviation of the features over the training part, and the features put to that scale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewave.mlp.options import MlpOptions as MlpOptions
from facewave.splits.read import SplitTable

# A column that varies less than this over the training part says nothing; features are of order
# one, and a smaller deviation would blow rounding errors up to the size of a signal.
_LEAST_STD = 1e-6

# Standardised values beyond this are cut: a blendshape that is almost always 0 gives hundreds.
_LARGEST_DEVIATION = 10.0

# Clips that are copied out of the table at a time while predictions or statistics are made. Larger
# copies are new memory each time, which costs more than the arithmetic.
_CHUNK_CLIPS = 64
_STATISTICS_CLIPS = 16


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
        """Standardise float32 (n, d) in place, cut at 10 standard deviations, and return it."""
        return (
            features.sub_(self.mean).div_(self.std).clamp_(-_LARGEST_DEVIATION, _LARGEST_DEVIATION)
        )


def fit_scaler(table: SplitTable, inputs: Sequence[str], rows: NDArray[np.intp]) -> Scaler:
    """Measure mean and standard deviation (float64 inside) of the given rows.

    Args:
        table: the training part.
        inputs: names of its groups.
        rows: int (m,), m > 0: the valid clips.
    """
    means, stds = [], []
    for name in inputs:
        group = table.groups[name]
        chunks = list(_chunks(rows, _STATISTICS_CLIPS))
        mean = sum(group[part].sum(axis=0, dtype=np.float64) for part in chunks) / rows.size
        # Two passes: the difference of squares loses the digits of columns that hardly vary.
        variance = sum(((group[part] - mean) ** 2).sum(axis=0) for part in chunks) / rows.size
        means.append(mean)
        stds.append(np.sqrt(variance))
    mean, std = np.concatenate(means), np.concatenate(stds)
    std[std < _LEAST_STD * np.maximum(1.0, np.abs(mean))] = 1.0
    return Scaler(
        mean=torch.from_numpy(mean.astype(np.float32)), std=torch.from_numpy(std.astype(np.float32))
    )


def gather(table: SplitTable, inputs: Sequence[str], rows: NDArray[np.intp]) -> Tensor:
    """Return a copy of some clips' features, the groups joined, as float32 (len(rows), d)."""
    return torch.from_numpy(np.concatenate([table.groups[name][rows] for name in inputs], axis=1))


def check_features(table: SplitTable, inputs: Sequence[str], *, part: str) -> None:
    """Refuse a table that lacks an input, or whose valid clips hold NaN or infinity.

    Raises:
        ValueError: naming the part, the group and the clip.
    """
    rows = np.flatnonzero(table.valid)
    for name in inputs:
        if name not in table.groups:
            raise ValueError(
                f"the {part} part has no feature group {name!r}; there are: "
                f"{', '.join(sorted(table.groups)) or 'none'}"
            )
        for chunk in _chunks(rows, _STATISTICS_CLIPS):
            finite = np.isfinite(table.groups[name][chunk]).all(axis=1)
            if not finite.all():
                clip = table.clip_ids[chunk[int(finite.argmin())]]
                raise ValueError(
                    f"the {part} part's group {name!r} holds NaN or infinity for the valid clip "
                    f"{clip!r}: make its features again, or mark the clip invalid"
                )


def check_same_features(trained: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse features made with other options: equal shapes do not make equal columns.

    Raises:
        ValueError: naming the options that differ.
    """
    before, now = trained.get("features"), given.get("features")
    if before == now:
        return
    if isinstance(before, dict) and isinstance(now, dict):
        keys = sorted(k for k in before.keys() | now.keys() if before.get(k) != now.get(k))
        details = "; ".join(f"{key}: {before.get(key)!r} and {now.get(key)!r}" for key in keys)
    else:
        details = f"{before!r} and {now!r}"
    raise ValueError(f"the features were made with different options ({details})")


def _chunks(rows: NDArray[np.intp], clips: int) -> Iterator[NDArray[np.intp]]:
    for start in range(0, rows.size, clips):
        yield rows[start : start + clips]
