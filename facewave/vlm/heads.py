"""How the last hidden state, or what would follow it, becomes an answer.

- Label words: where the first tokens of all labels differ, a class's logit is that of its first
  token, and only these rows of the vocabulary are computed. Where two labels begin with the same
  token, whole words are scored, all of them after one shared prefix.
- Linear classes and regression: a layer of its own on the last hidden state.

Only the head that is used is built: one without a gradient would stall training on several GPUs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

# What a decoder is given: answer tokens int64 (N, A), their mask (N, A), and the prefix's cache.
Decode = Callable[[Tensor, Tensor, Any], Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelTokens:
    """The class names as a tokenizer writes them.

    Attributes:
        ids: int64 (C, A), each name's tokens and the end of the answer, padded on the right.
        mask: int64 (C, A), 0 for padding.
    """

    ids: Tensor
    mask: Tensor

    @property
    def first(self) -> Tensor:
        """The first token of each label, int64 (C,)."""
        return self.ids[:, 0]

    @property
    def first_differ(self) -> bool:
        """Whether the first token alone tells all labels apart."""
        return len(set(self.first.tolist())) == len(self.ids)


def label_tokens(tokenizer: Any, classes: Sequence[str]) -> LabelTokens:
    """Return the tokens of the class names, as they stand at the beginning of an answer.

    Raises:
        ValueError: a name has no tokens or a token unknown to the tokenizer, or two names have the
            same tokens.
    """
    rows = [list(tokenizer(name, add_special_tokens=False)["input_ids"]) for name in classes]
    for name, row in zip(classes, rows, strict=True):
        if not row or tokenizer.unk_token_id in row:
            raise ValueError(
                f"class {name!r} cannot be written in the model's vocabulary: rename it"
            )
    for index, row in enumerate(rows):
        if row in rows[:index]:
            other = classes[rows.index(row)]
            raise ValueError(
                f"classes {other!r} and {classes[index]!r} have the same tokens: rename one"
            )
    longest = max(map(len, rows)) + 1
    ids = torch.full((len(rows), longest), tokenizer.eos_token_id)
    mask = torch.zeros_like(ids)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
        mask[index, : len(row) + 1] = 1
    return LabelTokens(ids=ids, mask=mask)


def softcap(logits: Tensor, cap: float | None) -> Tensor:
    """Return logits bounded by `cap * tanh(logits / cap)`, as Gemma 2 was trained with."""
    return logits if cap is None else cap * torch.tanh(logits / cap)


def word_logits(hidden: Tensor, vocabulary: Tensor, words: Tensor, cap: float | None) -> Tensor:
    """Return the logits of some words, float32 (B, C).

    Args:
        hidden: (B, hidden), the last hidden state.
        vocabulary: (V, hidden), weights of the output layer; only `words` are read.
        words: int64 (C,).
        cap: see `softcap`.
    """
    return softcap(hidden.float() @ vocabulary[words].float().T, cap)


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


def score_labels(first: Tensor, cache: Any, labels: LabelTokens, decode: Decode) -> Tensor:
    """Return the log-likelihood of each label after each prefix, float32 (B, C).

    The prefix is read once; its cache is repeated, and all labels are read after it at once.

    Args:
        first: (B, V), logits of the token that follows the prefix.
        cache: key and value cache of the prefix, with B rows; it is changed.
        labels: C labels.
        decode: returns the logits (N, A, V) that follow answer tokens.
    """
    batch, classes = len(first), len(labels.ids)
    scores = first.float().log_softmax(dim=-1)[:, labels.first]
    cache.batch_repeat_interleave(classes)
    ids, mask = labels.ids.repeat(batch, 1), labels.mask.repeat(batch, 1)
    logits = decode(ids[:, :-1], mask[:, :-1], cache)
    return scores - answer_losses(logits, ids[:, 1:], mask[:, 1:]).view(batch, classes)


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
