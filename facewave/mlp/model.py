"""A multilayer perceptron on feature groups: network and prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facewave.mlp.options import MlpOptions as MlpOptions
from facewave.mlp.standardise import (
    _CHUNK_CLIPS,
    Scaler,
    _chunks,
    check_features,
    check_same_features,
    gather,
)
from facewave.splits.read import SplitTable
from facewave.training import use_threads


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedMlp:
    """All that prediction needs, and where it comes from.

    Attributes:
        network: with the weights of the best epoch.
        scaler: of the training part.
        prior: float32 (C,), class frequencies over all clips of the training part.
        options: as trained.
        classes: C names.
        shapes: shape of each input group.
        seed: of initialisation, batch order and dropout.
        best_epoch: from 1.
        split_metadata: metadata of the training part's file (feature options, digest).
    """

    network: nn.Module
    scaler: Scaler
    prior: Tensor
    options: MlpOptions
    classes: tuple[str, ...]
    shapes: dict[str, tuple[int, ...]]
    seed: int
    best_epoch: int
    split_metadata: dict[str, Any]


def predict(model: TrainedMlp, table: SplitTable, *, threads: int = 1) -> NDArray[np.float32]:
    """Return class probabilities.

    An invalid clip, of which there are no features, gets the class frequencies of the training
    part: its answer is the majority class. Scores thus count every clip; to drop the clips that
    could not be tracked would flatter the model.

    Args:
        model: from training or a checkpoint.
        table: with the model's input groups.
        threads: torch's threads inside an operation.

    Returns:
        float32 (n, C); rows sum to 1.

    Raises:
        ValueError: classes, groups, shapes or feature options are not those of the training.
    """
    check_compatible(model, table)
    check_features(table, model.options.inputs, part="predicted")
    probabilities = np.tile(model.prior.numpy(), (len(table), 1))
    model.network.eval()
    with use_threads(threads), torch.inference_mode():
        for rows in _chunks(np.flatnonzero(table.valid), _CHUNK_CLIPS):
            features = model.scaler(gather(table, model.options.inputs, rows))
            probabilities[rows] = model.network(features).softmax(dim=1).numpy()
    return probabilities


def check_compatible(model: TrainedMlp, table: SplitTable) -> None:
    """Refuse a table whose columns mean something else than in training.

    Raises:
        ValueError: saying what differs.
    """
    if table.classes != model.classes:
        raise ValueError(
            f"the model knows the classes {', '.join(model.classes)}; "
            f"the split has {', '.join(table.classes)}"
        )
    for name, shape in model.shapes.items():
        if name in table.shapes and table.shapes[name] != shape:
            raise ValueError(
                f"the model was trained on {name!r} of shape {shape}; "
                f"the split has {table.shapes[name]}: train again on the new features"
            )
    check_same_features(model.split_metadata, table.metadata)
