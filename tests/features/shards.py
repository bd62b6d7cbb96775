"""Trajectory shards made up for tests."""

import numpy as np

from facewave.storage.store import write_shard
from facewave.tracking.landmarker import N_BLENDSHAPES, N_LANDMARKS

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
    """Write the shard of a video with one person; returns the frames with a face, bool (T,).

    `missing` are frame indexes, slices allowed; `times` are in ms, 40 apart if not given.
    """
    arrays = made_up_faces(0, frames) if arrays is None else arrays
    detected = np.ones(frames, bool)
    for index in missing:
        detected[index] = False
    seen = np.flatnonzero(detected)
    values = {name: np.asarray(array, np.float32)[seen] for name, array in arrays.items()}
    metadata = {
        "width": 200,
        "height": 100,
        "fps": 25.0,
        "frames_announced": frames if announced is None else announced,
        "frames_decoded": frames,
        "error": error,
        "notes": "",
        "points": "mediapipe_478",
    }
    write_shard(path, values | small_arrays(seen, frames, times=times), metadata)
    return detected


def small_arrays(seen, frames, *, times=None):
    """Return the arrays of a shard besides the faces; `seen` are the frames with one."""
    times = 40 * np.arange(frames) if times is None else times
    return {
        "timestamp_ms": np.asarray(times, np.int64),
        "face_count": np.bincount(seen, minlength=frames).astype(np.uint8),
        "frame": seen.astype(np.int32),
        "person": np.zeros(len(seen), np.int32),
        "box": np.tile(np.float32([0.4, 0.4, 0.6, 0.6]), (len(seen), 1)),
    }
