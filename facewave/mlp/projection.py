"""Group by group: standardise features and project them on the directions in which they vary.

A clip has tens of thousands of features, a training part often only hundreds of clips. Within
their span, which the projection keeps, nothing is lost; outside of it there is only noise to learn.
Each group is brought to a total variance of 1, so that 2,000 landmark energies weigh no more in the
fusion than 30 numbers of the head's pose.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewave.mlp.mirror import SignedSwap
from facewave.mlp.standardise import Scaler, fit_scaler, gather
from facewave.splits.read import SplitTable

# Clips that the directions are found from: their Gram matrix is what costs.
_BASIS_CLIPS = 1000
# Directions with less than this share of the largest variance are rounding errors.
_LEAST_VARIANCE = 1e-8
_CHUNK_CLIPS = 64


class Projection(torch.nn.Module):
    """Standardised features (n, d) to the joined projections (n, q) of their groups.

    Attributes:
        widths: number of features of each group.
        bases: buffers `basis_0` … float32 (d_g, q_g).
    """

    def __init__(self, bases: Sequence[Tensor]) -> None:
        """Take one basis a group, in the order of the groups."""
        super().__init__()
        self.widths = [basis.shape[0] for basis in bases]
        for index, basis in enumerate(bases):
            self.register_buffer(f"basis_{index}", basis)

    def forward(self, features: Tensor) -> Tensor:
        """Project the groups and join them."""
        parts = torch.split(features, self.widths, dim=1)
        bases = [self.get_buffer(f"basis_{index}") for index in range(len(parts))]
        return torch.cat([part @ basis for part, basis in zip(parts, bases, strict=True)], dim=1)

    @property
    def out_features(self) -> int:
        """Width of the joined projections."""
        return sum(self.get_buffer(f"basis_{i}").shape[1] for i in range(len(self.widths)))


def fit_standardisation(
    table: SplitTable,
    inputs: Sequence[str],
    rows: NDArray[np.intp],
    *,
    by_trajectory: bool,
    swap: SignedSwap | None,
) -> Scaler:
    """Measure mean and deviation of each column.

    Args:
        table: the training part.
        inputs: names of its groups.
        rows: the valid clips.
        by_trajectory: give all coefficients of a trajectory's code one deviation (root mean
            square): fine details of a pyramid then stay as small as they are. Not for energies,
            whose scales have sizes of their own.
        swap: where mirrored clips are trained on as well, how all columns are mirrored.
    """
    scaler = fit_scaler(table, inputs, rows)
    mean, variance = scaler.mean.numpy().astype(np.float64), scaler.std.numpy().astype(np.float64)
    variance **= 2
    if swap:
        flipped = mean[swap.partner] * swap.sign
        variance = (variance + variance[swap.partner]) / 2 + ((mean - flipped) / 2) ** 2
        mean = (mean + flipped) / 2
    std = np.sqrt(variance)
    if by_trajectory:
        parts = np.split(std, np.cumsum([math.prod(table.shapes[name]) for name in inputs])[:-1])
        std = np.concatenate(
            [
                part if "_" in name else _one_a_trajectory(part, table.shapes[name][0])
                for name, part in zip(inputs, parts, strict=True)
            ]
        )
    return Scaler(
        mean=torch.from_numpy(mean.astype(np.float32)), std=torch.from_numpy(std.astype(np.float32))
    )


def _one_a_trajectory(std: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    pooled: NDArray[np.float64] = np.sqrt(np.mean(std.reshape(rows, -1) ** 2, axis=0))
    return np.tile(pooled, rows)


def fit_projection(
    table: SplitTable,
    inputs: Sequence[str],
    rows: NDArray[np.intp],
    *,
    scaler: Scaler,
    width: int,
    swap: SignedSwap | None,
    seed: int,
) -> Projection:
    """Find the principal directions of each group.

    Args:
        table, inputs, rows: as for `fit_standardisation`.
        scaler: what standardises them.
        width: directions of a group, at most.
        swap: as for `fit_standardisation`. Each direction then is symmetric or antisymmetric:
            the projection of a mirrored clip is that of the clip, or has the other sign.
        seed: decides which clips are looked at where there are more than 1,000.
    """
    chosen = np.random.default_rng(seed).permutation(rows)[:_BASIS_CLIPS]
    rows, bases, start = np.sort(chosen), [], 0
    for name in inputs:
        columns = slice(start, start + math.prod(table.shapes[name]))
        own_scaler = Scaler(mean=scaler.mean[columns], std=scaler.std[columns])
        # Columns are mirrored within their group.
        own_swap = (
            SignedSwap(swap.partner[columns] - columns.start, swap.sign[columns]) if swap else None
        )
        bases.append(_basis(own_scaler(gather(table, [name], rows)), own_swap, width))
        start = columns.stop
    return Projection(bases)


def _basis(features: Tensor, swap: SignedSwap | None, width: int) -> Tensor:
    """Return (d, q): principal directions over the deviation of the group as a whole."""
    clips = len(features) * (2 if swap else 1)
    # A comprehension would hold the first part while the second is made.
    found = list(map(partial(_directions, count=width), _uncorrelated_parts(features, swap)))
    variances = torch.cat([variance for variance, _ in found])
    directions = torch.cat([vectors for _, vectors in found], dim=1)
    kept = torch.argsort(variances, descending=True)[:width]
    kept = kept[variances[kept] > _LEAST_VARIANCE * max(float(variances[kept[0]]), 1e-30)]
    if not kept.numel():
        return torch.zeros(features.shape[1], 1)
    total = variances[kept].sum() / clips
    basis: Tensor = (directions[:, kept] / total.sqrt()).float().contiguous()
    return basis


def _uncorrelated_parts(features: Tensor, swap: SignedSwap | None) -> Iterator[Tensor]:
    """Yield float64 (n, d) whose principal directions together are those of the clips.

    With mirrored clips these are the symmetric and the antisymmetric part, each of which takes as
    many rows as there are clips. The mean face is symmetric, so that the other part has none.
    """
    if not swap:
        values = features.double()
        yield values.sub_(values.mean(dim=0))
        return
    mirrored = torch.from_numpy(swap(features.numpy()))
    values = features.double().add_(mirrored).div_(math.sqrt(2))
    yield values.sub_(values.mean(dim=0))
    del values  # of the largest group 1,000 clips take 115 MB
    yield features.double().sub_(mirrored).div_(math.sqrt(2))


def _directions(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the largest sums of squares (q,), at most `count`, and their directions (d, q)."""
    by_clip = values.shape[0] < values.shape[1]
    gram, vectors = torch.linalg.eigh(values @ values.T if by_clip else values.T @ values)
    gram, vectors = gram[-count:], vectors[:, -count:]
    if by_clip:
        vectors = values.T @ (vectors / gram.clamp(min=1e-30).sqrt())
    return gram, vectors


def mirror_signs(projection: Projection, swap: SignedSwap) -> Tensor:
    """Return what mirroring multiplies the projections by, 1 or -1 each, float32 (q,).

    Args:
        projection: from `fit_projection` with this `swap`.
        swap: how all columns are mirrored.
    """
    signs, start = [], 0
    for index, width in enumerate(projection.widths):
        basis = projection.get_buffer(f"basis_{index}")
        partner = torch.from_numpy(swap.partner[start : start + width] - start)
        sign = torch.from_numpy(swap.sign[start : start + width]).unsqueeze(1)
        overlap = (basis * basis[partner] * sign).sum(dim=0)
        signs.append(torch.where(overlap < 0, -1.0, 1.0))
        start += width
    return torch.cat(signs)


def project(
    table: SplitTable,
    inputs: Sequence[str],
    rows: NDArray[np.intp],
    *,
    scaler: Scaler,
    projection: Projection,
) -> Tensor:
    """Return the projections (n, q) of some clips."""
    parts = list(iter_projected(table, inputs, rows, scaler=scaler, projection=projection))
    return torch.cat(parts) if parts else torch.empty(0, projection.out_features)


def iter_projected(
    table: SplitTable,
    inputs: Sequence[str],
    rows: NDArray[np.intp],
    *,
    scaler: Scaler,
    projection: Projection,
) -> Iterator[Tensor]:
    """Yield the projections (m, q) of some clips piece by piece."""
    for start in range(0, rows.size, _CHUNK_CLIPS):
        features = gather(table, inputs, rows[start : start + _CHUNK_CLIPS])
        yield projection(scaler(features))
