"""Options of the multilayer perceptron (section `mlp` of the configuration)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from facewave.evaluation.regression import SCORES

HEADS = ("classification", "regression")
LOSSES = ("mse", "huber")

# `projection`: the number of directions is chosen by validation.
AUTO = "auto"
FEWEST_DIRECTIONS = 192


@dataclass(frozen=True, kw_only=True)
class FusionOptions:
    """How feature groups are reduced and fused (section `mlp.fusion`).

    Attributes:
        projection: principal directions kept of each group before the first layer; `auto`: 192, or
            more where there are thousands of clips and the validation part says so.
        standardise: `trajectory`: one standard deviation for all coefficients of a trajectory's
            code; `column`: one for each column.
        label_smoothing: fraction of a target that is spread over all classes.
        mixup: parameter of the Beta distribution from which mixing weights are drawn; 0: no mixup.
        mirror: whether to train on mirrored faces as well.
        schedule: of the learning rate: `cosine` (falling to 0) or `constant`.
        keep: the weights that are kept, of the `best` epoch on the validation part or the `last`.
        refit: whether the model is trained again on training and validation part together, for the
            same number of epochs.
        ensemble: number of networks whose probabilities are averaged.
        calibrate: whether a softmax temperature is fitted on the validation part.
    """

    projection: int | str = AUTO
    standardise: str = "trajectory"
    label_smoothing: float = 0.1
    mixup: float = 0.2
    mirror: bool = True
    schedule: str = "cosine"
    keep: str = "last"
    refit: bool = True
    ensemble: int = 5
    calibrate: bool = True

    @property
    def width(self) -> int:
        """Directions per group; the fewest that are tried where validation is to choose."""
        return self.projection if isinstance(self.projection, int) else FEWEST_DIRECTIONS

    def __post_init__(self) -> None:
        """Refuse values that cannot work.

        Raises:
            ValueError: naming the option.
        """
        conditions = {
            "projection": self.projection == AUTO
            or (isinstance(self.projection, int) and self.projection >= 1),
            "standardise": self.standardise in ("column", "trajectory"),
            "label_smoothing": 0 <= self.label_smoothing < 1,
            "mixup": 0 <= self.mixup < math.inf,
            "schedule": self.schedule in ("constant", "cosine"),
            "keep": self.keep in ("best", "last"),
            "ensemble": self.ensemble >= 1,
        }
        _refuse(self, conditions, section="mlp.fusion")


@dataclass(frozen=True, kw_only=True)
class ValueOptions:
    """What a regression predicts, and how it is judged (section `mlp.targets`).

    Attributes:
        columns: names of the targets, in the order of the outputs.
        loss: `mse` or `huber` (linear beyond one standard deviation).
        score: of the validation part; decides which epoch is kept: `mae` or `rmse` (the lowest),
            `pearson` or `ccc` (the highest).
    """

    columns: tuple[str, ...]
    loss: str = "mse"
    score: str = "mae"

    def __post_init__(self) -> None:
        """Refuse values that cannot work.

        Raises:
            ValueError: naming the option.
        """
        conditions = {
            "columns": bool(self.columns) and len(set(self.columns)) == len(self.columns),
            "loss": self.loss in LOSSES,
            "score": self.score in SCORES,
        }
        _refuse(self, conditions, section="mlp.targets")


@dataclass(frozen=True, kw_only=True)
class MlpOptions:
    """Options of network and training (section `mlp`).

    Attributes:
        inputs: names of the feature groups, in the order in which they are joined.
        hidden: width of each hidden layer; an empty tuple makes a linear model.
        dropout: fraction of activations dropped in training, 0 to below 1.
        learning_rate: AdamW's learning rate.
        weight_decay: AdamW's decoupled weight decay.
        batch_size: clips per training step.
        max_epochs: maximum number of passes over the training part.
        patience: number of epochs without a better validation score after which training stops.
        class_weights: `balanced` (errors are weighted inversely to class frequency) or `none`.
        soft_labels: whether clips with votes are trained on their votes in place of their label.
        fusion: None: the plain MLP, which takes all columns, each standardised by itself, and
            keeps the weights of the best epoch on the validation part.
        head: `classification`, or `regression` of the real values that `targets` names. Of the
            options above, `class_weights`, `fusion.label_smoothing` and `fusion.calibrate` are of
            classes, and a regression does not use them.
        targets: of a regression; None for classes.
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
    fusion: FusionOptions | None = None
    head: str = HEADS[0]
    targets: ValueOptions | None = None

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
            "head": self.head in HEADS,
            "targets": (self.targets is not None) == (self.head == "regression"),
            "soft_labels": not (self.soft_labels and self.targets),
        }
        _refuse(self, conditions, section="mlp")

    @classmethod
    def from_config(cls, section: Mapping[str, Any]) -> MlpOptions:
        """Make options from the configuration's section, whose lists become tuples.

        Raises:
            ValueError: a key is unknown, `inputs` is missing or a value cannot work.
        """
        _check_names(cls, section, section="mlp")
        if "inputs" not in section:
            raise ValueError("mlp.inputs is missing: name the feature groups")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in section.items()
        }
        if values.get("fusion") is not None:
            _check_names(FusionOptions, values["fusion"], section="mlp.fusion")
            values["fusion"] = FusionOptions(**values["fusion"])
        if values.get("targets") is not None:
            _check_names(ValueOptions, values["targets"], section="mlp.targets")
            given = values["targets"]
            values["targets"] = ValueOptions(**{**given, "columns": tuple(given["columns"])})
        return cls(**values)


def _check_names(kind: type, values: Mapping[str, Any], *, section: str) -> None:
    unknown = sorted(set(values) - {field.name for field in fields(kind)})
    if unknown:
        raise ValueError(f"unknown option {section}.{unknown[0]}")


def _refuse(
    options: FusionOptions | MlpOptions | ValueOptions,
    conditions: Mapping[str, bool],
    *,
    section: str,
) -> None:
    for name, holds in conditions.items():
        if not holds:
            raise ValueError(f"{section}.{name} cannot be {getattr(options, name)!r}")
