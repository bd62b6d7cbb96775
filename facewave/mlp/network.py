"""The network: feature groups, projected or not, to the logits of the classes or to values.

References:
- B. Lakshminarayanan, A. Pritzel, C. Blundell, "Simple and scalable predictive uncertainty
  estimation using deep ensembles", NeurIPS 2017.
- C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On calibration of modern neural networks", ICML 2017
  (temperature, expected calibration error).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from facewave.mlp.options import MlpOptions

# The output layer starts smaller than the hidden ones: the first predictions are near uniform.
_OUTPUT_GAIN = 0.5

# Prior standard deviation of ln T.
_TEMPERATURE_DEVIATION = 0.1


class Projection(nn.Module):
    """Standardised features (n, d) to the joined projections (n, q) of their groups.

    Attributes:
        widths: number of features of each group.
        bases: buffers `basis_0` … float32 (d_g, q_g).
    """

    def __init__(self, bases: Sequence[Tensor]) -> None:
        """Take one basis per group, in the order of the groups."""
        super().__init__()
        self.widths = [basis.shape[0] for basis in bases]
        for index, basis in enumerate(bases):
            self.register_buffer(f"basis_{index}", basis)

    @property
    def bases(self) -> list[Tensor]:
        """The basis of each group."""
        return [self.get_buffer(f"basis_{index}") for index in range(len(self.widths))]

    @property
    def out_features(self) -> int:
        """Width of the joined projections."""
        return sum(basis.shape[1] for basis in self.bases)

    def forward(self, features: Tensor) -> Tensor:
        """Project the groups and join them."""
        parts = torch.split(features, self.widths, dim=1)
        return torch.cat([part @ basis for part, basis in zip(parts, self.bases, strict=True)], 1)


class Ensemble(nn.Module):
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
        # Where set: one per seed, each for its own, equal number of members.
        self.generators: Sequence[torch.Generator] = ()
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
                values = self._dropped(functional.gelu(values))
        return values

    def _dropped(self, values: Tensor) -> Tensor:
        if not (self.training and self.generators):
            return functional.dropout(values, self.dropout, self.training)
        kept = torch.empty_like(values)
        for part, generator in zip(kept.chunk(len(self.generators)), self.generators, strict=True):
            part.bernoulli_(1 - self.dropout, generator=generator)
        return values * kept.div_(1 - self.dropout)

    def members(self, start: int, stop: int) -> Ensemble:
        """Return some of the networks as an ensemble that shares their memory."""
        taken = Ensemble.__new__(Ensemble)
        nn.Module.__init__(taken)
        taken.dropout, taken.generators = self.dropout, ()
        taken.weights, taken.biases = (
            nn.ParameterList(parameter.detach()[start:stop] for parameter in parameters)
            for parameters in (self.weights, self.biases)
        )
        return taken


def plain_layers(
    *, n_features: int, hidden: Sequence[int], n_classes: int, dropout: float
) -> nn.Sequential:
    """Make linear, LayerNorm, GELU and dropout for each hidden layer, then a linear output layer.

    LayerNorm does not mix clips, so a last batch of one clip needs no special case. The weights
    come from torch's global random state.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise([n_features, *hidden]):
        layers += [nn.Linear(before, after), nn.LayerNorm(after), nn.GELU(), nn.Dropout(dropout)]
    layers.append(nn.Linear([n_features, *hidden][-1], n_classes))
    return nn.Sequential(*layers)


class MlpNetwork(nn.Module):
    """Standardised features (n, d) to logits (n, C), or to standardised values (n, m).

    Attributes:
        projection: of the feature groups; None: the layers take the features as they are.
        layers: an `Ensemble`, whose prediction is its members' mean probability or mean value, or
            `plain_layers`.
        temperature: 0-d; divides the logits.
        values: whether the outputs are values. What is said of logits below is then said of them.
    """

    temperature: Tensor

    def __init__(
        self,
        projection: Projection | None,
        layers: Ensemble | nn.Sequential,
        temperature: float = 1.0,
        *,
        values: bool = False,
    ) -> None:
        """Join the parts."""
        super().__init__()
        self.values = values
        self.projection = projection
        self.layers = layers
        self.register_buffer("temperature", torch.tensor(temperature))

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (n, C) whose softmax are the calibrated probabilities."""
        return self.logits(self.projection(features) if self.projection else features)

    def logits(self, values: Tensor) -> Tensor:
        """Return the logits (n, C) of what the layers take: projections, or the features."""
        logits: Tensor = self.layers(values)
        if isinstance(self.layers, Ensemble):
            logits = logits.mean(dim=0) if self.values else mean_logits(logits)
        return logits / self.temperature

    def first_layer(self, widths: Sequence[int]) -> list[tuple[int, Tensor]]:
        """Return the matrices that each input's standardised columns are multiplied by first.

        This first layer is the projection, if there is one: a sum over columns in either case.

        Args:
            widths: number of columns of each input.

        Returns:
            for each input the position of its first value in the result, and a matrix (columns,
            values)
        """
        if self.projection:
            bases = self.projection.bases
            starts = accumulate((basis.shape[1] for basis in bases[:-1]), initial=0)
            return list(zip(starts, bases, strict=True))
        weight = self._plain_layers[0].get_parameter("weight").detach()
        return [(0, part.T) for part in torch.split(weight, list(widths), dim=1)]

    def after_first_layer(self, sums: Tensor) -> Tensor:
        """Return the logits (n, C) of the sums over all columns, see `first_layer`."""
        if self.projection:
            return self.logits(sums)
        first, *others = self._plain_layers
        logits: Tensor = nn.Sequential(*others)(sums + first.get_parameter("bias"))
        return logits / self.temperature

    @property
    def _plain_layers(self) -> nn.Sequential:
        return cast(nn.Sequential, self.layers)


def make_layers(
    options: MlpOptions, *, n_features: int, n_classes: int
) -> Ensemble | nn.Sequential:
    """Make the layers that the options name; the weights come from torch's global random state."""
    if options.fusion is None:
        return plain_layers(
            n_features=n_features,
            hidden=options.hidden,
            n_classes=n_classes,
            dropout=options.dropout,
        )
    return Ensemble(
        members=options.fusion.ensemble,
        n_features=n_features,
        hidden=options.hidden,
        n_classes=n_classes,
        dropout=options.dropout,
    )


def stacked(ensembles: Sequence[Ensemble]) -> Ensemble:
    """Return the networks of several equal ensembles as one, in their order; a copy."""
    joined = ensembles[0].members(0, 0)
    joined.weights, joined.biases = (
        nn.ParameterList(torch.cat(same).detach() for same in zip(*lists, strict=True))
        for lists in ([e.weights for e in ensembles], [e.biases for e in ensembles])
    )
    return joined


def mean_logits(logits: Tensor) -> Tensor:
    """Return the logarithm of the members' mean probability, (n, C) of (S, n, C)."""
    return logits.log_softmax(dim=2).logsumexp(dim=0) - math.log(len(logits))


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return the temperature that minimises the cross entropy of the predictions.

    Args:
        logits: (n, C) of clips that the model has not learned from.
        labels: int64 (n,).

    Returns:
        a value from 0.25 to 4, on a grid with steps of 2 %. A normal prior of ln T keeps it near 1
        where there are few clips, which are often of one person.
    """
    grid = torch.logspace(-2, 2, 141, base=2)
    losses = torch.stack(
        [functional.cross_entropy(logits / value, labels, reduction="sum") for value in grid]
    )
    losses += torch.log(grid) ** 2 / (2 * _TEMPERATURE_DEVIATION**2)
    return float(grid[int(losses.argmin())])
