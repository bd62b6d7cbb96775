"""Trajectory shards made up for tests."""

import numpy as np

from facewave.tracking.landmarker import N_BLENDSHAPES, N_LANDMARKS
from tests.tracking.track_shards import write_track_shard

SHAPES = {"landmarks": (N_LANDMARKS, 3), "blendshapes": (N_BLENDSHAPES,), "transform": (4, 4)}


def made_up_faces(start, stop):
    """Return the arrays of frames `start` to `stop` of an endless clip; never two alike."""
    time = np.arange(start, stop, dtype=np.float32)
    arrays = {}
    for name, shape in SHAPES.items():
        pace = np.linspace(0.01, 0.3, int(np.prod(shape)), dtype=np.float32)
        arrays[name] = (0.5 + 0.1 * np.sin(np.outer(time, pace))).reshape(-1, *shape)
    return arrays


def write_trajectory(
    path, frames, *, missing=(), error="", announced=None, arrays=None, times=None
):
    """Write a trajectory shard; `missing` are frame indexes, slices allowed."""
    arrays = made_up_faces(0, frames) if arrays is None else arrays
    detected = np.ones(frames, bool)
    for index in missing:
        detected[index] = False
    write_track_shard(
        path,
        detected,
        arrays=arrays,
        times=times,
        error=error,
        frames_announced=frames if announced is None else announced,
    )
    return detected
