"""Clips that a model did not learn from: what says how far its answers can be trusted.

Their answers tell which classes a new clip cannot be excluded from (`facewave.predict.conformal`),
and their distances to the training clips how far away a new clip may lie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewave.evaluation.units import SUBJECTS, Origin, units_of
from facewave.mlp.projection import ClipValues

# Of the mean variance, added to that of each direction: few clips underestimate the small ones.
_SHRINKAGE = 0.1


@dataclass(frozen=True, kw_only=True, eq=False)
class Spread:
    """Where the training clips lie in the directions that the network sees, float32 (q,) each."""

    mean: Tensor
    std: Tensor

    def distances(self, values: Tensor) -> NDArray[np.float32]:
        """Return the distances of clips from the training clips, float32 (n,).

        It is Mahalanobis's distance with the directions taken as uncorrelated, which the principal
        ones of a group are, over the root of their number: a little below 1 for a training clip.

        Args:
            values: float32 (n, q), projections, or without a projection standardised features.
        """
        scaled: NDArray[np.float32] = (
            ((values - self.mean) / self.std).square().mean(dim=1).sqrt().numpy()
        )
        return scaled


def fit_spread(values: ClipValues) -> Spread:
    """Measure where a part's valid clips lie."""
    total, squares, count = torch.zeros(1), torch.zeros(1), 0
    for chunk in values.in_order():
        exact = chunk.double()
        total, squares = total + exact.sum(dim=0), squares + exact.square().sum(dim=0)
        count += len(chunk)
    mean = total / count
    variance = (squares / count - mean.square()).clamp(min=0)
    variance += _SHRINKAGE * variance.mean() + 1e-12
    return Spread(mean=mean.float(), std=variance.sqrt().float())


def distances_of(spread: Spread, values: ClipValues) -> NDArray[np.float32]:
    """Return the distances of a part's valid clips, float32 (n,)."""
    return np.concatenate([spread.distances(chunk) for chunk in values.in_order()])


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """The valid clips of a part that was not learned from; row i of every array is one clip.

    Attributes:
        scores: float32 (n,), one minus the probability that the model gave the true class; none
            (n = 0) of a regression.
        distances: float32 (n,), see `Spread.distances`.
        people: int64 (n,), whose clip it is, numbered from 0; where the person is not known the
            recording, else the clip.
        unit: what `people` numbers, in the plural (`facewave.evaluation.units`).
        new_people: whether none of the people is in the training part; None: not known.
    """

    scores: NDArray[np.float32]
    distances: NDArray[np.float32]
    people: NDArray[np.int64]
    unit: str = "clips"
    new_people: bool | None = None


def held_out_clips(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.int64],
    distances: NDArray[np.float32],
) -> HeldOut:
    """Return what the answers for some valid clips say, each clip taken for another person's.

    Args:
        probabilities: float32 (n, C).
        labels: int64 (n,).
        distances: float32 (n,).
    """
    rows = np.arange(len(labels))
    scores = (1 - probabilities[rows, labels].astype(np.float64)).astype(np.float32)
    return HeldOut(scores=scores, distances=distances, people=rows.astype(np.int64))


def with_people(
    found: HeldOut,
    clip_ids: Sequence[str],
    origins: Mapping[str, Origin],
    trained: Mapping[str, Origin],
) -> HeldOut:
    """Return the same with the people that the clips show.

    Args:
        found: as a training returned it.
        clip_ids: of its clips.
        origins: where these come from.
        trained: where the clips of the training part come from.
    """
    subjects = {origins[clip_id].subject for clip_id in clip_ids if clip_id in origins}
    if None not in subjects:
        # One person is one unit, however few that leaves.
        names = sorted(str(name) for name in subjects)
        number = {name: index for index, name in enumerate(names)}
        people = np.array([number[str(origins[c].subject)] for c in clip_ids], np.int64)
        known = {origin.subject for origin in trained.values()}
        new = None if None in known else not known & subjects
        return replace(found, people=people, unit=SUBJECTS, new_people=new)
    units = units_of(clip_ids, origins)
    return replace(found, people=units.of_clip, unit=units.kind, new_people=None)


def as_plain(found: HeldOut) -> dict[str, Any]:
    """Return held-out clips as lists and plain values."""
    return {
        "scores": found.scores.tolist(),
        "distances": found.distances.tolist(),
        "people": found.people.tolist(),
        "unit": found.unit,
        "new_people": found.new_people,
    }


def from_plain(values: Mapping[str, Any]) -> HeldOut:
    """Return what `as_plain` made plain.

    Raises:
        ValueError: a key is missing, or the lists are not of one length.
    """
    try:
        found = HeldOut(
            scores=np.array(values["scores"], np.float32),
            distances=np.array(values["distances"], np.float32),
            people=np.array(values["people"], np.int64),
            unit=str(values["unit"]),
            new_people=values["new_people"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"held-out clips: lack or misstate {error}") from None
    if not len(found.scores) == len(found.distances) == len(found.people):
        raise ValueError("held-out clips: expected lists of one length")
    return found
