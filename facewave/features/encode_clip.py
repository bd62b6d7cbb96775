"""Encode a clip: from its trajectory to a feature shard, with quality, alignment and even time."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave import __version__
from facewave.face.channels import Channels
from facewave.face.point_sets import point_set
from facewave.features.alignment import (
    Alignment,
    check_method,
    fit_alignment,
    head_pose,
    join_alignments,
)
from facewave.features.clock import Clock, even_clock, resample
from facewave.features.groups import (
    FaceOptions,
    WaveletOptions,
    code_columns,
    feature_shapes,
    source_shapes,
)
from facewave.features.quality import (
    Observed,
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
# The alignment that head pose and yaw are read from.
_POSE = "transform"


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

    The shard holds the groups of `feature_shapes`, of a video among them `landmarks` float32
    (K, 478, 3) and `blendshapes` float32 (K, 52), in the units of the trajectories (aligned
    landmarks and head position: centimetres; angles: degrees). A clip that is not valid has zeros,
    and its reason in the metadata.

    Args:
        clip: its trajectory.
        feature_shard: shard that is written.
        wavelet, quality: see `WaveletOptions` and `QualityOptions`.
        provenance: where the clip comes from, JSON-serialisable: further metadata of the shard, and
            the seed of the control `shuffle_time`.
        face: see `FaceOptions`; None: landmarks as they are, no head pose.

    Raises:
        DamagedShardError: if the trajectory shard is missing, truncated or altered.
        ValueError: if an option of `features` does not suit the clip's points.
    """
    face = face or FaceOptions()
    arrays, judged = encode_arrays(
        clip, wavelet=wavelet, quality=quality, provenance=provenance, face=face
    )
    metadata = {
        "quality": _json_safe(asdict(judged)),
        "wavelet": asdict(wavelet),
        "features": asdict(face),
        "channels": str(clip.channels),
        "quality_options": asdict(quality),
        "facewave_version": __version__,
        "feature_version": FEATURE_VERSION,
        **provenance,
    }
    write_shard(feature_shard, arrays, metadata)
    return judged


def encode_arrays(
    clip: Trajectory,
    *,
    wavelet: WaveletOptions,
    quality: QualityOptions,
    provenance: Mapping[str, Any],
    face: FaceOptions,
) -> tuple[dict[str, NDArray[np.float32]], Quality]:
    """Return what `encode_clip` writes: the groups by name, and the quality of the clip."""
    check_options(face, clip.channels)
    alignments = fit_alignments(clip, _methods(face, clip.channels))
    judged = judge_clip(clip, quality, pose=alignments.get(_POSE))
    shapes = feature_shapes(wavelet, face, clip.channels)
    arrays = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    if judged.valid:
        span = _span(clip, quality.trim_ends)
        clock = clip_clock(clip).of_frames(span)
        order = _order(clock.steps, provenance if face.shuffle_time else None)
        for source in source_shapes(face, clip.channels):
            alignment = alignments.get(_POSE if source == "pose" else face.align)
            coded = _encode_source(
                clip, source, span, clock=clock, order=order, wavelet=wavelet, alignment=alignment
            )
            for name, code in coded.items():
                arrays[name] = code.reshape(shapes[name])
    return arrays, judged


def check_options(face: FaceOptions, channels: Channels) -> None:
    """Refuse options of `features` that need more than a clip's trajectories hold.

    Raises:
        ValueError: naming the option and what to set.
    """
    check_method(face.align, channels)
    if face.head_pose and not has_pose(channels):
        raise ValueError(
            f"features.head_pose: the pose of the head is not known from {channels}; set it to "
            "false, and mlp.inputs without pose"
        )


def has_pose(channels: Channels) -> bool:
    """Return whether the pose of the head is known from what a trajectory holds."""
    return channels.dimensions == 3 and channels.points.startswith("mediapipe")


def _methods(face: FaceOptions, channels: Channels) -> set[str]:
    """Return the alignments that a clip needs: the pose, where known, is part of its quality."""
    return {face.align, *([_POSE] if has_pose(channels) else [])} - {"none"}


def judge_clip(
    clip: Trajectory, options: QualityOptions, *, pose: Alignment | None = None
) -> Quality:
    """Return the quality of a clip.

    Args:
        clip: its trajectory.
        options: thresholds.
        pose: alignment of its frames with `transform`; None: no face, or the yaw is not wanted.

    Raises:
        DamagedShardError: if the trajectory shard is damaged.
    """
    face = point_set(clip.channels.points)
    chosen = [face.right_eye, face.left_eye, face.nose_tip]
    points = np.concatenate(
        [np.empty((0, 3, 2), np.float32)]
        + [chunk[:, chosen, :2] for chunk in clip.iter("landmarks")]
    )
    observed = Observed(
        announced=clip.announced,
        decoded=clip.decoded,
        error=clip.error,
        unseen=clip.unseen,
        changes=clip.changes,
        cuts=clip.cuts,
        jitter=jitter(points, aspect=clip.width / max(clip.height, 1)),
        mean_abs_yaw=float("nan") if pose is None else mean_abs_yaw(head_pose(pose)),
    )
    clock = clip_clock(clip) if len(clip) else None
    return judge(clip.detected, observed, clock=clock, options=options)


def clip_clock(clip: Trajectory) -> Clock:
    """Return the even clock of a clip of at least one frame."""
    return even_clock(clip.timestamp_ms, default_rate=clip.fps)


def read_trajectories(
    clip: Trajectory, *, source: str, chosen: slice, face: FaceOptions, trim_ends: bool
) -> NDArray[np.float32]:
    """Return trajectories of the frames that are coded, before they are brought to an even clock.

    Args:
        clip: with a face.
        source: `landmarks`, `blendshapes`, `action_units` or `pose`.
        chosen: columns of a flattened frame of the source; all of each landmark.
        face, trim_ends: options of `features` and `quality`.

    Returns:
        float32 (T, columns), T frames of the clip or of what `trim_ends` leaves of it; NaN where
        the face is missing.

    Raises:
        DamagedShardError: if the trajectory shard is damaged.
    """
    span = _span(clip, trim_ends)
    method = {"landmarks": face.align, "pose": _POSE}.get(source, "none")
    alignment = fit_alignments(clip, {method} - {"none"}).get(method)
    return _read_columns(clip, source, span, chosen, alignment)


def coded_trajectories(
    clip: Trajectory, *, source: str, chosen: slice, face: FaceOptions, trim_ends: bool
) -> NDArray[np.float32]:
    """Return trajectories as they are coded: on an even clock, without gaps.

    Args and errors are those of `read_trajectories`.

    Returns:
        float32 (n, columns), n steps of the clock.
    """
    span = _span(clip, trim_ends)
    values = read_trajectories(clip, source=source, chosen=chosen, face=face, trim_ends=trim_ends)
    return resample(values, clip.detected[span], clip_clock(clip).of_frames(span))


def _span(clip: Trajectory, trim_ends: bool) -> slice:
    return face_span(clip.detected) if trim_ends else slice(0, len(clip))


def _order(steps: int, seed: Mapping[str, Any] | None) -> NDArray[np.int64]:
    """Return the order of the steps; with a seed shuffled, for each clip in its own way."""
    if seed is None:
        return np.arange(steps)
    digest = hashlib.sha256(json.dumps(dict(seed), sort_keys=True).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little")).permutation(steps)


def _encode_source(
    clip: Trajectory,
    source: str,
    span: slice,
    *,
    clock: Clock,
    order: NDArray[np.int64],
    wavelet: WaveletOptions,
    alignment: Alignment | None,
) -> dict[str, NDArray[np.float32]]:
    """Return the codes (rows, columns) of all groups of a source over a span of frames."""
    axes = clip.channels.dimensions
    total = _columns(clip, source)
    # Energies need several times the memory of their input; aligned landmarks are not torn apart.
    room = _GROUP_BYTES if not (wavelet.energy or wavelet.statistics) else _GROUP_BYTES // 8
    group = max(1, min(total, room // (4 * clock.steps)))
    if source == "landmarks" and alignment is not None:
        group = max(axes, group // axes * axes)
    detected = clip.detected[span]
    parts = [
        code_columns(
            resample(_read_columns(clip, source, span, chosen, alignment), detected, clock)[order],
            source=source,
            wavelet=wavelet,
            fps=clock.rate,
        )
        for chosen in (slice(start, start + group) for start in range(0, total, group))
    ]
    return {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}


def fit_alignments(clip: Trajectory, methods: set[str]) -> dict[str, Alignment]:
    """Fit alignments in one pass over the landmarks; none for a clip without any face.

    Args:
        clip: its trajectory.
        methods: of `facewave.features.alignment.METHODS`, without `none`.

    Returns:
        method to the alignment of all frames.
    """
    if not methods or not clip.detected.any():
        return {}
    parts: dict[str, list[Alignment]] = {method: [] for method in sorted(methods)}
    for chunk in clip.iter("landmarks", chunk=_FIT_FRAMES):
        for method, found in parts.items():
            found.append(
                fit_alignment(
                    chunk,
                    method=method,
                    width=clip.width,
                    height=clip.height,
                    channels=clip.channels,
                )
            )
    return {method: join_alignments(found) for method, found in parts.items()}


def _read_columns(
    clip: Trajectory, source: str, span: slice, chosen: slice, alignment: Alignment | None
) -> NDArray[np.float32]:
    if source == "pose":
        if alignment is None:
            raise ValueError("expected a clip with a face, got none; leave it out")
        return head_pose(alignment)[span, chosen]
    aligned = source == "landmarks" and alignment is not None
    width = len(range(*chosen.indices(_columns(clip, source))))
    values = np.empty((span.stop - span.start, width), np.float32)
    position = 0
    for chunk in clip.iter(source, frames=span):
        rows = slice(position, position + len(chunk))
        part = chunk.reshape(len(chunk), -1)[:, chosen]
        if aligned and alignment is not None:
            points = part.reshape(len(part), -1, clip.channels.dimensions)
            here = slice(span.start + rows.start, span.start + rows.stop)
            part = alignment.of_frames(here)(points).reshape(len(part), -1)
        values[rows] = part
        position = rows.stop
    return values


def _columns(clip: Trajectory, source: str) -> int:
    return math.prod(source_shapes(FaceOptions(head_pose=True), clip.channels)[source])


def _json_safe(values: dict[str, Any]) -> dict[str, Any]:
    """Replace NaN, which JSON does not have, by None: it was not measured."""
    return {
        name: None if isinstance(value, float) and np.isnan(value) else value
        for name, value in values.items()
    }
