"""The process in which clips are tracked: `python -m facewave.tracking.worker FD`.

Each line of standard input is a clip to track, as JSON; each answer is one line of JSON on the file
descriptor FD. If this process dies, its bucket goes on: see `facewave.tracking.isolation`.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from facewave.tracking.landmarker import video_landmarker
from facewave.tracking.track_video import TrackJob, TrackSummary, track_video

READY, ALIVE = "ready", "alive"
_PR_SET_PDEATHSIG = 1
_SECONDS_BETWEEN_SIGNS = 1.0


def _end_with_parent() -> None:
    """Have the kernel kill this process when its parent ends, where it can (Linux)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class _Answers:
    """Lines to the parent; signs of life at most once a second."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._said = 0.0

    def say(self, **answer: Any) -> None:
        self._said = time.monotonic()
        os.write(self._descriptor, json.dumps(answer).encode() + b"\n")

    def refuse(self, error: Exception) -> None:
        name, number, message = type(error).__name__, None, str(error)
        if isinstance(error, OSError) and error.errno is not None:
            number, message = error.errno, f"{error.strerror}: {error.filename}"
        self.say(error=name, message=message, errno=number)

    def alive(self) -> None:
        if time.monotonic() - self._said >= _SECONDS_BETWEEN_SIGNS:
            self.say(sign=ALIVE)


def answer_jobs(
    descriptor: int,
    *,
    track: Callable[[TrackJob, Callable[[], None]], TrackSummary],
    prepare: Callable[[TrackJob], None] = lambda job: None,
) -> None:
    """Track one clip per line of standard input until it ends.

    Args:
        descriptor: of the file that the answers go to.
        track: tracks a clip, and calls its second argument for each frame.
        prepare: called with the first job; what it raises is the machine's or the model's fault,
            not the clip's.
    """
    _end_with_parent()
    answers, ready = _Answers(descriptor), False
    for line in sys.stdin:
        job = TrackJob.from_json(line)
        try:
            if not ready:
                prepare(job)
                answers.say(sign=READY)
                ready = True
            summary = track(job, answers.alive)
        except Exception as error:
            if ready:
                traceback.print_exc()
            answers.refuse(error)
        else:
            answers.say(summary=asdict(summary))


def _open_landmarker(job: TrackJob) -> None:
    with video_landmarker(job.model, job.options):
        pass


def main(descriptor: int) -> None:
    """Track clips with MediaPipe until standard input ends."""
    answer_jobs(
        descriptor,
        track=lambda job, on_frame: track_video(job, on_frame=on_frame),
        prepare=_open_landmarker,
    )


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(int(sys.argv[1]))
