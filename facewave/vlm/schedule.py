"""Step size over the optimiser steps of a training: linear warm-up, then half a cosine."""

import math


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
