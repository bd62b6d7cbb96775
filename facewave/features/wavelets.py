"""Every layout of a code behind one call: Haar layouts, other wavelets and baselines.

The baselines are there to be beaten: `mean` forgets time, `uniform` samples a few frames as is
usual, `dct` keeps the slowest cosines.

References:
- I. Daubechies, "Ten Lectures on Wavelets", SIAM, 1992 (db2, sym4).
- N. Ahmed, T. Natarajan, K. Rao, "Discrete cosine transform", IEEE Trans. Computers, 1974.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.features import haar

WAVELETS = ("db2", "sym4")
BASELINES = ("mean", "uniform", "dct")
LAYOUTS = (*haar.LAYOUTS, *WAVELETS, *BASELINES)

# Bins to which a clip is resampled before the cosine transform.
_DCT_BINS = 64


def count_rows(layout: str, coefficients: int) -> int:
    """Return how many rows a code has: K, and 1 for `mean`."""
    return 1 if layout == "mean" else coefficients


def encode(trajectories: NDArray[Any], *, layout: str, coefficients: int) -> NDArray[Any]:
    """Encode trajectories of any length as a fixed number of coefficients.

    - Haar layouts: see `facewave.features.haar.encode`.
    - ``"db2"``, ``"sym4"``: as `pyramid`, with that wavelet, periodic at the ends, to the coarsest
      level that PyWavelets recommends for that many means; without such a level, the K means.
    - ``"mean"``: the mean over time, one row.
    - ``"uniform"``: K evenly spaced frames (the nearest ones), first and last included.
    - ``"dct"``: the first K coefficients of the orthonormal DCT-II of 64 (or K, if more) means.

    Args:
        trajectories: (T, ...) real, T >= 1, time on axis 0, without NaN.
        layout: one of `LAYOUTS`.
        coefficients: K >= 1.

    Returns:
        (rows, ...) in the unit of the input, with as many rows as `count_rows` says.

    Raises:
        ValueError: as `facewave.features.haar.encode`.
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
        sizes = _band_sizes(layout, coefficients)
        means = _means(trajectories, sum(sizes))
        import pywt  # not at the top: every job would wait for it

        bands = pywt.wavedec(means, layout, mode="periodization", level=len(sizes) - 1, axis=0)
        code: NDArray[Any] = np.concatenate(bands)[:coefficients]
        return code
    return haar.encode(trajectories, layout=layout, coefficients=coefficients)


def decode(code: NDArray[Any], *, layout: str, frames: int) -> NDArray[Any]:
    """Rebuild trajectories of a given length from a code that `encode` made.

    - Haar layouts: see `facewave.features.haar.decode`; `paper` gives NaN for frames that it lost.
    - ``"db2"``, ``"sym4"``, ``"dct"``: dropped coefficients count as zero; the inverse transform
      gives steps, which are averaged over each frame as in ``"segments"``.
    - ``"mean"``: the mean in every frame.
    - ``"uniform"``: straight lines between the kept frames.

    Args:
        code: (rows, ...) from `encode` with the same layout.
        layout: one of `LAYOUTS`.
        frames: length T of the clip that was encoded, >= 1.

    Returns:
        (T, ...) in the unit of the code.

    Raises:
        ValueError: as `facewave.features.haar.decode`.
    """
    if layout == "mean":
        return np.repeat(code, frames, axis=0)
    if layout == "uniform":
        return _join_frames(code, frames)
    if layout == "dct":
        from scipy.fft import idct

        full = _padded(code, max(_DCT_BINS, len(code)))
        return _means(idct(full, axis=0, norm="ortho"), frames)
    if layout in WAVELETS:
        import pywt

        sizes = _band_sizes(layout, len(code))
        bands = np.split(_padded(code, sum(sizes)), np.cumsum(sizes)[:-1])
        return _means(pywt.waverec(bands, layout, mode="periodization", axis=0), frames)
    return haar.decode(code, layout=layout, frames=frames)


def code_bands(layout: str, coefficients: int) -> list[tuple[str, slice]]:
    """Return name and rows of each time scale of a code, coarse to fine.

    A layout without scales (`segments`, `paper`, `uniform`, `mean`) has a single one,
    `approximation`. The cosines of `dct` are grouped in octaves after the first, which is the mean.
    """
    rows = count_rows(layout, coefficients)
    if layout in WAVELETS:
        sizes = _band_sizes(layout, coefficients)
    elif layout in ("pyramid", "dct"):
        sizes = [1, *(1 << level for level in range((rows - 1).bit_length()))]
    else:
        sizes = [rows]
    edges = [min(edge, rows) for edge in np.cumsum([0, *sizes]).tolist()]
    names = ["approximation", *(f"details {level}" for level in range(1, len(sizes)))]
    bands = zip(names, edges[:-1], edges[1:], strict=True)
    return [(name, slice(start, stop)) for name, start, stop in bands if start < stop]


def _band_sizes(layout: str, coefficients: int) -> list[int]:
    import pywt

    count = 1 << (coefficients - 1).bit_length()
    level = pywt.dwt_max_level(count, pywt.Wavelet(layout).dec_len)
    if not level:
        # The first K of more than K means would cover only the beginning of the clip.
        return [coefficients]
    bands = pywt.wavedec(np.zeros(count), layout, mode="periodization", level=level)
    return [len(band) for band in bands]


def _padded(code: NDArray[Any], rows: int) -> NDArray[Any]:
    full = np.zeros((rows, *code.shape[1:]), code.dtype)
    full[: len(code)] = code
    return full


def _join_frames(code: NDArray[Any], frames: int) -> NDArray[Any]:
    kept = np.linspace(0, frames - 1, len(code)).round().astype(np.int64)
    kept, first = np.unique(kept, return_index=True)
    values = code[first]
    time = np.arange(frames)
    left = np.clip(np.searchsorted(kept, time, side="right") - 1, 0, len(kept) - 1)
    right = np.minimum(left + 1, len(kept) - 1)
    weight = (time - kept[left]) / np.maximum(kept[right] - kept[left], 1)
    weight = weight.reshape(-1, *[1] * (code.ndim - 1)).astype(code.dtype)
    rebuilt: NDArray[Any] = values[left] + weight * (values[right] - values[left])
    return rebuilt


def _means(trajectories: NDArray[Any], spans: int) -> NDArray[Any]:
    return haar.encode(trajectories, layout="segments", coefficients=spans)
