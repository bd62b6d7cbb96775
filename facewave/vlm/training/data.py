"""What a training needs of a model and of its data, and where it writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from facewave.vlm.training.prefetch import Feed
from facewave.vlm.training.schedule import Rows

Score = Callable[[NDArray[np.float32], Rows], Mapping[str, float]]
Batch = dict[str, Tensor]


class Answer(Protocol):
    """What a model says of a batch: mean loss over its clips, and logits (B, C)."""

    @property
    def loss(self) -> Tensor | None:
        """Scalar; None without labels."""

    @property
    def logits(self) -> Tensor | None:
        """Float (B, C): of classes, or values of a regression; None where only text is said."""


class Trainable(Protocol):
    """A `torch.nn.Module` whose frozen part is never written."""

    def __call__(self, batch: Batch) -> Answer:
        """Answer a batch."""

    def train(self, mode: bool = True) -> Any:
        """Switch dropout."""

    def named_parameters(self) -> Any:
        """Yield names and parameters, frozen ones too."""

    def trainable_state(self) -> dict[str, Tensor]:
        """Return what training changes, by name."""

    def load_trainable_state(self, state: Mapping[str, Tensor]) -> None:
        """Put that back; refuses other names."""


@dataclass(frozen=True, kw_only=True)
class TrainingFiles:
    """Where a training writes.

    Attributes:
        checkpoints: folder of this training alone; outlives the process.
        key: digest of everything that decides the result.
        metrics: CSV, a row an epoch.
        steps: CSV, a row an optimiser step.
    """

    checkpoints: Path
    key: str
    metrics: Path
    steps: Path

    def best(self, epoch: int) -> Path:
        """Return where the weights of an epoch lie that was the best so far."""
        return self.checkpoints / f"best-{epoch}.safetensors"

    def drop_but(self, epoch: int) -> None:
        """Remove the weights of the epochs that were the best before this one."""
        for path in self.checkpoints.glob("best-*.safetensors"):
            if path != self.best(epoch):
                path.unlink()


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingData:
    """What is trained and validated on.

    Attributes:
        feed: makes the batch of some rows.
        train, val: int64 rows that `feed` knows.
        outputs: C, numbers that the model gives a clip.
        score: of logits (n, C) and their rows; the first of its scores selects the epoch, more is
            better.
        answer: how the model is asked outside of training; None: as in training.
    """

    feed: Feed
    train: Rows
    val: Rows
    outputs: int
    score: Score
    answer: Callable[[Batch], Answer] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Output:
    """What a model says of a batch.

    Attributes:
        loss: scalar float32, the mean over the clips; None without labels or targets.
        logits: float32 (B, C) class logits or log-likelihoods; (B, m) values of a regression, in
            the targets' units; None where the answer is only generated, and while whole label
            words are trained.
    """

    loss: Tensor | None
    logits: Tensor | None
