"""AdamW's steps, without `torch.optim.AdamW`.

Making one of PyTorch's optimisers imports its compiler, which takes a second: as long as all else
that a short training needs to start. The steps are PyTorch's own, bit for bit.

Reference: I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim.adamw import adamw

_BETAS, _EPSILON = (0.9, 0.999), 1e-8


class AdamWGroup:
    """Parameters that are trained with the same weight decay, and their moments."""

    def __init__(self, parameters: Iterable[Tensor], weight_decay: float) -> None:
        """Take the parameters, which need gradients."""
        self._parameters = list(parameters)
        self._weight_decay = weight_decay
        self._means, self._squares = (
            [torch.zeros_like(parameter) for parameter in self._parameters] for _ in range(2)
        )
        self._steps = [torch.zeros(()) for _ in self._parameters]

    def step(self, learning_rate: float) -> None:
        """Change the parameters by their gradients, and drop these."""
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        adamw(
            self._parameters,
            gradients,
            self._means,
            self._squares,
            [],
            self._steps,
            fused=True,
            amsgrad=False,
            beta1=_BETAS[0],
            beta2=_BETAS[1],
            lr=learning_rate,
            weight_decay=self._weight_decay,
            eps=_EPSILON,
            maximize=False,
        )
        for parameter in self._parameters:
            parameter.grad = None
