"""Haar wavelet codes: a clip of any length becomes K numbers per trajectory.

Time is axis 0 everywhere, and all trajectories are transformed at once. Sums are taken in float64,
in a fixed order and without BLAS: the code of 20,000 frames is as accurate as that of 20, no job
starts threads that its scheduler does not know of, and there is never a matrix of K × T weights.

References:
- A. Haar, "Zur Theorie der orthogonalen Funktionensysteme", Mathematische Annalen 69, 1910.
- S. Mallat, "A theory for multiresolution signal decomposition: the wavelet representation",
  IEEE Transactions on Pattern Analysis and Machine Intelligence 11(7), 1989.
"""

import difflib
import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.floating[Any]]

LAYOUTS = ("paper", "segments", "pyramid")

# Values that are checked at a time: bounds the memory of the check on long clips.
_CHECK_VALUES = 1 << 20


def encode(trajectories: npt.ArrayLike, *, layout: str, coefficients: int) -> Array:
    """Encode trajectories of any length as a fixed number of Haar coefficients.

    Layouts (T frames, K coefficients; the mean over a span gives partial weight to frames that an
    edge of the span cuts):

    - ``"paper"``: the trajectory is zero-padded at its end to T' = 2^⌈log2 T⌉ frames; the
      approximation at level L = max(0, ⌊log2(T'/K)⌋) over sqrt(2^L), i.e. the means of blocks of
      2^L frames, is cut or zero-padded to K. Where part of the last block is padding, its mean is
      drawn towards zero, and frames after block K are lost: there are 2^⌈log2 K⌉ blocks as soon as
      T' >= K, so K = 10 drops the last 6 of 16. Kept for comparison.
    - ``"segments"``: the clip is cut into K spans of T/K frames (a real number); each coefficient
      is the exact mean over its span. With T < K spans lie inside frames.
    - ``"pyramid"``: means over N = 2^⌈log2 K⌉ such spans, then their full orthonormal Haar
      decomposition, coarse to fine as in `decompose`; the first K are kept. The code scales with
      sqrt(N), not with T: a constant c becomes ``[c * sqrt(N), 0, 0, ...]``, and with K = N the
      energy of the code is the energy of the N means.

    Args:
        trajectories: (T, ...) real numbers, T >= 1, time on axis 0, in any unit. Not modified.
        layout: one of `LAYOUTS`.
        coefficients: K >= 1.

    Returns:
        (K, ...) float64 for float64 input, else float32, in the unit of the input.

    Raises:
        ValueError: unknown layout, K < 1, no frames, not real numbers, NaN or infinite values.
    """
    known = _layout(layout)
    count = _positive("coefficients", coefficients, "the number of rows of the code, e.g. 10")
    frames = _real("trajectories", trajectories)
    matrix = _matrix(frames)
    if known == "paper":
        code = _encode_paper(matrix, count)
    elif known == "segments":
        code = _span_means(matrix, count)
    else:
        code = _decompose(_span_means(matrix, _next_power_of_two(count)))[:count]
    return code.astype(frames.dtype, copy=False).reshape(count, *frames.shape[1:])


def decode(code: npt.ArrayLike, *, layout: str, frames: int) -> Array:
    """Rebuild trajectories of a given length from a code that `encode` made.

    - ``"paper"``: every frame of a block takes the block's mean over the clip's own frames (the
      effect of zero padding on the last block is undone). On the frames that the code holds this
      is the least-squares (minimum-norm) inverse. Frames after the last block that was kept are
      NaN: the code does not hold them, and a zero could be taken for a measurement.
    - ``"segments"``: the step function with K equal steps, averaged over each frame. Exact if K is
      a multiple of T; the least-squares (minimum-norm) inverse if T is a multiple of K; in
      between a smooth approximation that keeps the clip's mean and constants.
    - ``"pyramid"``: dropped coefficients count as zero, the inverse Haar transform gives N =
      2^⌈log2 K⌉ steps, and these are averaged over each frame as in ``"segments"``. Exact if K = N
      and N is a multiple of T; least-squares (minimum-norm) if T is a multiple of N.

    Args:
        code: (K, ...) real numbers, K >= 1, from `encode` with the same layout. Not modified.
        layout: one of `LAYOUTS`.
        frames: length T of the clip that was encoded, >= 1.

    Returns:
        (T, ...) float64 for float64 input, else float32, in the unit of the encoded trajectories.

    Raises:
        ValueError: unknown layout, frames < 1, empty code, not real numbers, NaN or infinite
            values.
    """
    known = _layout(layout)
    length = _positive("frames", frames, "the length of the clip to rebuild")
    coefficients = _real("code", code)
    matrix = _matrix(coefficients)
    if known == "paper":
        clip = _decode_paper(matrix, length)
    elif known == "segments":
        clip = _span_means(matrix, length)
    else:
        full = np.zeros((_next_power_of_two(len(matrix)), matrix.shape[1]))
        full[: len(matrix)] = matrix
        clip = _span_means(_reconstruct(full), length)
    return clip.astype(coefficients.dtype, copy=False).reshape(length, *coefficients.shape[1:])


def decompose(trajectories: npt.ArrayLike) -> Array:
    """Decompose trajectories of a power-of-two length into their orthonormal Haar coefficients.

    The order is coarse to fine, ``[a, d_coarsest, ..., d_finest]`` with 1, 1, 2, 4, ... rows, and
    so are the signs and the scale of ``pywt.wavedec(x, "haar", axis=0)``: of a pair (x, y) the
    approximation is (x + y) / sqrt(2), the detail (x - y) / sqrt(2). The details of level j (1 is
    the finest, 2^j frames wide) of T frames are the rows T / 2^j to 2 T / 2^j - 1. The transform is
    orthonormal: energies are equal before and after.

    Args:
        trajectories: (2^n, ...) real numbers, n >= 0, time on axis 0, in any unit. Not modified.

    Returns:
        (2^n, ...) float64 for float64 input, else float32.

    Raises:
        ValueError: length not a power of two, not real numbers, NaN or infinite values.
    """
    frames = _real("trajectories", trajectories)
    _require_power_of_two("trajectories", len(frames))
    return _decompose(_matrix(frames)).reshape(frames.shape)


def reconstruct(coefficients: npt.ArrayLike) -> Array:
    """Rebuild trajectories from the coefficients that `decompose` returns: its exact inverse.

    Args:
        coefficients: (2^n, ...) real numbers in the order of `decompose`. Not modified.

    Returns:
        (2^n, ...) float64 for float64 input, else float32.

    Raises:
        ValueError: length not a power of two, not real numbers, NaN or infinite values.
    """
    rows = _real("coefficients", coefficients)
    _require_power_of_two("coefficients", len(rows))
    return _reconstruct(_matrix(rows)).reshape(rows.shape)


def _encode_paper(matrix: Array, count: int) -> Array:
    width = _paper_block(len(matrix), count)
    code = np.zeros((count, matrix.shape[1]))
    # Zeros add nothing to a sum: no padding is needed.
    means = _block_sums(matrix[: count * width], width)
    means /= width
    code[: len(means)] = means
    return code


def _decode_paper(code: Array, frames: int) -> Array:
    width = _paper_block(frames, len(code))
    blocks = -(-frames // width)
    means = code[:blocks].astype(np.float64)
    if len(means) == blocks:
        means[-1] *= width / (frames - (blocks - 1) * width)
    clip = np.full((frames, code.shape[1]), np.nan)
    held = min(frames, len(means) * width)
    clip[:held] = np.repeat(means, width, axis=0)[:held]
    return clip


def _paper_block(frames: int, count: int) -> int:
    """Return the block width 2^L of the layout `paper`, in integers because log2 may be inexact."""
    level = max(0, (_next_power_of_two(frames) // count).bit_length() - 1)
    return 1 << level


def _span_means(matrix: Array, spans: int) -> Array:
    """Return the exact means (spans, M) over equal spans of real-valued length, in float64."""
    frames = len(matrix)
    if frames % spans == 0:
        means = _block_sums(matrix, frames // spans)
        means /= frames // spans
        return means
    if spans % frames == 0:
        return np.repeat(matrix.astype(np.float64), spans // frames, axis=0)
    # Edge k lies at whole[k] + cut[k] / spans frames. The integral over a span is the sum of the
    # frames between the whole parts, minus the part of its first frame that belongs to the span
    # before, plus its part of the frame that its end cuts. Unlike differences of one running sum
    # over the clip, this loses no precision on long clips.
    whole, cut = np.divmod(np.arange(spans + 1) * frames, spans)
    sums = np.zeros((spans, matrix.shape[1]))
    for span in np.flatnonzero(np.diff(whole)):
        part = matrix[whole[span] : whole[span + 1]]
        np.add.reduce(part, axis=0, dtype=np.float64, out=sums[span])
    at_edges = matrix[np.minimum(whole, frames - 1)] * (cut / spans)[:, np.newaxis]
    sums += at_edges[1:]
    sums -= at_edges[:-1]
    sums *= spans / frames
    return sums


def _block_sums(matrix: Array, width: int) -> Array:
    """Return the float64 sums over consecutive blocks of `width` frames; the last may be short."""
    frames, trajectories = matrix.shape
    full = frames // width
    sums = np.empty((-(-frames // width), trajectories))
    blocks = matrix[: full * width].reshape(full, width, trajectories)
    np.add.reduce(blocks, axis=1, dtype=np.float64, out=sums[:full])
    if full < len(sums):
        np.add.reduce(matrix[full * width :], axis=0, dtype=np.float64, out=sums[full])
    return sums


def _decompose(matrix: Array) -> Array:
    # Scaled once per level in place of a factor 1/sqrt(2) at each step: fewer roundings, and the
    # details of a constant are exactly zero.
    coefficients = np.empty_like(matrix)
    sums, level = matrix, 0
    while len(sums) > 1:
        level += 1
        even, odd = sums[::2], sums[1::2]
        half = len(even)
        coefficients[half : 2 * half] = (even - odd) * math.pow(2, -level / 2)
        sums = even + odd
    coefficients[:1] = sums * math.pow(2, -level / 2)
    return coefficients


def _reconstruct(coefficients: Array) -> Array:
    level = len(coefficients).bit_length() - 1
    means = coefficients[:1] * math.pow(2, -level / 2)
    while len(means) < len(coefficients):
        half = len(means)
        details = coefficients[half : 2 * half] * math.pow(2, -level / 2)
        finer = np.empty((2 * half, coefficients.shape[1]), coefficients.dtype)
        np.add(means, details, out=finer[::2])
        np.subtract(means, details, out=finer[1::2])
        means, level = finer, level - 1
    return means


def _next_power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()


def _matrix(array: Array) -> Array:
    return array.reshape(len(array), -1)


def _real(name: str, values: npt.ArrayLike) -> Array:
    """Return the argument as a float32 or float64 array with time on axis 0, or raise."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name}: expected real numbers, got dtype {array.dtype}; convert it")
    if array.ndim == 0 or len(array) == 0:
        raise ValueError(
            f"{name}: expected at least 1 row on axis 0 (time), got shape {array.shape}; "
            "leave out clips without frames"
        )
    wide = array.dtype.kind == "f" and array.dtype.itemsize >= 8
    real: Array = array.astype(np.float64 if wide else np.float32, copy=False)
    _require_finite(name, real)
    return real


def _require_finite(name: str, array: Array) -> None:
    step = max(1, _CHECK_VALUES // max(1, math.prod(array.shape[1:])))
    for start in range(0, len(array), step):
        finite = np.isfinite(array[start : start + step])
        if not finite.all():
            rows = finite.reshape(len(finite), -1).all(axis=1)
            raise ValueError(
                f"{name}: expected finite numbers, got NaN or an infinite value in row "
                f"{start + int(rows.argmin())} of {len(array)}; fill gaps first"
            )


def _require_power_of_two(name: str, length: int) -> None:
    if length != _next_power_of_two(length):
        raise ValueError(
            f"{name}: expected a power of two as length of axis 0, got {length}; resample first, "
            f"e.g. encode(..., layout='segments', coefficients={_next_power_of_two(length)})"
        )


def _positive(name: str, value: object, hint: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name}: expected a whole number >= 1, got {value!r}; give {hint}")
    return int(value)


def _layout(layout: str) -> str:
    if layout in LAYOUTS:
        return layout
    near = difflib.get_close_matches(str(layout).lower(), LAYOUTS, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "; choose one of them"
    raise ValueError(f"layout: expected one of {', '.join(LAYOUTS)}, got {layout!r}{hint}")
