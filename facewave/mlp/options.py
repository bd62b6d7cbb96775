"""Options of the multilayer perceptron (section `mlp` of the configuration)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, kw_only=True)
class MlpOptions:
    """Options of network and training (section `mlp` of the configuration).

    Attributes:
        inputs: names of the feature groups, in the order in which they are joined.
        hidden: width of each hidden layer; none makes it a linear model.
        dropout: share of activations dropped in training, 0 to below 1.
        learning_rate: AdamW's step size.
        weight_decay: AdamW's decoupled weight decay.
        batch_size: clips in a step.
        max_epochs: passes over the training part, at most.
        patience: epochs without a better validation score after which training stops.
        class_weights: `balanced` (errors weigh inversely to class frequency) or `none`.
        soft_labels: whether clips with votes are learned by their votes, not by their label.
        projection: principal directions kept of each group before the first layer; 0: none, and
            none of what follows (see `mlp_training` for that, `mlp_fusion_training` for this).
        standardise: `column`, or `trajectory`: one deviation for all coefficients of a code.
        label_smoothing: share of a target that is spread over all classes.
        mixup: parameter of the Beta distribution that clips are mixed by; 0: no mixing.
        mirror: whether mirrored faces are trained on as well.
        schedule: of the step size: `cosine` (falling to 0) or `constant`.
        keep: weights of the `best` epoch on the validation part, or of the `last`.
        refit: whether the model is trained again on both parts, for as many epochs.
        ensemble: networks that answer together.
        calibrate: whether a temperature is fitted on the validation part.
        in_memory: whether the parts' features are held in memory: True, False or `auto`. It is
            for who reads the parts (see `mlp_data`); training takes what it is given.
    """

    inputs: tuple[str, ...]
    hidden: tuple[int, ...] = (256, 128)
    dropout: float = 0.3
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    batch_size: int = 32
    max_epochs: int = 200
    patience: int = 30
    class_weights: str = "balanced"
    soft_labels: bool = False
    projection: int = 0
    standardise: str = "column"
    label_smoothing: float = 0.0
    mixup: float = 0.0
    mirror: bool = False
    schedule: str = "constant"
    keep: str = "best"
    refit: bool = False
    ensemble: int = 1
    calibrate: bool = False
    in_memory: bool | str = "auto"

    def __post_init__(self) -> None:
        """Refuse values that cannot work.

        Raises:
            ValueError: naming the option.
        """
        conditions = {
            "inputs": bool(self.inputs) and len(set(self.inputs)) == len(self.inputs),
            "hidden": all(width >= 1 for width in self.hidden),
            "dropout": 0 <= self.dropout < 1,
            "learning_rate": 0 < self.learning_rate < math.inf,
            "weight_decay": 0 <= self.weight_decay < math.inf,
            "batch_size": self.batch_size >= 1,
            "max_epochs": self.max_epochs >= 1,
            "patience": self.patience >= 1,
            "class_weights": self.class_weights in ("balanced", "none"),
            "projection": self.projection >= 0,
            "standardise": self.standardise in ("column", "trajectory"),
            "label_smoothing": 0 <= self.label_smoothing < 1,
            "mixup": 0 <= self.mixup < math.inf,
            "schedule": self.schedule in ("constant", "cosine"),
            "keep": self.keep in ("best", "last"),
            "ensemble": self.ensemble >= 1,
            "in_memory": self.in_memory in (True, False, "auto"),
        }
        for name, holds in conditions.items():
            if not holds:
                raise ValueError(f"mlp.{name} cannot be {getattr(self, name)!r}")

    @classmethod
    def from_config(cls, section: Mapping[str, Any]) -> MlpOptions:
        """Make options from the configuration's section, whose lists become tuples.

        Raises:
            ValueError: a key is unknown, `inputs` is missing or a value cannot work.
        """
        unknown = sorted(set(section) - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(f"unknown option mlp.{unknown[0]}")
        if "inputs" not in section:
            raise ValueError("mlp.inputs is missing: name the feature groups")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in section.items()
        }
        return cls(**values)
