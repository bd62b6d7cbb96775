"""A model to predict with: one trained network, or several that answer together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facewave.mlp.held_out import HeldOut
from facewave.mlp.model import TrainedMlp, distances, load_checkpoint, predict
from facewave.predict.conformal import Conformal
from facewave.predict.description import ModelError
from facewave.splits.baseline import RULE
from facewave.splits.read import SplitTable


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """What a model says of n clips.

    Attributes:
        probabilities: float32 (n, C), means over the members.
        of_members: the same of each member.
        distances: float32 (n,), percentile (0 to 100) of the distance to the training clips among
            those of the held-out clips; NaN if the clip is not valid. A mean over the members.
    """

    probabilities: NDArray[np.float32]
    of_members: list[NDArray[np.float32]]
    distances: NDArray[np.float32]


class Predictor(Protocol):
    """What answers for clips: networks on features, or a vision-language model."""

    @property
    def name(self) -> str:
        """Of the model, for tables."""

    @property
    def sha256(self) -> str:
        """Of its weights."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the C classes."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The feature groups that it reads, to the shape of a clip's array."""

    @property
    def networks(self) -> int:
        """How many answer together."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What the splits say that it was trained on: `features` and `tracks`."""

    @property
    def baseline(self) -> Mapping[str, Any] | None:
        """The rule of the person's baseline; None without one."""

    @property
    def held_out_part(self) -> str:
        """Which clips it was checked on, `validation` or `test`."""

    @property
    def conformal(self) -> Conformal:
        """What says which classes a clip cannot be excluded from."""

    @property
    def new_people(self) -> bool | None:
        """Whether the people it was checked on were never trained on; None: not known."""

    def answer(self, table: SplitTable, *, threads: int = 1) -> Answers:
        """Answer for the clips of a table."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedModel:
    """Networks that answer together, and the people that none of them has seen.

    Attributes:
        name: of the model, for tables.
        sha256: of its weights.
        members: at least one, with the same classes, inputs and feature options.
        held_out: of each member; clips that it did not learn from.
        held_out_part: which clips these are, `validation` or `test`.
        trained_on: what a bundle says of the data.
    """

    name: str
    sha256: str
    members: Sequence[TrainedMlp]
    held_out: Sequence[HeldOut]
    held_out_part: str
    trained_on: Mapping[str, Any] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the C classes."""
        return self.members[0].classes

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The feature groups that they read, to the shape of a clip's array."""
        return self.members[0].shapes

    @property
    def networks(self) -> int:
        """Number of members."""
        return len(self.members)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What the splits say that the first member was trained on."""
        return self.members[0].split_metadata

    @property
    def baseline(self) -> Mapping[str, Any] | None:
        """The rule of the person's baseline (`facewave.splits.baseline`); None without one."""
        rule: Mapping[str, Any] | None = self.metadata.get(RULE)
        return rule

    @cached_property
    def conformal(self) -> Conformal:
        """What says which classes a clip cannot be excluded from."""
        return Conformal(self.held_out)

    @property
    def new_people(self) -> bool | None:
        """Whether the held-out people were never trained on; None: not known."""
        known = {found.new_people for found in self.held_out}
        return False if False in known else None if None in known else True

    def answer(self, table: SplitTable, *, threads: int = 1) -> Answers:
        """Answer for the clips of a table.

        Raises:
            ValueError: its columns do not mean the same as in training.
        """
        of_members = [predict(member, table, threads=threads) for member in self.members]
        far = [
            percentiles(distances(member, table, threads=threads), found.distances)
            for member, found in zip(self.members, self.held_out, strict=True)
        ]
        mean = np.stack(of_members).astype(np.float64).mean(axis=0)
        return Answers(
            probabilities=of_members[0] if len(of_members) == 1 else mean.astype(np.float32),
            of_members=of_members,
            distances=np.stack(far).astype(np.float64).mean(axis=0).astype(np.float32),
        )


def percentiles(values: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the share of others that are not above each value, in percent; NaN stays NaN."""
    if not len(others):
        return np.full(len(values), np.nan, np.float32)
    below = np.searchsorted(np.sort(others), values, side="right")
    share = (100 * below / len(others)).astype(np.float32)
    return np.where(np.isnan(values), np.float32(np.nan), share).astype(np.float32)


def model_of(
    name: str,
    members: Sequence[TrainedMlp],
    held_out: Sequence[HeldOut],
    *,
    sha256: str,
    held_out_part: str,
) -> LoadedModel:
    """Join members to a model.

    Raises:
        ModelError: they predict values, or do not belong together.
    """
    if any(member.scale is not None for member in members):
        raise ModelError(
            f"{name}: predicts values, not classes; train with mlp.head: classification"
        )
    first = members[0]
    for member in members[1:]:
        same = all(
            member.split_metadata.get(key) == first.split_metadata.get(key)
            for key in ("features", "tracks", RULE)
        )
        if not same or member.classes != first.classes or member.shapes != first.shapes:
            raise ModelError(
                f"{name}: its members were trained on different features or classes; train all "
                "folds with one configuration"
            )
    return LoadedModel(
        name=name,
        sha256=sha256,
        members=members,
        held_out=held_out,
        held_out_part=held_out_part,
    )


def open_checkpoint(path: Path) -> LoadedModel:
    """Read a fold's checkpoint as a model of one member.

    Raises:
        FileNotFoundError: there is no such file.
        ModelError: it cannot be used.
    """
    try:
        member = load_checkpoint(path)
    except ValueError as error:
        raise ModelError(str(error)) from None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    # As in results/DATASET/mlp/PROTOCOL/FOLD/checkpoint.pt.
    name = "/".join(part for part in path.parts[-5:-1] if part != "mlp") or path.stem
    return model_of(name, [member], [member.held_out], sha256=digest, held_out_part="validation")
