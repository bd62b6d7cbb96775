"""A trained MLP as its first layer, which is linear in the standardised columns, and the rest.

The first layer, or the projection before it, is a sum over columns (see
`facewave.mlp.network.MlpNetwork.first_layer`). What a group of columns adds to it can be found
without the others, and exchanged between clips without the features being read again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewave.mlp.model import TrainedMlp
from facewave.mlp.standardise import Scaler
from facewave.splits.read import SplitTable

_CHUNK_CLIPS = 512


class FirstLayer:
    """The first layer of a model, column by column.

    Attributes:
        width: number of values that the first layer gives.
    """

    def __init__(self, model: TrainedMlp) -> None:
        """Take a model apart; its tensors are shared, not copied."""
        self._network = model.network
        sizes = [math.prod(shape) for shape in model.shapes.values()]
        means, stds = (
            torch.split(values, sizes) for values in (model.scaler.mean, model.scaler.std)
        )
        self._scalers = {
            name: Scaler(mean=mean, std=std)
            for name, mean, std in zip(model.shapes, means, stds, strict=True)
        }
        matrices = model.network.first_layer(sizes)
        self._matrices = dict(zip(model.shapes, matrices, strict=True))
        self.width = max(start + matrix.shape[1] for start, matrix in matrices)

    def contribution(
        self,
        table: SplitTable,
        rows: NDArray[np.intp],
        columns: Mapping[str, NDArray[np.int64]],
    ) -> Tensor:
        """Return what some columns add to the first layer's values, float32 (len(rows), width).

        Args:
            table: a part with the model's inputs.
            rows: valid clips.
            columns: input of the model to positions in its flat array.
        """
        total = torch.zeros(rows.size, self.width)
        for name, chosen in columns.items():
            scaler = self._scalers[name]
            some = Scaler(mean=scaler.mean[chosen], std=scaler.std[chosen])
            first, matrix = self._matrices[name]
            place = slice(first, first + matrix.shape[1])
            for start in range(0, rows.size, _CHUNK_CLIPS):
                part = slice(start, start + _CHUNK_CLIPS)
                values = torch.from_numpy(table.groups[name][np.ix_(rows[part], chosen)])
                total[part, place] += some(values) @ matrix[chosen]
        return total

    def log_probabilities(self, sums: Tensor) -> NDArray[np.float32]:
        """Return what the model answers to the sum of all columns' contributions, (n, C)."""
        self._network.eval()
        with torch.inference_mode():
            logits = self._network.after_first_layer(sums)
            answers: NDArray[np.float32] = logits.log_softmax(dim=1).numpy()
        return answers
