"""Whether to trust an answer, and in one sentence why not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from facewave.messages import listed
from facewave.predict.conformal import Conformal, people_needed
from facewave.predict.model import Predictor

# Percentile of the distance to the training clips above which a clip is unlike them.
FAR = 99.0
# Share of a video's windows that must show a face.
LEAST_WINDOWS = 0.5


@dataclass(frozen=True, kw_only=True)
class Judge:
    """What decides whether an answer is trusted.

    Attributes:
        model: whose answers.
        error_rate: share of wrong sets that is accepted, above 0 and below 1.
    """

    model: Predictor
    error_rate: float

    @cached_property
    def doubt(self) -> str:
        """Return why the model can promise nothing for new people; empty if it can."""
        conformal, needed = self.model.conformal, people_needed(self.error_rate)
        if conformal.people < needed:
            lowest = math.ceil(1000 * conformal.least_error_rate) / 1000
            return (
                f"no error rate of {self.error_rate:g} can be promised: the model was checked on "
                f"{_count(conformal)} that it had not learned from, {needed} are "
                f"needed ({lowest:g} is the lowest rate for predict.error_rate)"
            )
        if self.model.new_people is False:
            return "the model was only checked on people that it had learned from"
        return ""

    def sets(self, of_members: Sequence[NDArray[np.float32]]) -> list[list[str]]:
        """Return, for each of n clips, the classes that it cannot be excluded from."""
        kept = self.model.conformal.sets(of_members, self.error_rate)
        classes = self.model.classes
        return [[name for name, here in zip(classes, row, strict=True) if here] for row in kept]

    def why(self, classes: Sequence[str], distance: float) -> str:
        """Return why not to trust an answer; empty if it is trusted.

        Args:
            classes: that the clip cannot be excluded from.
            distance: percentile; NaN if not known.
        """
        reasons = [self.doubt] if self.doubt else []
        if not reasons and not classes:
            reasons.append(f"no class fits at an error rate of {self.error_rate:g}")
        elif not reasons and len(classes) == len(self.model.classes):
            reasons.append(f"no class can be excluded at an error rate of {self.error_rate:g}")
        elif not reasons and len(classes) > 1:
            reasons.append(
                f"{listed(classes)} cannot be told apart at an error rate of {self.error_rate:g}"
            )
        if distance > FAR:
            reasons.append(
                f"unlike the training clips: {distance:.0f} % of the clips that the model was "
                "checked on are nearer to them"
            )
        return "; ".join(reasons)


def _count(conformal: Conformal) -> str:
    unit = conformal.unit if conformal.people != 1 else conformal.unit.removesuffix("s")
    return f"{conformal.people} {unit}"
