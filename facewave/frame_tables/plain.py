"""The columns of facewave's own tables of frames, in chunks of frames.

Which column is what: docs/outputs.md. The names of points are those that the adapter `tracks`
reads: `x_0_px` (pixels; z on the scale of x) and `X_0` (aligned, centimetres).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.face.blendshapes import BLENDSHAPES
from facewave.frame_tables.measures import CHUNK, Measures
from facewave.tracking.trajectory import Trajectory

POSE_COLUMNS = ("yaw", "pitch", "roll", "head_x", "head_y", "head_z")
Columns = dict[str, NDArray[Any]]


def plain_columns(clip: Trajectory, measures: Measures, *, points: str) -> Iterator[Columns]:
    """Yield the columns of consecutive frames, at least one chunk, all with the same names.

    Args:
        clip: its trajectory.
        measures: of its frames.
        points: one of `facewave.frame_tables.options.POINTS`.

    Raises:
        DamagedShardError: if the trajectory shard is damaged.
    """
    for start in range(0, max(len(clip), 1), CHUNK):
        frames = slice(start, min(start + CHUNK, len(clip)))
        yield {
            **_frame_columns(clip, measures, frames, size=points == "pixels"),
            **_channel_columns(clip, frames),
            **_point_columns(clip, measures, frames, points),
        }


def _frame_columns(
    clip: Trajectory, measures: Measures, frames: slice, *, size: bool
) -> dict[str, NDArray[Any]]:
    count = frames.stop - frames.start
    columns: Columns = {
        "frame": np.arange(frames.start, frames.stop, dtype=np.int32),
        "time": clip.timestamp_ms[frames] / 1000,
        "detected": clip.detected[frames].astype(np.int8),
        "face_count": clip.face_count[frames],
        "eye_distance": measures.eye_distance[frames],
        "jitter": measures.jitter[frames],
    }
    if size:
        columns["width"] = np.full(count, clip.width, np.int32)
        columns["height"] = np.full(count, clip.height, np.int32)
    if measures.pose is not None:
        columns |= _named(POSE_COLUMNS, measures.pose[frames])
    eyes = ("eye_openness_right", "eye_openness_left")
    return columns | _named(eyes, measures.openness[frames]) | {"blink": measures.blink[frames]}


def _channel_columns(clip: Trajectory, frames: slice) -> Columns:
    columns: Columns = {}
    if clip.channels.blendshapes:
        columns |= _named(BLENDSHAPES, rows_of(clip, "blendshapes", frames))
    if clip.channels.action_units:
        columns |= _named(clip.channels.action_units, rows_of(clip, "action_units", frames))
    return columns


def _point_columns(clip: Trajectory, measures: Measures, frames: slice, points: str) -> Columns:
    if points == "none":
        return {}
    values = rows_of(clip, "landmarks", frames)
    axes = range(values.shape[2])
    if points == "pixels":
        unit = np.array([clip.width, clip.height, clip.width])
        values = (values.astype(np.float64) * unit[: len(axes)]).astype(np.float32)
        names = [f"{'xyz'[axis]}_{number}_px" for axis in axes for number in range(values.shape[1])]
    else:
        if measures.alignment is not None:
            values = measures.alignment.of_frames(frames)(values)
        names = [f"{'XYZ'[axis]}_{number}" for axis in axes for number in range(values.shape[1])]
    return _named(names, values.transpose(0, 2, 1).reshape(len(values), len(names)))


def rows_of(clip: Trajectory, source: str, frames: slice) -> NDArray[np.float32]:
    """Return the values of a source in a range of frames, NaN where the face is missing."""
    return clip.at(source, clip.rows[frames])


def _named(names: Any, values: NDArray[Any]) -> Columns:
    return dict(zip(names, values.T, strict=True))
