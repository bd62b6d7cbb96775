"""Project the standardised features, group by group, on the directions in which they vary.

A clip has tens of thousands of features, but a training part often has only hundreds of clips. The
projection keeps their span, so nothing is lost; outside of it there is only noise to learn. Each
group is scaled to a total variance of 1, so that 2,000 landmark energies have no more weight than
the 30 numbers of the head's pose.
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
from facewave.mlp.network import Projection
from facewave.mlp.standardise import Scaler, clip_chunks, gather
from facewave.splits.read import SplitTable

# Clips from which the directions are computed: their Gram matrix is the expensive part. Of these
# clips there are at least so many, and so many for each direction.
_BASIS_CLIPS = 1000
_CLIPS_PER_DIRECTION = 4
# Directions with less than this fraction of the largest variance are rounding errors.
_LEAST_VARIANCE = 1e-8
_CHUNK_CLIPS = 64
# So many standardised features are held (128 MB); more are read from the table whenever needed.
HELD_FEATURES = 2**25


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
        table, inputs, rows: as for `fit_scaler`.
        scaler: what standardises them.
        width: directions per group, at most.
        swap: as for `fit_scaler`. Each direction is then symmetric or antisymmetric: the projection
            of a mirrored clip is that of the clip, or has the opposite sign.
        seed: decides which clips are used if there are more than 1,000, and than 4 per direction.
    """
    count = max(_BASIS_CLIPS, _CLIPS_PER_DIRECTION * width)
    rows, bases, start = stratified(rows, table.labels[rows], count=count, seed=seed), [], 0
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


def stratified(
    rows: NDArray[np.intp], labels: NDArray[np.int64], *, count: int, seed: int
) -> NDArray[np.intp]:
    """Return some clips, as many of each class as there are or as the other classes leave room for.

    Drawn from all clips alike, a class of one in a hundred would have no say in the directions.

    Args:
        rows: int (m,), the clips.
        labels: int64 (m,), of these.
        count: how many to return; all if there are not more.
        seed: of the drawing.

    Returns:
        int (min(m, count),), sorted
    """
    if rows.size <= count:
        return np.sort(rows)
    order = np.random.default_rng(seed).permutation(rows.size)
    turn = np.empty(rows.size, np.int64)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        turn[members] = np.arange(members.size)
    # The first of each class, then the second of each, and so on.
    first = order[np.argsort(turn[order], kind="stable")][:count]
    return np.sort(rows[first])


def _basis(features: Tensor, swap: SignedSwap | None, width: int) -> Tensor:
    """Return (d, q): principal directions divided by the deviation of the group as a whole."""
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
    """Return the factor that mirroring multiplies each projection by, 1 or -1, float32 (q,).

    Args:
        projection: from `fit_projection` with this `swap`.
        swap: how all columns are mirrored.
    """
    signs, start = [], 0
    for basis in projection.bases:
        columns = slice(start, start + basis.shape[0])
        partner = torch.from_numpy(swap.partner[columns] - start)
        sign = torch.from_numpy(swap.sign[columns]).unsqueeze(1)
        overlap = (basis * basis[partner] * sign).sum(dim=0)
        signs.append(torch.where(overlap < 0, -1.0, 1.0))
        start = columns.stop
    return torch.cat(signs)


class ClipValues:
    """What the network takes of a part's valid clips: their projections, or without a projection
    their standardised features.

    Projections are computed once and held in memory: about 4 kB per clip. Features, twenty times as
    much, are held where clips are few, and otherwise read from the table whenever they are needed.

    Attributes:
        width: of a clip's values.
    """

    def __init__(
        self,
        table: SplitTable,
        inputs: Sequence[str],
        *,
        scaler: Scaler,
        projection: Projection | None,
    ) -> None:
        """Project the clips if there is a projection."""
        self._table, self._inputs, self._scaler = table, inputs, scaler
        self._rows = np.flatnonzero(table.valid)
        self._held: Tensor | None = None
        self._chunk = self._rows.size if projection else _CHUNK_CLIPS
        self.width = projection.out_features if projection else scaler.mean.numel()
        if projection or self._rows.size * self.width <= HELD_FEATURES:
            self._held = torch.empty(self._rows.size, self.width)
            for start in range(0, self._rows.size, _CHUNK_CLIPS):
                clips = slice(start, start + _CHUNK_CLIPS)
                features = self._features(self._rows[clips])
                self._held[clips] = projection(features) if projection else features

    def __getitem__(self, clips: Tensor) -> Tensor:
        """Return float32 (..., width) of clips, int64 (...) from 0 among the valid ones."""
        rows = clips.flatten()
        if self._held is None:
            found = self._features(self._rows[rows.numpy()])
        else:
            found = self._held.index_select(0, rows)
        return found.reshape(*clips.shape, self.width)

    def in_order(self) -> Iterator[Tensor]:
        """Yield the values of all clips: projections at once, features chunk by chunk."""
        if self._held is not None:
            yield from torch.split(self._held, self._chunk)
        else:
            for rows in clip_chunks(self._rows, self._chunk):
                yield self._features(rows)

    def _features(self, rows: NDArray[np.intp]) -> Tensor:
        return self._scaler(gather(self._table, self._inputs, rows))
