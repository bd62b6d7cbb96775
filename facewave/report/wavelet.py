"""One clip's trajectories, their codes and what is reconstructed from the codes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.face.blendshapes import BLENDSHAPES, without_side
from facewave.features import haar
from facewave.features.encode_clip import clip_clock, coded_trajectories
from facewave.features.groups import FaceOptions
from facewave.report.clips import ReportClip
from facewave.storage.store import DamagedShardError, read_shard, shard_path
from facewave.tracking.trajectory import Trajectory, open_trajectory

# Clips whose motion is measured, evenly spread over the dataset: reading all could take hours.
_CANDIDATES = 48
_BLENDSHAPE_TRACES = 2
# Middle of the lower lip's upper edge in MediaPipe's mesh.
_LOWER_LIP = 14
_FLOAT_BYTES = 4
# Groups of a feature shard that hold codes of trajectories.
_CODED = ("landmarks", "blendshapes")


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """One trajectory of T frames, its code of K coefficients and its reconstruction from the code.

    Attributes:
        values, rebuilt: (T,), NaN where the face is missing or the code does not cover the frame.
        error: root mean square of the difference over the frames that both have.
        span: largest minus smallest value.
    """

    name: str
    unit: str
    values: NDArray[np.float64]
    code: NDArray[np.float64]
    rebuilt: NDArray[np.float64]
    error: float
    span: float


@dataclass(frozen=True, kw_only=True, eq=False)
class WaveletExample:
    """A clip whose code is shown.

    Attributes:
        frames: steps of the even clock that are encoded.
        fps: steps per second.
        channels: trajectories of a clip (landmark coordinates and blendshapes).
        feature_bytes: bytes of all features of the clip as float32, with those made beside the
            code.
        candidates: number of clips among which it has the most motion.
    """

    clip: ReportClip
    layout: str
    coefficients: int
    frames: int
    fps: float
    channels: int
    feature_bytes: int
    candidates: int
    traces: list[Trace]

    @property
    def clip_bytes(self) -> int:
        """Bytes of the clip's trajectories as float32."""
        return self.frames * self.channels * _FLOAT_BYTES

    @property
    def code_bytes(self) -> int:
        """Bytes of the clip's code as float32."""
        return self.coefficients * self.channels * _FLOAT_BYTES


def wavelet_example(clips: Sequence[ReportClip], *, store: Path) -> WaveletExample | None:
    """Return the code of the clip with the most motion among evenly spread valid clips.

    Motion is the sum of the standard deviations of the blendshapes. Clips with damaged shards are
    skipped.

    Returns:
        the example; None if there is no readable valid clip, or if the layout of the codes cannot
        be decoded.
    """
    valid = [clip for clip in clips if clip.valid]
    step = max(1, math.ceil(len(valid) / _CANDIDATES))
    candidates = valid[::step]
    ranked = sorted(candidates, key=lambda clip: -_motion(clip, store))
    for clip in ranked:
        try:
            return _example(clip, store, candidates=len(candidates))
        except DamagedShardError:
            continue
    return None


def _motion(clip: ReportClip, store: Path) -> float:
    try:
        blendshapes = np.concatenate(list(_open(clip, store).iter("blendshapes")))
    except DamagedShardError:
        return -1.0
    return float(np.nanstd(blendshapes[:, 1:], axis=0, dtype=np.float64).sum())


def _open(clip: ReportClip, store: Path) -> Trajectory:
    return open_trajectory(shard_path(store, "tracks", clip.track_key), span_ms=clip.span_ms)


def _example(clip: ReportClip, store: Path, *, candidates: int) -> WaveletExample | None:
    feature_shard = shard_path(store, "features", clip.feature_key)
    codes, metadata = read_shard(feature_shard)
    layout = metadata["wavelet"]["layout"]
    if layout not in haar.LAYOUTS:
        return None
    face = FaceOptions(**metadata.get("features", {}))
    trim_ends = metadata["quality_options"].get("trim_ends", False)
    trajectory = _open(clip, store)
    read = partial(coded_trajectories, trajectory, face=face, trim_ends=trim_ends)
    blendshapes = read(source="blendshapes", chosen=slice(0, len(BLENDSHAPES)))
    lip = read(source="landmarks", chosen=slice(3 * _LOWER_LIP, 3 * _LOWER_LIP + 3))
    traces = [
        _trace(BLENDSHAPES[i], "score", blendshapes[:, i], codes["blendshapes"][:, i], layout)
        for i in _liveliest(blendshapes)
    ]
    traces.append(
        _trace(
            f"lower lip (landmark {_LOWER_LIP}), y",
            "image height" if face.align == "none" else "cm",
            lip[:, 1],
            codes["landmarks"][:, _LOWER_LIP, 1],
            layout,
        )
    )
    return WaveletExample(
        clip=clip,
        layout=layout,
        coefficients=len(codes["blendshapes"]),
        frames=len(blendshapes),
        fps=clip_clock(trajectory).rate,
        channels=sum(math.prod(codes[name].shape[1:]) for name in _CODED),
        feature_bytes=_FLOAT_BYTES * sum(array.size for array in codes.values()),
        candidates=candidates,
        traces=traces,
    )


def _liveliest(blendshapes: NDArray[np.float32]) -> list[int]:
    """Return the blendshapes with the largest range, only one of each left and right pair."""
    ranges = np.nanmax(blendshapes, axis=0) - np.nanmin(blendshapes, axis=0)
    chosen: dict[str, int] = {}
    for index in np.argsort(-ranges, kind="stable"):
        if index > 0:
            chosen.setdefault(without_side(BLENDSHAPES[index]), int(index))
    return list(chosen.values())[:_BLENDSHAPE_TRACES]


def _trace(name: str, unit: str, values: NDArray[Any], code: NDArray[Any], layout: str) -> Trace:
    rebuilt = haar.decode(code, layout=layout, frames=len(values)).astype(np.float64)
    known = np.isfinite(values) & np.isfinite(rebuilt)
    difference = values[known].astype(np.float64) - rebuilt[known]
    return Trace(
        name=name,
        unit=unit,
        values=values.astype(np.float64),
        code=code.astype(np.float64),
        rebuilt=rebuilt,
        error=float(np.sqrt(np.mean(difference**2))) if known.any() else math.nan,
        span=float(np.nanmax(values) - np.nanmin(values)),
    )
