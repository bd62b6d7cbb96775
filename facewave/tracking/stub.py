"""A tracker that looks at nothing, so that a benchmark measures the workflow's own cost.

It takes only the made-up clips of `benchmarks/scale/scale.py`, files of a few bytes that no video can
be mistaken for (or folders of such files), and stops the job at anything else. What it writes has
`stub` among its options, and so keys, key files and split metadata of its own: results of a run
with `landmarker.stub` are never taken for those of a real one, and the other way round.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict

import numpy as np

from facewave import __version__
from facewave.storage.frame_files import frame_names
from facewave.storage.store import write_shard
from facewave.tracking.landmarker import N_BLENDSHAPES, N_LANDMARKS
from facewave.tracking.track_clip import TrackJob, TrackSummary
from facewave.versions import TRACK_VERSION

MAGIC = b"facewave made-up clip "
NOTE = "made up by landmarker.stub: no face was looked for"


class NotMadeUpError(Exception):
    """The stub was given something else than a made-up clip."""


def made_up_clip(name: str, *, frames: int = 2, seconds: float = 0.0) -> bytes:
    """Return the bytes of a made-up clip.

    Args:
        name: whatever makes its bytes, and its trajectory, differ from those of others.
        frames: length of its trajectory.
        seconds: how long tracking it shall take; it waits and uses no processor.
    """
    return MAGIC + json.dumps({"frames": frames, "name": name, "seconds": seconds}).encode()


def track_made_up_clip(job: TrackJob) -> TrackSummary:
    """Write a random trajectory shard for a made-up clip: as `tracks.track_clip`, without a face.

    Raises:
        NotMadeUpError: if the file is no made-up clip.
    """
    path = job.video_path
    if path.is_dir() and (frames := frame_names(path)):
        path /= frames[0]
    content = path.read_bytes() if path.is_file() else b""
    if not content.startswith(MAGIC):
        raise NotMadeUpError(
            f"{job.video_path}: landmarker.stub takes only the clips of benchmarks/scale/scale.py, and "
            "this is none; take landmarker.stub out of the configuration to track real videos"
        )
    clip = json.loads(content.removeprefix(MAGIC))
    time.sleep(clip["seconds"])
    count = clip["frames"]
    summary = TrackSummary(
        width=100, height=100, fps=job.default_fps, frames=count, detected=count, max_faces_seen=1,
        notes=NOTE,
    )  # fmt: skip
    random = np.random.default_rng(np.frombuffer(content, np.uint8))
    arrays = {
        "landmarks": random.random((count, N_LANDMARKS, 3), np.float32),
        "blendshapes": random.random((count, N_BLENDSHAPES), np.float32),
        "transform": np.tile(np.eye(4, dtype=np.float32), (count, 1, 1)),
        "detected": np.ones(count, bool),
        "timestamp_ms": (np.arange(count) * 1000 / job.default_fps).astype("<i8"),
        "face_count": np.ones(count, np.uint8),
    }
    metadata = {
        **asdict(summary),
        "facewave_version": __version__,
        "track_version": TRACK_VERSION,
        **job.provenance,
    }
    write_shard(job.shard, arrays, metadata)
    return summary
