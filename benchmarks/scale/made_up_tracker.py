"""Made-up clips of a few bytes, and a tracking worker that gives them made-up trajectories.

It does not look at images, so a benchmark measures the workflow's own cost. `scale.py` passes it to
the workflow in an environment variable (see `ENVIRONMENT`). No video can be mistaken for a made-up
clip, and the worker fails on anything else: no real video ever gets a made-up trajectory.
"""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from facewave import __version__  # noqa: E402
from facewave.storage.frame_files import frame_names  # noqa: E402
from facewave.storage.store import write_shard  # noqa: E402
from facewave.tracking.landmarker import N_BLENDSHAPES, N_LANDMARKS  # noqa: E402
from facewave.tracking.track_video import POINTS, TrackJob, TrackSummary  # noqa: E402
from facewave.versions import TRACK_VERSION  # noqa: E402
from facewave.video.decode import Limits  # noqa: E402
from facewave.video.reader import serve  # noqa: E402

# For a `snakemake` command whose clips are made up.
ENVIRONMENT = {"FACEWAVE_TRACKING_WORKER": "benchmarks.scale.made_up_tracker"}
MAGIC = b"facewave made-up clip "
NOTE = "made up for a benchmark: no face was looked for"


class NotMadeUpError(ImportError):
    """The worker was given a file that is not a made-up clip."""


def made_up_clip(name: str, *, frames: int = 2, seconds: float = 0.0) -> bytes:
    """Return the bytes of a made-up clip.

    Args:
        name: distinguishes its bytes, and its trajectory, from those of other clips.
        frames: length of its trajectory.
        seconds: how long tracking it takes; the worker waits and uses no processor time.
    """
    return MAGIC + json.dumps({"frames": frames, "name": name, "seconds": seconds}).encode()


def track_made_up_clip(path: Path, job: TrackJob, limits: Limits) -> TrackSummary:
    """Write a random trajectory shard for a made-up clip, or for a folder that begins with one.

    Raises:
        NotMadeUpError: if the file is not a made-up clip.
    """
    if path.is_dir() and (frames := frame_names(path)):
        path /= frames[0]
    content = path.read_bytes() if path.is_file() else b""
    if not content.startswith(MAGIC):
        raise NotMadeUpError(
            f"{job.video_path}: not a made-up clip; unset FACEWAVE_TRACKING_WORKER to track videos"
        )
    clip = json.loads(content.removeprefix(MAGIC))
    time.sleep(clip["seconds"])
    count = clip["frames"]
    summary = TrackSummary(
        width=100, height=100, fps=job.default_fps, frames=count, frames_decoded=count,
        frames_announced=count, notes=NOTE,
    )  # fmt: skip
    random = np.random.default_rng(np.frombuffer(content, np.uint8))
    arrays = {
        "timestamp_ms": (np.arange(count) * 1000 / job.default_fps).astype("<i8"),
        "face_count": np.ones(count, np.uint8),
        "frame": np.arange(count, dtype="<i4"),
        "person": np.zeros(count, "<i4"),
        "cuts": np.zeros(0, "<i4"),
        "box": np.tile(np.float32([0.2, 0.2, 0.8, 0.8]), (count, 1)),
        "thumbnails": np.zeros((0, 0, 0, 3), np.uint8),
        "thumbnail_frame": np.zeros(0, "<i4"),
        "landmarks": random.random((count, N_LANDMARKS, 3), np.float32),
        "blendshapes": random.random((count, N_BLENDSHAPES), np.float32),
        "transform": np.tile(np.eye(4, dtype=np.float32), (count, 1, 1)),
    }
    metadata = {
        **asdict(summary),
        "points": POINTS,
        "facewave_version": __version__,
        "track_version": TRACK_VERSION,
        **job.provenance,
    }
    write_shard(job.shard, arrays, metadata)
    return summary


if __name__ == "__main__":
    serve(int(sys.argv[1]), replaced={"facewave.tracking.worker:track": track_made_up_clip})
