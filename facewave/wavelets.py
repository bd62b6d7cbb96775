"""All ways to code a trajectory behind one call: Haar layouts, other wavelets and baselines.

The baselines are there to be beaten: `mean` forgets time, `uniform` is the usual sampling of a few
frames, `dct` keeps the slowest cosines.

References:
- I. Daubechies, "Ten Lectures on Wavelets", SIAM, 1992 (db2, sym4).
- N. Ahmed, T. Natarajan, K. Rao, "Discrete cosine transform", IEEE Trans. Computers, 1974.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave import haar

WAVELETS = ("db2", "sym4")
BASELINES = ("mean", "uniform", "dct")
LAYOUTS = (*haar.LAYOUTS, *WAVELETS, *BASELINES)

# Bins to which a clip is resampled before the cosine transform.
_DCT_BINS = 64


def count_rows(layout: str, coefficients: int) -> int:
    """Return how many rows a code has: K, and 1 for `mean`."""
    return 1 if layout == "mean" else coefficients


def encode(trajectories: NDArray[Any], *, layout: str, coefficients: int) -> NDArray[Any]:
    """Code trajectories of any length.

    - Haar layouts: see `facewave.haar.encode`.
    - ``"db2"``, ``"sym4"``: as `pyramid`, with that wavelet, periodic at the ends, to the coarsest
      level that PyWavelets advises for so many means.
    - ``"mean"``: the mean over time, one row.
    - ``"uniform"``: K frames, first and last among them, evenly spaced (nearest frame).
    - ``"dct"``: first K coefficients of the orthonormal DCT-II of 64 (at least K) means.

    Args:
        trajectories: (T, ...) real, T >= 1, time on axis 0, without NaN.
        layout: one of `LAYOUTS`.
        coefficients: K >= 1.

    Returns:
        (rows, ...) in the unit of the input, rows as `count_rows` says.

    Raises:
        ValueError: as `facewave.haar.encode`.
    """
    if layout == "mean":
        return haar.encode(trajectories, layout="segments", coefficients=1)
    if layout == "uniform":
        frames = np.linspace(0, len(trajectories) - 1, coefficients).round().astype(np.int64)
        return trajectories[frames]
    if layout == "dct":
        bins = _means(trajectories, max(_DCT_BINS, coefficients))
        from scipy.fft import dct

        cosines: NDArray[Any] = dct(bins, axis=0, norm="ortho")[:coefficients]
        return cosines
    if layout in WAVELETS:
        means = _means(trajectories, 1 << (coefficients - 1).bit_length())
        import pywt  # only here: every bucket's job would wait for it

        wavelet = pywt.Wavelet(layout)
        level = pywt.dwt_max_level(len(means), wavelet.dec_len)
        bands = pywt.wavedec(means, wavelet, mode="periodization", level=level, axis=0)
        code: NDArray[Any] = np.concatenate(bands)[:coefficients]
        return code
    return haar.encode(trajectories, layout=layout, coefficients=coefficients)


def _means(trajectories: NDArray[Any], spans: int) -> NDArray[Any]:
    return haar.encode(trajectories, layout="segments", coefficients=spans)
