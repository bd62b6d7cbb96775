"""What decides a training of a vision-language model, apart from the model and its data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from facewave.vlm.names import DTYPES


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """One stage's training.

    Attributes:
        epochs: passes over the stage's clips, at most.
        patience: epochs without a better validation score after which training stops.
        learning_rate: AdamW's largest step size.
        weight_decay: AdamW's, of matrices only.
        warmup: share of the steps in which the step size grows.
        batch_size: clips in a micro-batch.
        accumulation: micro-batches in an optimiser step, over all GPUs together.
        clip_norm: largest norm of the gradient of a step.
        dtype: `bfloat16` (autocast; the trained weights stay float32) or `float32`.
        checkpoint_steps: optimiser steps between two checkpoints.
    """

    epochs: int = 3
    patience: int = 3
    learning_rate: float = 5e-5
    weight_decay: float = 0.01
    warmup: float = 0.1
    batch_size: int = 4
    accumulation: int = 8
    clip_norm: float = 1.0
    dtype: str = "bfloat16"
    checkpoint_steps: int = 50

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with.

        Raises:
            ValueError: saying what to do.
        """
        if self.dtype not in DTYPES:
            raise ValueError(
                f"vlm.dtype: {self.dtype!r} cannot be trained in: one of {', '.join(DTYPES)} "
                "(activations of Gemma exceed float16's largest number, 65504, and become infinite)"
            )
        for name in ("epochs", "patience", "batch_size", "accumulation", "checkpoint_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} is less than 1")

    @classmethod
    def from_config(cls, section: Mapping[str, Any]) -> TrainingOptions:
        """Return the options out of `training` of `facewave.vlm.plan.model_params`."""
        return cls(**{field.name: section[field.name] for field in fields(cls)})
