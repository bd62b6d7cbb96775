"""In which order clips are trained on: a function of seed and epoch, whatever the number of ranks.

An optimiser step takes `accumulation` micro-batches of `batch_size` clips. The ranks share out the
micro-batches of a step, so that every step sees the same clips with one GPU or with eight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


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
        a list a step, of int64 (batch_size,) arrays of places from 0 to `clips` - 1.
    """
    order = np.random.default_rng([seed, epoch]).permutation(clips)
    batches = [order[start : start + batch_size] for start in range(0, clips, batch_size)]
    return [batches[start : start + accumulation] for start in range(0, len(batches), accumulation)]


def of_rank(batches: Sequence[Rows], *, rank: int, ranks: int) -> list[tuple[int, Rows]]:
    """Return the micro-batches of a step that a rank computes, each with its place in the step."""
    return [(place, batches[place]) for place in range(rank, len(batches), ranks)]


def micro_seed(seed: int, *, epoch: int, step: int, place: int) -> int:
    """Return the seed of the random numbers (dropout) of one micro-batch, 0 to 2**63 - 1."""
    text = f"{seed} {epoch} {step} {place}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest()) >> 1


def learning_rate(step: int, *, steps: int, peak: float, warmup: float) -> float:
    """Return the step size of an optimiser step.

    It grows linearly to `peak`, which the last step of the warm-up has, and falls along a cosine
    (I. Loshchilov, F. Hutter, "SGDR", 2017, without restarts) towards 0, which a step after the
    last one would have. A function of the step alone: nothing to be kept in a checkpoint.

    Args:
        step: from 0.
        steps: of the whole training.
        peak: largest step size.
        warmup: share of the steps that are warm-up, 0 to less than 1.
    """
    rising = round(warmup * steps)
    if step < rising:
        return peak * (step + 1) / rising
    return peak * 0.5 * (1.0 + math.cos(math.pi * (step - rising) / (steps - rising)))
