"""Encode a clip: from its trajectory to a feature shard, with quality, alignment and gaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave import __version__
from facewave.features.alignment import Alignment, fit_alignment, head_pose, join_alignments
from facewave.features.groups import (
    FaceOptions,
    WaveletOptions,
    code_columns,
    columns,
    feature_shapes,
    sources,
)
from facewave.features.quality import (
    LEFT_EYE,
    NOSE_TIP,
    RIGHT_EYE,
    Quality,
    QualityOptions,
    face_span,
    jitter,
    judge,
    mean_abs_yaw,
)
from facewave.storage.store import write_shard
from facewave.tracking.trajectory import Trajectory
from facewave.versions import FEATURE_VERSION

# The trajectories of a clip are encoded in groups of columns of at most this many bytes.
_GROUP_BYTES = 48 * 1024 * 1024
# Frames that are aligned at a time.
_FIT_FRAMES = 512
# The values of a trajectory that a source is made of, where the names differ.
_STORED = {"pose": "transform"}


def fill_gaps(values: NDArray[np.float32], detected: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Fill frames without a face: linear between neighbours, constant at both ends.

    Args:
        values: float32 (T, ...), changed in place.
        detected: bool (T,), at least one True.

    Returns:
        `values`.

    Raises:
        ValueError: if no frame has a face.
    """
    known = np.flatnonzero(detected)
    if not len(known):
        raise ValueError(
            "expected frames with a face, got none; leave out clips without a trajectory"
        )
    missing = np.flatnonzero(~detected)
    if not len(missing):
        return values
    after = np.searchsorted(known, missing)
    left = known[np.maximum(after - 1, 0)]
    right = known[np.minimum(after, len(known) - 1)]
    weight = (missing - left) / np.maximum(right - left, 1)
    weight = weight.reshape(-1, *[1] * (values.ndim - 1)).astype(np.float32)
    values[missing] = values[left] + weight * (values[right] - values[left])
    return values


def encode_clip(
    clip: Trajectory,
    feature_shard: Path,
    *,
    wavelet: WaveletOptions,
    quality: QualityOptions,
    provenance: Mapping[str, Any],
    face: FaceOptions | None = None,
) -> Quality:
    """Encode one trajectory, write its feature shard and return the quality of the clip.

    The shard holds the groups of `feature_shapes`, among them `landmarks` float32 (K, 478, 3) and
    `blendshapes` float32 (K, 52), in the units of the trajectories (aligned landmarks and head
    position: centimetres; angles: degrees). A clip that is not valid has zeros, and its reason in
    the metadata.

    Args:
        clip: its trajectory.
        feature_shard: shard that is written.
        wavelet, quality: see `WaveletOptions` and `QualityOptions`.
        provenance: further metadata of the shard, JSON-serialisable.
        face: see `FaceOptions`; None: landmarks as they are, no head pose.

    Raises:
        DamagedShardError: if the trajectory shard is missing, truncated or altered.
    """
    face = face or FaceOptions()
    judged, detected = judge_clip(clip, quality), clip.detected
    shapes = feature_shapes(wavelet, face)
    arrays = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    if judged.valid:
        span = face_span(detected) if quality.trim_ends else slice(0, len(detected))
        for source in sources(face):
            coded = _encode_source(clip, source, span, wavelet, face)
            for name, code in coded.items():
                arrays[name] = code.reshape(shapes[name])
    metadata = {
        "quality": _json_safe(asdict(judged)),
        "wavelet": asdict(wavelet),
        "features": asdict(face),
        "quality_options": asdict(quality),
        "facewave_version": __version__,
        "feature_version": FEATURE_VERSION,
        **provenance,
    }
    write_shard(feature_shard, arrays, metadata)
    return judged


def judge_clip(clip: Trajectory, options: QualityOptions) -> Quality:
    """Return the quality of a clip.

    Raises:
        DamagedShardError: if the trajectory shard is damaged.
    """
    columns = [RIGHT_EYE, LEFT_EYE, NOSE_TIP]
    points = np.concatenate(
        [np.empty((0, 3, 2), np.float32)]
        + [chunk[:, columns, :2] for chunk in clip.iter("landmarks")]
    )
    transform = np.concatenate([np.empty((0, 4, 4), np.float32), *clip.iter("transform")])
    return judge(
        clip.detected,
        announced=clip.announced,
        decoded=clip.decoded,
        jitter=jitter(points, aspect=clip.width / max(clip.height, 1)),
        mean_abs_yaw=mean_abs_yaw(transform),
        error=clip.error,
        options=options,
    )


def read_trajectories(
    clip: Trajectory, *, source: str, chosen: slice, face: FaceOptions, trim_ends: bool
) -> NDArray[np.float32]:
    """Return trajectories as they are coded, except that gaps are not filled but NaN.

    Args:
        clip: with a face.
        source: `landmarks`, `blendshapes` or `pose`.
        chosen: columns of a flattened frame of the source; all three of each landmark.
        face, trim_ends: options of `features` and `quality`.

    Returns:
        float32 (T, columns), T frames of the clip or of what `trim_ends` leaves of it.

    Raises:
        DamagedShardError: if the trajectory shard is damaged.
    """
    span = face_span(clip.detected) if trim_ends else slice(0, len(clip))
    aligned = source == "landmarks" and face.align != "none"
    alignment = _fit(clip, face.align) if aligned else None
    return _read_columns(clip, source, span, chosen, alignment)


def _encode_source(
    clip: Trajectory, source: str, span: slice, wavelet: WaveletOptions, face: FaceOptions
) -> dict[str, NDArray[np.float32]]:
    """Return the codes (rows, columns) of all groups of a source over a span of frames."""
    alignment = None
    if source == "landmarks" and face.align != "none":
        alignment = _fit(clip, face.align)
    total = columns(source)
    # Energies need several times the memory of their input, and aligned landmarks come in threes.
    room = _GROUP_BYTES if not (wavelet.energy or wavelet.statistics) else _GROUP_BYTES // 8
    detected = clip.detected[span]
    group = max(1, min(total, room // (4 * len(detected))))
    if alignment is not None:
        group = max(3, group // 3 * 3)
    order = np.random.default_rng(0).permutation if face.shuffle_time else np.arange
    frames = order(len(detected))
    parts = [
        code_columns(
            fill_gaps(_read_columns(clip, source, span, chosen, alignment), detected)[frames],
            source=source,
            wavelet=wavelet,
            fps=clip.fps,
        )
        for chosen in (slice(start, start + group) for start in range(0, total, group))
    ]
    return {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}


def _fit(clip: Trajectory, method: str) -> Alignment:
    return join_alignments(
        [
            fit_alignment(chunk, method=method, width=clip.width, height=clip.height)
            for chunk in clip.iter("landmarks", chunk=_FIT_FRAMES)
        ]
    )


def _read_columns(
    clip: Trajectory, source: str, span: slice, chosen: slice, alignment: Alignment | None
) -> NDArray[np.float32]:
    width = len(range(*chosen.indices(columns(source))))
    values = np.empty((span.stop - span.start, width), np.float32)
    position = 0
    for chunk in clip.iter(_STORED.get(source, source), frames=span):
        rows = slice(position, position + len(chunk))
        frames = head_pose(chunk) if source == "pose" else chunk.reshape(len(chunk), -1)
        part = frames[:, chosen]
        if alignment is not None:
            points = part.reshape(len(part), -1, 3)
            here = slice(span.start + rows.start, span.start + rows.stop)
            part = alignment.of_frames(here)(points).reshape(len(part), -1)
        values[rows] = part
        position = rows.stop
    return values


def _json_safe(values: dict[str, Any]) -> dict[str, Any]:
    """Replace NaN, which JSON does not have, by None: it was not measured."""
    return {
        name: None if isinstance(value, float) and np.isnan(value) else value
        for name, value in values.items()
    }
