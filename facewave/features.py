"""One trajectory shard to one feature shard: fill gaps, encode, judge the quality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave import __version__, haar
from facewave.landmarks import N_BLENDSHAPES, N_LANDMARKS
from facewave.quality import (
    LEFT_EYE,
    NOSE_TIP,
    RIGHT_EYE,
    Quality,
    QualityOptions,
    jitter,
    judge,
    mean_abs_yaw,
)
from facewave.store import iter_frames, read_metadata, write_shard

# Part of every feature's key: raise it when the numbers in a shard change for the same trajectory.
FEATURE_VERSION = 1

# Trajectories of a clip are encoded in groups of columns of at most this many bytes.
_GROUP_BYTES = 48 * 1024 * 1024


@dataclass(frozen=True)
class WaveletOptions:
    """How trajectories are coded (config section `wavelet`)."""

    layout: str = "segments"
    coefficients: int = 10


def feature_shapes(options: WaveletOptions) -> dict[str, tuple[int, ...]]:
    """Return the shape of each feature group of a clip."""
    k = options.coefficients
    return {"landmarks": (k, N_LANDMARKS, 3), "blendshapes": (k, N_BLENDSHAPES)}


def fill_gaps(values: NDArray[np.float32], detected: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Fill frames without a face: linear between neighbours, held at both ends.

    Args:
        values: float32 (T, ...), changed in place.
        detected: bool (T,), at least one True.

    Returns:
        `values`.

    Raises:
        ValueError: if no frame is detected.
    """
    known = np.flatnonzero(detected)
    if not len(known):
        raise ValueError("no detected frame to fill gaps from: the clip has no trajectory")
    missing = np.flatnonzero(~detected)
    if not len(missing):
        return values
    after = np.searchsorted(known, missing)
    left = known[np.maximum(after - 1, 0)]
    right = known[np.minimum(after, len(known) - 1)]
    left = np.where(after == 0, right, left)
    right = np.where(after == len(known), left, right)
    weight = (missing - left) / np.maximum(right - left, 1)
    weight = weight.reshape(-1, *[1] * (values.ndim - 1)).astype(np.float32)
    values[missing] = values[left] + weight * (values[right] - values[left])
    return values


def encode_clip(
    track_shard: Path,
    feature_shard: Path,
    *,
    wavelet: WaveletOptions,
    quality: QualityOptions,
    provenance: Mapping[str, Any],
) -> Quality:
    """Encode one trajectory shard and write its feature shard.

    The shard holds `landmarks` float32 (K, 478, 3) and `blendshapes` float32 (K, 52) in the units
    of the trajectories; a clip that is not valid has zeros, and its reason in the metadata.

    Raises:
        DamagedShardError: if the trajectory shard is missing, truncated or altered.
    """
    judged, detected = judge_clip(track_shard, quality)
    if judged.valid:
        arrays = {
            name: _encode_array(track_shard, name, detected, wavelet)
            for name in feature_shapes(wavelet)
        }
    else:
        arrays = {
            name: np.zeros(shape, np.float32) for name, shape in feature_shapes(wavelet).items()
        }
    metadata = {
        "quality": _json_safe(asdict(judged)),
        "wavelet": asdict(wavelet),
        "quality_options": asdict(quality),
        "facewave_version": __version__,
        "feature_version": FEATURE_VERSION,
        **provenance,
    }
    write_shard(feature_shard, arrays, metadata)
    return judged


def judge_clip(track_shard: Path, options: QualityOptions) -> tuple[Quality, NDArray[np.bool_]]:
    """Return the quality of a trajectory shard and its detected frames, bool (T,)."""
    summary = read_metadata(track_shard)
    detected = _read(track_shard, "detected", np.empty(0, np.bool_))
    transform = _read(track_shard, "transform", np.empty((0, 4, 4), np.float32))
    columns = [RIGHT_EYE, LEFT_EYE, NOSE_TIP]
    points = np.concatenate(
        [np.empty((0, 3, 2), np.float32)]
        + [chunk[:, columns, :2] for chunk in iter_frames(track_shard, "landmarks")]
    )
    judged = judge(
        detected,
        announced=summary["frames_announced"],
        jitter=jitter(points, aspect=summary["width"] / max(summary["height"], 1)),
        mean_abs_yaw=mean_abs_yaw(transform),
        error=summary["error"],
        options=options,
    )
    return judged, detected


def _read(shard: Path, name: str, empty: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([empty, *iter_frames(shard, name)])


def _encode_array(
    shard: Path, name: str, detected: NDArray[np.bool_], wavelet: WaveletOptions
) -> NDArray[np.float32]:
    shape = feature_shapes(wavelet)[name]
    columns = int(np.prod(shape[1:]))
    group = max(1, min(columns, _GROUP_BYTES // (4 * len(detected))))
    code = np.empty((shape[0], columns), np.float32)
    for start in range(0, columns, group):
        chosen = slice(start, start + group)
        values = _read_columns(shard, name, len(detected), chosen, columns)
        code[:, chosen] = haar.encode(
            fill_gaps(values, detected),
            layout=wavelet.layout,
            coefficients=wavelet.coefficients,
        )
    return code.reshape(shape)


def _read_columns(
    shard: Path, name: str, frames: int, chosen: slice, columns: int
) -> NDArray[np.float32]:
    width = len(range(*chosen.indices(columns)))
    values = np.empty((frames, width), np.float32)
    position = 0
    for chunk in iter_frames(shard, name):
        values[position : position + len(chunk)] = chunk.reshape(len(chunk), -1)[:, chosen]
        position += len(chunk)
    return values


def _json_safe(values: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN: what was not measured is null."""
    return {
        name: None if isinstance(value, float) and np.isnan(value) else value
        for name, value in values.items()
    }
