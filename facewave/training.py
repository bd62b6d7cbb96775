"""What every training uses: class weights, early stopping, number of threads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor


@contextmanager
def use_threads(threads: int) -> Iterator[None]:
    """Let torch use this many threads inside the block, and as many as before after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(kw_only=True)
class EarlyStopping:
    """Finds the best epoch: higher score, at equal ones lower loss, at equal loss the earlier one.

    Attributes:
        patience: number of epochs without a better one after which `exhausted` is True.
        best_epoch: 0 before the first epoch.
    """

    patience: int
    best_epoch: int = 0
    _best: tuple[float, float] = field(default=(-math.inf, -math.inf), init=False)
    _last: int = field(default=0, init=False)

    def update(self, epoch: int, *, score: float, loss: float) -> bool:
        """Note an epoch's validation score and loss; return whether it is the best so far."""
        self._last = epoch
        better = (score, -loss) > self._best
        if better:
            self._best, self.best_epoch = (score, -loss), epoch
        return better

    @property
    def exhausted(self) -> bool:
        """Whether training should stop."""
        return self._last - self.best_epoch >= self.patience


def class_weights(labels: ArrayLike, *, n_classes: int, kind: str) -> Tensor:
    """Return the loss weight of each class, float32 (n_classes,).

    Args:
        labels: int (n,), the labels of the valid training clips.
        n_classes: number of classes.
        kind: `balanced`: n / (classes present x clips of the class), and 0 for an absent class;
            `none`: 1 throughout.
    """
    return weights_of_counts(np.bincount(np.asarray(labels), minlength=n_classes), kind=kind)


def weights_of_counts(counts: NDArray[Any], *, kind: str) -> Tensor:
    """Return `class_weights` of each class's number of clips (or sum of fractions), (C,)."""
    if kind == "none":
        return torch.ones(counts.size)
    present = counts > 0
    weights = np.zeros(counts.size, np.float32)
    weights[present] = counts.sum() / (present.sum() * counts[present])
    return torch.from_numpy(weights)
