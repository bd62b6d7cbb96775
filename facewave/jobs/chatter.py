"""Keeps out of logs what MediaPipe prints for every clip and what nobody can act upon.

MediaPipe's libraries write to file descriptor 2 before anything can set their level, and the
environment (`GLOG_minloglevel`, `TF_CPP_MIN_LOG_LEVEL`) does not reach them. Four lines a clip hide
the one that matters. What is not known to be chatter is kept.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# A warning of glog begins with W, month and day, then time, thread and the source's file.
_WARNING = r"W\d{4} [\d:.]+ +\d+ "
_CHATTER = re.compile(
    "|".join(
        (
            r"I\d{4} [\d:.]+ +\d+ \S+\.(?:cc|h):\d+\] ",
            r"INFO: \[\w+\.cc:\d+\] ",
            _WARNING + r"inference_runner_litert\.cc:\d+\] Input tensor memory is not aligned",
            r"INFO: Created TensorFlow Lite \w+ delegate for CPU\.",
            r"WARNING: Logging before InitGoogle\(\)",
            r"WARNING: All log messages before absl::InitializeLog\(\)",
            _WARNING + r"face_landmarker_graph\.cc:\d+\] Sets FaceBlendshapesGraph acceleration",
            _WARNING + r"inference_feedback_manager\.cc:\d+\] Feedback manager requires a model",
            _WARNING + r"landmark_projection_calculator\.cc:\d+\] Using NORM_RECT without",
        )
    )
)
_LAST_LINES_SECONDS = 10.0


def is_chatter(line: str) -> bool:
    """Return whether a line is one of those that MediaPipe prints whatever happens."""
    return _CHATTER.match(line) is not None


@contextmanager
def without_chatter() -> Iterator[None]:
    """Within the block, pass stderr on line by line, without chatter.

    For a process whose children call MediaPipe: they inherit its stderr, and what a child prints
    before it crashes still arrives. A process that calls C libraries itself must not use it: what
    they print while they hold Python's lock could fill the pipe, which nobody would empty.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    read, write = os.pipe()
    os.dup2(write, 2)
    os.close(write)
    reader = threading.Thread(target=_pass_on, args=(read, kept), daemon=True)
    reader.start()
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        # It ends when the last child has closed its end.
        reader.join(_LAST_LINES_SECONDS)
        if not reader.is_alive():
            os.close(kept)


def _pass_on(source: int, target: int) -> None:
    with open(source, "rb") as lines:
        for line in lines:
            if not is_chatter(line.decode("utf-8", "replace")):
                os.write(target, line)
