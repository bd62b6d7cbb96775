"""How the last hidden state, or what would follow it, becomes an answer.

- Class names: the log-probability of each name (`class_names`), or free text.
- Linear classes and regression: a layer of its own on the last hidden state.

Only the head that is used is built: one without a gradient would stall training on several GPUs.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional


def softcap(logits: Tensor, cap: float | None) -> Tensor:
    """Return logits bounded by `cap * tanh(logits / cap)`, as Gemma 2 was trained with."""
    return logits if cap is None else cap * torch.tanh(logits / cap)


def answer_losses(logits: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
    """Return the negative log-likelihood of each answer, float32 (B,).

    Args:
        logits: (B, A, V), of the tokens at the same positions.
        ids: int64 (B, A).
        mask: int64 (B, A), 0 for padding.
    """
    losses = functional.cross_entropy(logits.float().transpose(1, 2), ids, reduction="none")
    total: Tensor = (losses * mask).sum(dim=1)
    return total


class LinearHead(nn.Module):
    """LayerNorm and a linear layer: class logits, float32 (B, C)."""

    def __init__(self, *, hidden: int, classes: int) -> None:
        """Make the layers; the weights come from torch's global random state."""
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.out = nn.Linear(hidden, classes)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the logits of the last hidden state (B, hidden)."""
        logits: Tensor = self.out(self.norm(hidden.float()))
        return logits


class RegressionHead(nn.Module):
    """LayerNorm and a linear layer: real values, float32 (B, m), in the targets' own units.

    Buffers hold mean and deviation of the training clips' targets; they are saved with the model.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, *, hidden: int, targets: int, loss: str) -> None:
        """Make the layers; the weights come from torch's global random state."""
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.out = nn.Linear(hidden, targets)
        self.loss = loss
        self.register_buffer("mean", torch.zeros(targets))
        self.register_buffer("std", torch.ones(targets))

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the values that the last hidden state (B, hidden) predicts."""
        values: Tensor = self.out(self.norm(hidden.float())) * self.std + self.mean
        return values

    def set_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Take mean and deviation, float32 (m,), of the training clips' targets."""
        self.mean.copy_(mean)
        self.std.copy_(std)

    def losses(self, values: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each clip, float32 (B,), in standard deviations of the targets."""
        given, wanted = (values - self.mean) / self.std, (targets.float() - self.mean) / self.std
        measure = functional.mse_loss if self.loss == "mse" else functional.huber_loss
        return measure(given, wanted, reduction="none").mean(dim=1)


def make_head(
    head: str, *, hidden: int, classes: int, targets: int, regression_loss: str
) -> LinearHead | RegressionHead | None:
    """Return the layers of a head; None for the heads that read the vocabulary."""
    if head == "linear":
        return LinearHead(hidden=hidden, classes=classes)
    if head == "regression":
        return RegressionHead(hidden=hidden, targets=targets, loss=regression_loss)
    return None


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities, float32 (n, C), of logits (n, C)."""
    raised = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float32] = raised / raised.sum(axis=1, keepdims=True)
    return probabilities.astype(np.float32)
