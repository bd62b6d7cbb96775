"""Clips to transform, and the Haar codes by PyWavelets and in exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pywt
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from facewave.features.haar import LAYOUTS

SQRT2 = math.sqrt(2)
SHAPES = [(), (52,), (478, 3)]

quick = settings(max_examples=40, deadline=None)
layouts = st.sampled_from(LAYOUTS)
counts = st.integers(1, 40)
values = st.floats(-1000, 1000, width=32)
any_length = st.integers(1, 70)


def clips(*, length=any_length):
    shapes = st.tuples(length, st.integers(1, 3))
    return shapes.flatmap(lambda shape: hnp.arrays(np.float64, shape, elements=values))


def random_clip(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def naive_span_means(trajectory, spans):
    """Mean over each of `spans` equal spans of one trajectory, in exact fractions."""
    frames = [Fraction(float(value)) for value in trajectory]
    width = Fraction(len(frames), spans)
    means = []
    for span in range(spans):
        start, end = span * width, (span + 1) * width
        overlaps = [max(Fraction(0), min(end, t + 1) - max(start, t)) for t in range(len(frames))]
        total = sum(part * value for part, value in zip(overlaps, frames, strict=True))
        means.append(float(total / width))
    return np.array(means)


def wavedec_paper(trajectories, coefficients):
    """The plan's scheme, word by word, in PyWavelets."""
    frames = len(trajectories)
    padded_length = 2 ** math.ceil(math.log2(frames))
    padding = [(0, padded_length - frames)] + [(0, 0)] * (trajectories.ndim - 1)
    level = max(0, math.floor(math.log2(padded_length / coefficients)))
    approximation = np.pad(trajectories, padding)
    if level:  # PyWavelets warns of level 0 on a length of 1
        approximation = pywt.wavedec(approximation, "haar", level=level, axis=0)[0]
    approximation = approximation / math.sqrt(2**level)
    code = np.zeros((coefficients, *trajectories.shape[1:]))
    kept = min(coefficients, len(approximation))
    code[:kept] = approximation[:kept]
    return code
