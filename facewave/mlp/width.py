"""How many principal directions the network sees of each feature group, chosen by validation.

A few hundred clips are told apart by their largest directions; tens of thousands may need more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.mlp.options import AUTO, FEWEST_DIRECTIONS, MlpOptions
from facewave.mlp.values import targets_of
from facewave.splits.read import SplitTable

# Directions that are tried, and the fewest valid training clips with which they are.
WIDTHS = {FEWEST_DIRECTIONS: 0, 384: 4_000, 768: 16_000}

_log = logging.getLogger("facewave.train_mlp")

Answer = Callable[[MlpOptions], NDArray[Any]]


def with_width(
    options: MlpOptions, train: SplitTable, val: SplitTable, answer: Answer
) -> MlpOptions:
    """Return options with a number of directions in place of `auto`; others as they are.

    Args:
        options: of the training.
        train, val: its parts.
        answer: trains with given options on the training part alone, and returns probabilities
            (n, C), or values (n, m), for the validation part.
    """
    fusion = options.fusion
    if fusion is None or fusion.projection != AUTO:
        return options
    clips = int(train.valid.sum())
    tried = {
        width: replace(options, fusion=replace(fusion, projection=width))
        for width, least in WIDTHS.items()
        if clips >= least
    }
    if len(tried) == 1:
        return next(iter(tried.values()))
    losses = {}
    for width, chosen in tried.items():
        assert chosen.fusion is not None
        once = replace(chosen, fusion=replace(chosen.fusion, refit=False))
        losses[width] = (value_error if options.targets else balanced_loss)(answer(once), val)
        _log.info("%d directions: validation loss %.4f", width, losses[width])
    # `min` returns the first of equals: the fewer directions.
    return tried[min(losses, key=losses.__getitem__)]


def balanced_loss(probabilities: NDArray[Any], val: SplitTable) -> float:
    """Return the cross entropy in nats, a mean over the classes of the valid clips."""
    labels = val.labels[val.valid]
    right = probabilities[val.valid][np.arange(labels.size), labels].astype(np.float64)
    losses = -np.log(np.maximum(right, 1e-12))
    return float(np.mean([losses[labels == label].mean() for label in np.unique(labels)]))


def value_error(values: NDArray[Any], val: SplitTable) -> float:
    """Return the mean absolute error of the valid clips, in standard deviations of each target."""
    truth = targets_of(val)[val.valid]
    spread = np.nanstd(truth, axis=0)
    errors = np.nanmean(np.abs(values[val.valid] - truth), axis=0)
    return float(np.mean(errors / np.where(spread > 0, spread, 1.0)))
