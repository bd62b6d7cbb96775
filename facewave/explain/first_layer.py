"""A trained MLP as what it does first, which is linear in the standardised columns, and the rest.

The first step is a sum over columns: the projection of a `FusionMlp`, the first layer of an `Mlp`.
What a group of columns adds to it can be found without the others, and exchanged between clips
without the features being read again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facewave.mlp.model import TrainedMlp
from facewave.mlp.network import FusionMlp, Mlp, mean_logits
from facewave.mlp.standardise import Scaler
from facewave.splits.read import SplitTable

_CHUNK_CLIPS = 512


class LinearFront:
    """The first step of a model, column by column.

    Attributes:
        width: number of values that the first step gives.
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
        matrices, starts, self.width = _matrices(model, sizes)
        self._matrices = dict(zip(model.shapes, matrices, strict=True))
        self._starts = dict(zip(model.shapes, starts, strict=True))

    def contribution(
        self,
        table: SplitTable,
        rows: NDArray[np.intp],
        columns: Mapping[str, NDArray[np.int64]],
    ) -> Tensor:
        """Return what some columns add to the first step, float32 (len(rows), width).

        Args:
            table: a part with the model's inputs.
            rows: valid clips.
            columns: input of the model to positions in its flat array.
        """
        total = torch.zeros(rows.size, self.width)
        for name, chosen in columns.items():
            scaler = self._scalers[name]
            some = Scaler(mean=scaler.mean[chosen], std=scaler.std[chosen])
            matrix = self._matrices[name][chosen]
            place = slice(self._starts[name], self._starts[name] + matrix.shape[1])
            for start in range(0, rows.size, _CHUNK_CLIPS):
                part = slice(start, start + _CHUNK_CLIPS)
                values = torch.from_numpy(table.groups[name][np.ix_(rows[part], chosen)])
                total[part, place] += some(values) @ matrix
        return total

    def log_probabilities(self, sums: Tensor) -> NDArray[np.float32]:
        """Return what the model answers to the sum of all columns' contributions, (n, C)."""
        network = self._network
        network.eval()
        with torch.inference_mode():
            if isinstance(network, FusionMlp):
                logits = mean_logits(network.members(sums)) / network.temperature
            else:
                layers = _plain_layers(network)
                logits = layers[1:](sums + layers[0].get_parameter("bias"))
            answers: NDArray[np.float32] = logits.log_softmax(dim=1).numpy()
        return answers


def _matrices(model: TrainedMlp, sizes: list[int]) -> tuple[list[Tensor], list[int], int]:
    """Return each input's matrix (columns, values), the place of its first value, and the width."""
    network = model.network
    if isinstance(network, FusionMlp):
        bases = [network.projection.get_buffer(f"basis_{i}") for i in range(len(sizes))]
        widths = [basis.shape[1] for basis in bases]
        return bases, np.cumsum([0, *widths[:-1]]).tolist(), sum(widths)
    weight = _plain_layers(network)[0].get_parameter("weight").detach()
    return [part.T for part in torch.split(weight, sizes, dim=1)], [0] * len(sizes), len(weight)


def _plain_layers(network: nn.Module) -> nn.Sequential:
    if not isinstance(network, Mlp):
        raise TypeError(f"no network of this workflow: {type(network).__name__}")
    return network.layers
