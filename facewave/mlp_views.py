"""Projected training clips in a file, for training parts that do not fit into memory."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


class StoredViews:
    """Projections float32 (V, n, q) in an unnamed file; indexed as the tensor would be.

    The file is gone as soon as it is closed, or the process ends in whatever way.

    Attributes:
        shape: (V, n, q).
    """

    def __init__(self, folder: Path, shape: tuple[int, int, int], rows: Iterable[Tensor]) -> None:
        """Write the projections, which come as (m, q) of one view after the other.

        Args:
            folder: where the file lies, on a disk with 4 V n q bytes to spare.
            shape: (V, n, q).
            rows: chunks of V n rows in all.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.shape = shape
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as this
        weakref.finalize(self, self._file.close)
        for chunk in rows:
            self._file.write(chunk.numpy().tobytes())
        self._file.flush()
        if self._file.tell() != 4 * shape[0] * shape[1] * shape[2]:
            raise ValueError(f"the projections do not have the shape {shape}")

    def __len__(self) -> int:
        """Return the number of views."""
        return self.shape[0]

    def __getitem__(self, place: tuple[Tensor, Tensor]) -> Tensor:
        """Return the clips (..., q) of views and clips, two int64 tensors of equal shape (...)."""
        views, clips = place
        _, count, width = self.shape
        found = np.empty((clips.numel(), width), np.float32)
        indexes = (views * count + clips).flatten().tolist()
        for row, index in zip(found, indexes, strict=True):
            os.preadv(self._file.fileno(), [row.data], index * row.nbytes)
        return torch.from_numpy(found).reshape(*clips.shape, width)
