"""What `train` is given: a model, its data, its options, and where it writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from facewave.vlm.training.batches import Batch, MakeBatch, Rows
from facewave.vlm.training.tensorboard import EVENTS

Score = Callable[[NDArray[np.float32], Rows], Mapping[str, float]]


class Answer(Protocol):
    """What a model says about a batch: mean loss over its clips, and logits (B, C)."""

    @property
    def loss(self) -> Tensor | None:
        """Scalar; None without labels."""

    @property
    def logits(self) -> Tensor | None:
        """Float (B, C): of classes, or values of a regression; None if the model only writes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Output:
    """The `Answer` of this package's models.

    Attributes:
        loss: scalar float32, the mean over the clips; None without labels or targets.
        logits: float32 (B, C) class logits or log-probabilities; (B, m) values of a regression, in
            the targets' units; None where the answer is only generated.
    """

    loss: Tensor | None
    logits: Tensor | None


class Trainable(Protocol):
    """A `torch.nn.Module` whose frozen part is never written to disk."""

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


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingData:
    """What is trained and validated on.

    Attributes:
        make_batch: makes the batch of some rows.
        train, val: int64 rows that `make_batch` knows.
        outputs: C, the number of values that the model gives for each clip.
        score: of logits (n, C) and their rows; the first of its scores selects the epoch: more is
            better, except of errors (`facewave.evaluation.regression.ERRORS`).
        answer: how the model answers outside of training; None: as in training.
    """

    make_batch: MakeBatch
    train: Rows
    val: Rows
    outputs: int
    score: Score
    answer: Callable[[Batch], Answer] | None = None


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How one stage is trained.

    Attributes:
        epochs: passes over the stage's clips, at most.
        patience: epochs without a better validation score after which training stops.
        learning_rate: AdamW's largest step size.
        rates: by what it is multiplied for each of `facewave.vlm.training.parts.PARTS`; 1 for those
            that are not named.
        weight_decay: AdamW's, for matrices only.
        warmup: fraction of the steps in which the step size grows.
        batch_size: clips in a micro-batch.
        accumulation: micro-batches in an optimiser step, over all GPUs together.
        clip_norm: largest norm of the gradient of a step.
        checkpoint_steps: optimiser steps between two checkpoints.
    """

    epochs: int = 3
    patience: int = 3
    learning_rate: float = 1e-4
    rates: Mapping[str, float] = field(default_factory=dict)
    weight_decay: float = 0.01
    warmup: float = 0.1
    batch_size: int = 4
    accumulation: int = 8
    clip_norm: float = 1.0
    checkpoint_steps: int = 50

    def __post_init__(self) -> None:
        """Refuse values that cannot work.

        Raises:
            ValueError: naming the option.
        """
        for name in ("epochs", "patience", "batch_size", "accumulation", "checkpoint_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} is less than 1")

    @classmethod
    def from_config(cls, section: Mapping[str, Any]) -> TrainingOptions:
        """Return the options in `training` of `facewave.vlm.plan.model_params`."""
        return cls(**{each.name: section[each.name] for each in fields(cls)})


@dataclass(frozen=True, kw_only=True)
class TrainingFiles:
    """Where a training writes.

    Attributes:
        checkpoints: folder of this training alone; outlives the process.
        key: digest of everything that decides the result.
        metrics: CSV, one row per epoch.
        steps: CSV, one row per optimiser step.
        movement: CSV, how far each module moved, written at the end.
    """

    checkpoints: Path
    key: str
    metrics: Path
    steps: Path
    movement: Path

    @property
    def events(self) -> Path:
        """Both tables for tensorboard, beside the steps."""
        return self.steps.with_name(EVENTS)

    def best(self, epoch: int) -> Path:
        """Return the path of the weights of an epoch that was the best so far."""
        return self.checkpoints / f"best-{epoch}.safetensors"

    def delete_other_checkpoints(self, epoch: int) -> None:
        """Remove the weights of the epochs that were the best before this one."""
        for path in self.checkpoints.glob("best-*.safetensors"):
            if path != self.best(epoch):
                path.unlink()
