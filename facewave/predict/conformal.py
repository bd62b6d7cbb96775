"""Which classes a clip cannot be excluded from, at a chosen error rate, for people never seen.

A clip's score of a class is one minus the class's probability. A class is excluded when a clip of
it would have a score as high as this one's for at most the chosen share of people: its p-value, the
share of held-out people's clips with scores at least as high, is not above the error rate. Clips of
one person are right and wrong together, so each held-out person weighs the same, however many clips
there are, and the new person weighs as one more, whose scores may be anything. Of K held-out people
the sets can thus promise no error rate below 1 / (K + 1).

References:
- Y. Lee, R. Foygel Barber, R. Willett, "Distribution-free inference with hierarchical data",
  arXiv:2306.06342, 2023: the sets of one model, valid for a clip of a new person ("HCP").
- V. Vovk, "Cross-conformal predictors", Annals of Mathematics and Artificial Intelligence 74, 2015;
  Y. Romano, M. Sesia, E. Candès, "Classification with valid and adaptive coverage", NeurIPS 2020:
  several models, each compared with the people that it has not seen. Their error rate is about the
  chosen one, and at most twice that.
- M. Sadinle, J. Lei, L. Wasserman, "Least ambiguous set-valued classifiers with bounded error
  levels", Journal of the American Statistical Association 114, 2019: the score.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facewave.mlp.held_out import HeldOut


class Conformal:
    """Held-out people of one model, or of several that answer together.

    Attributes:
        people: number of people with scores.
        unit: what they are, in the plural.
    """

    def __init__(self, members: Sequence[HeldOut]) -> None:
        """Take the held-out clips of each model; nobody is held out of two of them.

        People of different models count as different ones.
        """
        self.people = sum(len(np.unique(member.people)) for member in members)
        self.unit = members[0].unit if members else "clips"
        self._scores, self._weights = [], []
        for member in members:
            _, person, clips = np.unique(member.people, return_inverse=True, return_counts=True)
            order = np.argsort(member.scores)
            weights = (1 / clips[person]) / (self.people + 1)
            self._scores.append(member.scores[order])
            # From the highest score down: the weight of all scores from one on.
            tail = np.cumsum(weights[order][::-1])[::-1]
            self._weights.append(np.append(tail, 0.0))

    def p_values(self, probabilities: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Return the p-value of each class for each clip, float64 (n, C).

        Args:
            probabilities: float32 (n, C) of each model, in their order.
        """
        total: NDArray[np.float64] = np.full(probabilities[0].shape, 1 / (self.people + 1))
        for scores, weights, given in zip(self._scores, self._weights, probabilities, strict=True):
            own = (1 - given.astype(np.float64)).astype(np.float32)
            total += weights[np.searchsorted(scores, own, side="left")]
        return total

    def sets(
        self, probabilities: Sequence[NDArray[np.float32]], error_rate: float
    ) -> NDArray[np.bool_]:
        """Return which classes a clip cannot be excluded from, bool (n, C)."""
        # Sums of weights that make up the rate exactly may come out a rounding error above it.
        return self.p_values(probabilities) > error_rate + 1e-9

    @property
    def least_error_rate(self) -> float:
        """The lowest error rate that can be promised with so few people."""
        return 1 / (self.people + 1)


def people_needed(error_rate: float) -> int:
    """Return how many held-out people an error rate needs."""
    return max(1, math.ceil(1 / error_rate - 1e-9) - 1)
