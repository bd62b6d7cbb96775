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
        _metadata(frames) | metadata,
    )
    return path


def write_people_shard(path, seen, boxes, *, cuts=(), lively=(), blendshapes=None):
    """Write the shard of a video of several people, 25 frames a second.

    Args:
        path: of the shard.
        seen: bool (P, T), in which frames each is seen.
        boxes: of each person, who does not move.
        cuts: frames.
        lively: persons whose blendshapes change, each in its own way.
        blendshapes: (P, T, 52) in place of these.
    """
    frame, person = np.nonzero(np.asarray(seen, bool).T)
    if blendshapes is None:
        rhythm = 1 + np.arange(len(seen))[:, None] + np.arange(len(seen[0]))
        changing = np.sin(rhythm * (1 + np.arange(len(seen))[:, None]))
        changing *= np.isin(np.arange(len(seen)), lively)[:, None]
        blendshapes = np.repeat(changing[:, :, None], 52, axis=2)
    blendshapes = np.asarray(blendshapes, "<f4")[person, frame]
    write_shard(
        path,
        {
            "timestamp_ms": 40 * np.arange(len(seen[0]), dtype="<i8"),
            "face_count": np.sum(seen, axis=0).astype(np.uint8),
            "frame": frame.astype("<i4"),
            "thumbnails": np.zeros((0, 1, 1, 3), np.uint8),
            "thumbnail_frame": np.zeros(0, "<i4"),
            "person": person.astype("<i4"),
            "cuts": np.array(cuts, "<i4"),
            "box": np.float32(boxes)[person],
            "landmarks": np.zeros((len(frame), 478, 3), "<f4"),
            "blendshapes": blendshapes,
            "transform": np.zeros((len(frame), 4, 4), "<f4"),
        },
        _metadata(len(seen[0])),
    )
    return path


def _metadata(frames):
    return {
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
    }
