"""Tracking in a separate process: a clip that hangs or crashes the decoder is flagged.

FFmpeg and MediaPipe are native code that reads what people uploaded. A file that makes them crash
ends the process they run in, and one that sends them into an endless loop would stop a bucket for
ever. So a bucket's clips are handed, one by one, to a child process; when it dies or shows no sign
of life for too long, that clip is flagged and the next one goes to a new child. A child that the
kernel kills for lack of memory says nothing about the clip: the job fails, after the other clips.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facewave.jobs.memory import KilledForMemoryError, killed_for_memory
from facewave.tracking.landmarker import LandmarkerError, MissingSystemLibraryError
from facewave.tracking.track_video import TrackJob, TrackSummary
from facewave.tracking.worker import ALIVE, READY
from facewave.video.decode import UnreadableVideoError

_log = logging.getLogger("facewave")

WORKER = "facewave.tracking.worker"

_ROOT = str(Path(__file__).resolve().parents[2])
_ERRORS: dict[str, Callable[[str], Exception]] = {
    "MissingSystemLibraryError": MissingSystemLibraryError,
    "LandmarkerError": LandmarkerError,
    "ValueError": ValueError,
    "MemoryError": MemoryError,
    "RuntimeError": RuntimeError,
    # OpenCV's: caused by the clip, like MediaPipe's RuntimeError.
    "error": RuntimeError,
}

_START_SECONDS = 300.0
_UNABLE = (
    "the process that tracks clips died before it read one ({how}): look above this in the log for "
    "what it printed, and try `python -m facewave.jobs.system_libraries`"
)
_OUT_OF_MEMORY = (
    "{clip}: the process that tracks it was killed (signal 9, SIGKILL), in all likelihood by the "
    "kernel because the job or the machine ran out of memory. No clip is flagged for it. Give the "
    "job more memory (on a cluster mem_mb of track_faces, which grows with each attempt), or run "
    "fewer jobs at once (--cores), and run again: finished clips stay. If it is always this clip, "
    "remove it from the label table"
)


class WorkerError(Exception):
    """The process that tracks clips cannot work, and the clip is not the reason."""


class _DiedError(Exception):
    """The child ended, or was ended, before it answered."""


@dataclass
class _Child:
    process: subprocess.Popen[str]
    descriptor: int
    ready: bool = False
    buffer: bytes = field(default=b"", repr=False)

    def send(self, job: TrackJob) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(job.to_json() + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise _DiedError from None

    def answer(self, seconds: float) -> dict[str, Any]:
        """Return the next answer; raises TimeoutError after `seconds` without one."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.descriptor], [], [], left)[0]:
                raise TimeoutError
            chunk = os.read(self.descriptor, 65536)
            if not chunk:
                raise _DiedError
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\n", 1)
        found: dict[str, Any] = json.loads(line)
        return found

    def end(self) -> int:
        """Kill the child; return its exit code, which tells how it died if it was dead already."""
        self.process.kill()
        with suppress(OSError):
            self.process.communicate()
        os.close(self.descriptor)
        return int(self.process.returncode)


class IsolatedTracker:
    """Calls `track_video` in a child process; made by `isolated_tracker`."""

    def __init__(self, stall_seconds: float, module: str) -> None:
        """Keep the options; the child is started with the first clip."""
        self._stall = stall_seconds
        self._module = module
        self._child: _Child | None = None

    def __call__(self, job: TrackJob) -> TrackSummary:
        """Track a clip as `track_video` does.

        Raises:
            UnreadableVideoError: if the clip crashed the child twice, or no frame was processed for
                `stall_seconds`.
            WorkerError: if the child dies before it is ready for its first clip.
            KilledForMemoryError: if the child was killed twice, or once and the kernel counted that
                as lack of memory.
            Exception: what `track_video` raised; an unexpected one as WorkerError.
        """
        code, memory_kills = 0, killed_for_memory()
        for attempt in (1, 2):
            try:
                return self._track(job)
            except TimeoutError:
                ready = self._child is not None and self._child.ready
                self.close()
                if not ready:
                    raise WorkerError(_UNABLE.format(how="no sign of life")) from None
                raise UnreadableVideoError(
                    f"no frame was processed for {self._stall:g} s (landmarker.stall_seconds)"
                ) from None
            except _DiedError:
                code, ready = self._bury()
                how = _how_it_died(code)
                _log.warning("%s: tracking crashed (%s), attempt %d", job.video_path, how, attempt)
                # A crash is another signal, and a child that stalls was killed by us further up.
                if code == -signal.SIGKILL and (killed_for_memory() > memory_kills or attempt == 2):
                    raise KilledForMemoryError(_OUT_OF_MEMORY.format(clip=job.video_path)) from None
                if not ready:
                    raise WorkerError(_UNABLE.format(how=how)) from None
        raise UnreadableVideoError(
            f"decoding or tracking it crashes the process ({_how_it_died(code)})"
        )

    def _track(self, job: TrackJob) -> TrackSummary:
        child = self._child = self._child or self._start()
        child.send(job)
        while True:
            # Loading libraries from a busy file system takes long, and is not the clip's fault.
            answer = child.answer(self._stall if child.ready else max(self._stall, _START_SECONDS))
            if answer.get("sign") == READY:
                child.ready = True
            elif "summary" in answer:
                return TrackSummary(**answer["summary"])
            elif answer.get("sign") != ALIVE:
                _raise(answer)

    def _start(self) -> _Child:
        read, write = os.pipe()
        path = os.pathsep.join(filter(None, [_ROOT, os.environ.get("PYTHONPATH")]))
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", self._module, str(write)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=(write,),
                env=os.environ | {"PYTHONPATH": path},
                text=True,
            )
        except BaseException:
            os.close(read)
            raise
        finally:
            os.close(write)
        return _Child(process, read)

    def _bury(self) -> tuple[int, bool]:
        """Forget a dead child; return its exit code and whether it had been ready."""
        assert self._child is not None
        child, self._child = self._child, None
        # Its pipe closes a moment before its exit code is available.
        with suppress(subprocess.TimeoutExpired):
            child.process.wait(timeout=5)
        return child.end(), child.ready

    def close(self) -> None:
        """Kill the child, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            child.end()


@contextmanager
def isolated_tracker(*, stall_seconds: float, module: str = WORKER) -> Iterator[IsolatedTracker]:
    """Provide a function like `track_video` that works in a child process until the block ends.

    Args:
        stall_seconds: a clip is given up when no frame was processed for so long.
        module: run as the child; it answers as `facewave.tracking.worker.answer_jobs` does.
    """
    tracker = IsolatedTracker(stall_seconds, module)
    try:
        yield tracker
    finally:
        tracker.close()


def _how_it_died(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code}, {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def _raise(answer: Mapping[str, Any]) -> None:
    name, message = answer["error"], answer["message"]
    if answer["errno"] is not None:
        raise OSError(answer["errno"], message)
    if name in _ERRORS:
        raise _ERRORS[name](message)
    raise WorkerError(f"{name}: {message}")
