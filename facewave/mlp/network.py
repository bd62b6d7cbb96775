"""The network behind the projections: several small MLPs at once, answering together.

References:
- B. Lakshminarayanan, A. Pritzel, C. Blundell, "Simple and scalable predictive uncertainty
  estimation using deep ensembles", NeurIPS 2017.
- C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On calibration of modern neural networks", ICML 2017
  (temperature, expected calibration error).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from facewave.mlp.options import MlpOptions as MlpOptions
from facewave.mlp.projection import Projection

# The output layer starts smaller than the hidden ones: first answers near to indifference.
_OUTPUT_GAIN = 0.5

# Standard deviation of ln T that is expected before any validation clip is seen.
_TEMPERATURE_DEVIATION = 0.1


class Members(nn.Module):
    """S multilayer perceptrons with weights of their own: linear, GELU, dropout; linear."""

    def __init__(
        self,
        *,
        members: int,
        n_features: int,
        hidden: Sequence[int],
        n_classes: int,
        dropout: float,
    ) -> None:
        """Make the layers; the weights come from torch's global random state."""
        super().__init__()
        widths = [n_features, *hidden, n_classes]
        self.dropout = dropout
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for index, (before, after) in enumerate(pairwise(widths)):
            gain = _OUTPUT_GAIN if index == len(hidden) else 1.0
            self.weights.append(gain * torch.randn(members, before, after) / math.sqrt(before))
            self.biases.append(torch.zeros(members, 1, after))

    def forward(self, features: Tensor) -> Tensor:
        """Return the logits (S, n, C) of projections (n, q), or of each member's own (S, n, q)."""
        # Projected groups have a variance of 1 each; a column then has 1 on average.
        values = features * math.sqrt(features.shape[-1])
        last = len(self.weights) - 1
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            values = torch.baddbmm(bias, values.expand(len(weight), -1, -1), weight)
            if index < last:
                values = functional.gelu(values)
                values = functional.dropout(values, self.dropout, self.training)
        return values


class FusionMlp(nn.Module):
    """Standardised features to logits: projection, members, mean probability, temperature."""

    temperature: Tensor

    def __init__(self, projection: Projection, members: Members, temperature: float = 1.0) -> None:
        """Join the parts; `temperature` divides the logarithm of the mean probability."""
        super().__init__()
        self.projection = projection
        self.members = members
        self.register_buffer("temperature", torch.tensor(temperature))

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (n, C) whose softmax are the calibrated probabilities."""
        logits: Tensor = mean_logits(self.members(self.projection(features))) / self.temperature
        return logits

    @classmethod
    def from_weights(cls, weights: Mapping[str, Tensor], *, dropout: float) -> FusionMlp:
        """Make the network that `state_dict` came from, on the device and with values of it."""
        bases = [value for name, value in weights.items() if name.startswith("projection.")]
        shapes = [value.shape for name, value in weights.items() if ".weights." in name]
        members = Members(
            members=shapes[0][0],
            n_features=shapes[0][1],
            hidden=[shape[2] for shape in shapes[:-1]],
            n_classes=shapes[-1][2],
            dropout=dropout,
        )
        return cls(Projection(bases), members)


def mean_logits(logits: Tensor) -> Tensor:
    """Return the logarithm of the members' mean probability, (n, C) of (S, n, C)."""
    return logits.log_softmax(dim=2).logsumexp(dim=0) - math.log(len(logits))


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return the temperature under which the answers' cross entropy is least.

    Args:
        logits: (n, C) of clips that the model has not learned from.
        labels: int64 (n,).

    Returns:
        a value from 0.25 to 4, on a grid of steps of 2 %. Values far from 1 need many clips: a
        normal prior of ln T stands against a few, which are often of one person.
    """
    grid = torch.logspace(-2, 2, 141, base=2)
    losses = torch.stack(
        [functional.cross_entropy(logits / value, labels, reduction="sum") for value in grid]
    )
    losses += torch.log(grid) ** 2 / (2 * _TEMPERATURE_DEVIATION**2)
    return float(grid[int(losses.argmin())])


class Mlp(nn.Module):
    """Linear, LayerNorm, GELU and dropout for each hidden layer, then a linear output layer.

    LayerNorm does not mix clips, so a last batch of one clip needs no special case.
    """

    def __init__(
        self, *, n_features: int, hidden: Sequence[int], n_classes: int, dropout: float
    ) -> None:
        """Make the layers; the weights come from torch's global random state."""
        super().__init__()
        layers: list[nn.Module] = []
        width = n_features
        for wanted in hidden:
            layers += [
                nn.Linear(width, wanted),
                nn.LayerNorm(wanted),
                nn.GELU(),
                nn.Dropout(dropout),
            ]
            width = wanted
        layers.append(nn.Linear(width, n_classes))
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Return the logits, float32 (n, n_classes), of standardised features (n, n_features)."""
        logits: Tensor = self.layers(features)
        return logits
