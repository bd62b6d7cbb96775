"""Tracking in the child process of `facewave.video.isolated`, in which every media file is read."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from facewave.jobs.signs_of_life import alive
from facewave.tracking.landmarker import (
    LandmarkerError,
    MissingSystemLibraryError,
    video_landmarker,
)
from facewave.tracking.track_video import TrackJob, TrackSummary, track_video
from facewave.video.decode import Limits
from facewave.video.isolated import Read

# A long video says so often how far it is.
_SECONDS_BETWEEN_LINES = 30.0

_log = logging.getLogger("facewave")


class IsolatedTracker:
    """Calls `track_video` in a child process; see `facewave.video.isolated`."""

    def __init__(self, read: Read) -> None:
        """Take what calls functions in the child."""
        self._read = read

    def __call__(self, job: TrackJob) -> TrackSummary:
        """Track a video as `track_video` does.

        Raises:
            LandmarkerError, MissingSystemLibraryError: if no landmarker can be made.
            UnreadableVideoError, RunFaultError, WorkerError, UnexpectedError, OSError: what an
                `IsolatedReader` raises.
        """
        return self._read(
            track,
            path=job.video_path,
            job=job,
            raises=(LandmarkerError, MissingSystemLibraryError),
            prepare=load_landmarker,
        )


def track(path: Path, job: TrackJob, limits: Limits) -> TrackSummary:
    """Track a video in the child; each frame is a sign of life, and a long video logs them."""
    job = replace(job, video_path=path, limits=limits)
    return track_video(job, on_frame=_counting(path.name))


def _counting(name: str) -> Callable[[], None]:
    began = said = time.monotonic()
    frames = 0

    def on_frame() -> None:
        nonlocal frames, said
        alive()
        now = time.monotonic()
        if now - said >= _SECONDS_BETWEEN_LINES:
            said = now
            _log.info("%s: %s frames, %.1f frames/s", name, f"{frames:,}", frames / (now - began))
        frames += 1

    return on_frame


def load_landmarker(path: Path, job: TrackJob, limits: Limits) -> None:
    """Load MediaPipe and its model: what goes wrong here is no clip's doing."""
    del path, limits
    with video_landmarker(job.model, job.options):
        pass
