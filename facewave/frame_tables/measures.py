"""What is known of each frame of a clip, in a few numbers: memory for an hour of video is no issue.

The many numbers of a frame, points and blendshapes, are read again when they are written.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewave.face.blendshapes import BLENDSHAPES
from facewave.face.channels import Channels
from facewave.face.point_sets import eye_points, point_set
from facewave.features.alignment import Alignment, head_pose
from facewave.features.encode_clip import fit_alignments, has_pose
from facewave.frame_tables.eyes import count_blinks, eye_openness
from facewave.tracking.trajectory import Trajectory

CHUNK = 512
_EYELIDS = [BLENDSHAPES.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]


@dataclass(frozen=True, kw_only=True, eq=False)
class Measures:
    """The T frames of a clip; NaN where the face is missing.

    Attributes:
        pose: float32 (T, 6), see `facewave.features.alignment.head_pose`; None: not known.
        openness: float32 (T, 2), of the person's right and left eye.
        blink: int32 (T,), see `facewave.frame_tables.eyes.count_blinks`.
        eye_distance: float32 (T,), pixels between the outer corners of the eyes.
        jitter: float32 (T,), length of the nose tip's second difference at a frame and its
            neighbours, in units of the clip's mean `eye_distance`.
        alignment: of all frames, by the best method for the clip's points; None without any face.
    """

    pose: NDArray[np.float32] | None
    openness: NDArray[np.float32]
    blink: NDArray[np.int32]
    eye_distance: NDArray[np.float32]
    jitter: NDArray[np.float32]
    alignment: Alignment | None


def align_method(channels: Channels) -> str:
    """Return the method that removes most of the head's motion from a clip's points."""
    if has_pose(channels):
        return "transform"
    return "procrustes" if channels.dimensions == 3 else "similarity"


def measure(clip: Trajectory) -> Measures:
    """Measure every frame of a clip.

    Raises:
        DamagedShardError: if the trajectory shard is damaged.
    """
    method = align_method(clip.channels)
    alignment = fit_alignments(clip, {method}).get(method)
    count = len(clip)
    openness = np.full((count, 2), np.nan, np.float32)
    anchors = np.full((count, 3, 2), np.nan)
    if alignment is not None:
        openness, anchors = _points(clip, alignment)
    distance = np.linalg.norm(anchors[:, 0] - anchors[:, 1], axis=1)
    score = None
    if clip.channels.blendshapes:
        parts = [part[:, _EYELIDS].mean(axis=1) for part in clip.iter("blendshapes", chunk=CHUNK)]
        score = np.concatenate([np.empty(0, np.float32), *parts])
    pose = None
    if has_pose(clip.channels):
        pose = np.full((count, 6), np.nan, np.float32)
        pose = pose if alignment is None else head_pose(alignment)
    return Measures(
        pose=pose,
        openness=openness,
        blink=count_blinks(clip.timestamp_ms, openness, score),
        eye_distance=distance.astype(np.float32),
        jitter=_jitter(anchors[:, 2], distance),
        alignment=alignment,
    )


def _points(
    clip: Trajectory, alignment: Alignment
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the openness of the eyes, and right eye, left eye and nose tip in pixels (T, 3, 2)."""
    face = point_set(clip.channels.points)
    eyes = eye_points(face.name)
    chosen = [face.right_eye, face.left_eye, face.nose_tip]
    openness, anchors = [], []
    for start, chunk in zip(
        range(0, len(clip), CHUNK), clip.iter("landmarks", chunk=CHUNK), strict=True
    ):
        here = alignment.of_frames(slice(start, start + len(chunk)))
        around = here(chunk[:, eyes.reshape(-1)])
        openness.append(eye_openness(around.reshape(len(chunk), *eyes.shape, -1)))
        anchors.append(chunk[:, chosen, :2].astype(np.float64) * [clip.width, clip.height])
    return np.concatenate(openness), np.concatenate(anchors)


def _jitter(nose: NDArray[np.float64], distance: NDArray[np.float64]) -> NDArray[np.float32]:
    jitter = np.full(len(nose), np.nan, np.float32)
    known = distance[np.isfinite(distance)]
    if len(nose) > 2 and len(known) and known.mean() > 0:
        jitter[1:-1] = np.linalg.norm(np.diff(nose, n=2, axis=0), axis=1) / known.mean()
    return jitter
