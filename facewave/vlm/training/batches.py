"""Which clips make up a batch, in which order, and batches made ahead of time.

The order is a function of seed and epoch, whatever the number of ranks. An optimiser step takes
`accumulation` micro-batches of `batch_size` clips. The ranks divide the micro-batches of a step
among themselves, so that every step sees the same clips with one GPU or with eight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewave.jobs.ahead import ahead as do_ahead

Rows = NDArray[np.int64]
Batch = dict[str, Tensor]
# Makes the batch of some rows; called in threads, so it must not use torch's random state.
MakeBatch = Callable[[Rows], Batch]

_AHEAD = 8


def epoch_steps(
    clips: int, *, batch_size: int, accumulation: int, seed: int, epoch: int
) -> list[list[Rows]]:
    """Return the micro-batches of every optimiser step of an epoch.

    Args:
        clips: number of clips that are trained on.
        batch_size: clips in a micro-batch; the last one of an epoch may have fewer.
        accumulation: micro-batches in a step; the last step of an epoch may have fewer.
        seed: of the training.
        epoch: from 1.

    Returns:
        for each step a list of int64 (batch_size,) arrays, indexes from 0 to `clips` - 1.
    """
    order = np.random.default_rng([seed, epoch]).permutation(clips)
    batches = [order[start : start + batch_size] for start in range(0, clips, batch_size)]
    return [batches[start : start + accumulation] for start in range(0, len(batches), accumulation)]


def batches_of_rank(batches: Sequence[Rows], *, rank: int, ranks: int) -> list[tuple[int, Rows]]:
    """Return the micro-batches of a step that a rank computes, each with its number in the step."""
    return [(number, batches[number]) for number in range(rank, len(batches), ranks)]


def micro_batch_seed(seed: int, *, epoch: int, step: int, number: int) -> int:
    """Return the seed of the random numbers (dropout) of one micro-batch, 0 to 2**63 - 1."""
    text = f"{seed} {epoch} {step} {number}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest()) >> 1


def prefetch(
    make_batch: MakeBatch, batches: Sequence[Rows], *, device: torch.device, ahead: int = _AHEAD
) -> Iterator[Batch]:
    """Yield the batch of each of `batches`, in their order, on a device.

    While the model computes, threads decode the frames of the next clips.

    Args:
        make_batch: makes a batch.
        batches: rows of each batch.
        device: where the tensors go.
        ahead: batches that are kept ready.
    """
    # As many threads as the job was given: decoding releases Python's lock.
    threads = max(2, torch.get_num_threads())
    for batch in do_ahead(make_batch, batches, threads=threads, count=ahead):
        yield {name: tensor.to(device) for name, tensor in batch.items()}
