"""Trajectory shards of one person, made up for tests."""

import numpy as np

from facewave.storage.store import write_shard

# Values of a frame without landmarks, where a test needs none.
_SHAPES = {"landmarks": (478, 3), "blendshapes": (52,), "transform": (4, 4)}


def write_track_shard(path, detected, *, arrays=None, times=None, **metadata):
    """Write the shard of a video in which one person's face is found in some frames.

    Args:
        path: of the shard.
        detected: bool (T,).
        arrays: `landmarks`, `blendshapes` and `transform` of all T frames, zeros where left out;
            `thumbnails` and `thumbnail_frame`, no picture where left out.
        times: of the frames in ms; 25 frames per second if left out.
        metadata: replaces the defaults.
    """
    detected = np.asarray(detected, bool)
    frames, found = len(detected), np.flatnonzero(detected)
    given = {name: np.zeros((frames, *shape), np.float32) for name, shape in _SHAPES.items()}
    given |= arrays or {}
    pictures = {
        "thumbnails": given.pop("thumbnails", np.zeros((0, 1, 1, 3), np.uint8)),
        "thumbnail_frame": given.pop("thumbnail_frame", np.zeros(0, "<i4")),
    }
    write_shard(
        path,
        {
            "timestamp_ms": np.asarray(40 * np.arange(frames) if times is None else times, "<i8"),
            "face_count": detected.astype(np.uint8),
            "frame": found.astype("<i4"),
            **pictures,
            "person": np.zeros(len(found), "<i4"),
            "cuts": np.zeros(0, "<i4"),
            "box": np.tile(np.float32([0.4, 0.4, 0.6, 0.6]), (len(found), 1)),
            **{name: np.asarray(array[found], "<f4") for name, array in given.items()},
        },
        {
            "width": 200,
            "height": 100,
            "fps": 25.0,
            "frames": frames,
            "frames_decoded": frames,
            "frames_announced": frames,
            "error": "",
            "notes": "",
            "unseen": "",
            "points": "mediapipe_478",
            **metadata,
        },
    )
    return path
