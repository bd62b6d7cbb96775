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
from facewave.face.channels import Channels
from facewave.face.point_sets import point_set
from facewave.features import haar
from facewave.features.encode_clip import clip_clock, coded_trajectories
from facewave.features.groups import FaceOptions
from facewave.report.clips import ReportClip
from facewave.storage.store import DamagedShardError, read_shard, shard_path
from facewave.tracking.trajectory import Trajectory, open_trajectory

# Clips whose motion is measured, evenly spread over the dataset: reading all could take hours.
_CANDIDATES = 48
_SCORE_TRACES = 2
_FLOAT_BYTES = 4


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
        kind: what they are, in words.
        channels: trajectories of a clip (landmark coordinates, blendshapes, action units).
        feature_bytes: bytes of all features of the clip as float32, with those made beside the
            code.
        candidates: number of clips among which it has the most motion.
    """

    clip: ReportClip
    layout: str
    coefficients: int
    frames: int
    fps: float
    kind: str
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

    Motion is the sum of the standard deviations of blendshapes or action units or, where there are
    none, of the landmarks, in units of the distance between the eyes. Clips with damaged shards are
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
        trajectory = _open(clip, store)
        source = _scores(trajectory.channels)
        values = np.concatenate(list(trajectory.iter(source or "landmarks"))).astype(np.float64)
    except DamagedShardError:
        return -1.0
    if source:
        # The first blendshape is `_neutral`.
        return float(np.nanstd(values[:, source == "blendshapes" :], axis=0).sum())
    face = point_set(trajectory.channels.points)
    eyes = values[:, [face.right_eye, face.left_eye], :2]
    width = np.nanmean(np.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=-1))
    relative = values[..., :2] - values[:, face.nose_tip, np.newaxis, :2]
    return float(np.nanstd(relative, axis=0).sum() / max(width, 1e-12))


def _scores(channels: Channels) -> str | None:
    """Return the source whose trajectories are shown by name; None if there are landmarks only."""
    if channels.blendshapes:
        return "blendshapes"
    return "action_units" if channels.action_units else None


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
    channels = trajectory.channels
    lip = point_set(channels.points).lower_lip
    axes = channels.dimensions
    points = read(source="landmarks", chosen=slice(axes * lip, axes * lip + axes))
    traces = []
    if source := _scores(channels):
        names = BLENDSHAPES if source == "blendshapes" else channels.action_units
        scores = read(source=source, chosen=slice(0, len(names)))
        traces = [
            _trace(names[i], "score", scores[:, i], codes[source][:, i], layout)
            for i in _liveliest(scores, names)
        ]
    unit = "image height" if trajectory.height > 1 else "unit of the table"
    traces.append(
        _trace(
            f"lower lip (landmark {lip}), y",
            unit if face.align == "none" else "cm",
            points[:, 1],
            codes["landmarks"][:, lip, 1],
            layout,
        )
    )
    return WaveletExample(
        clip=clip,
        layout=layout,
        coefficients=len(codes["landmarks"]),
        frames=len(points),
        fps=clip_clock(trajectory).rate,
        kind=_words(channels),
        channels=sum(math.prod(shape) for shape in channels.shapes.values()),
        feature_bytes=_FLOAT_BYTES * sum(array.size for array in codes.values()),
        candidates=candidates,
        traces=traces,
    )


def _words(channels: Channels) -> str:
    """Return what the trajectories are: `x and y of 68 landmarks`."""
    count, axes = channels.shapes["landmarks"]
    words = [f"{'x, y and z' if axes == 3 else 'x and y'} of {count} landmarks"]
    if channels.blendshapes:
        words.append(f"{len(BLENDSHAPES)} blendshape scores")
    if channels.action_units:
        words.append(f"{len(channels.action_units)} action units")
    return ", and ".join(words)


def _liveliest(scores: NDArray[np.float32], names: Sequence[str]) -> list[int]:
    """Return those with the largest range, only one of each left and right pair."""
    ranges = np.nanmax(scores, axis=0) - np.nanmin(scores, axis=0)
    chosen: dict[str, int] = {}
    for index in np.argsort(-ranges, kind="stable"):
        if names[index] != BLENDSHAPES[0]:
            chosen.setdefault(without_side(names[index]), int(index))
    return list(chosen.values())[:_SCORE_TRACES]


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
