"""A job's log file, which also gets what its C libraries print, and the progress of its clips."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

_log = logging.getLogger("facewave")

Hook = Callable[[type[BaseException], BaseException, TracebackType | None], Any]


@contextmanager
def job_log(path: Path | str | None) -> Iterator[None]:
    """Send stderr (that of C libraries too) and facewave's log to a file within the block.

    An exception is written to the log and raised again. If nothing catches it, the interpreter does
    not print it once more: Snakemake shows the logs of failed jobs. SIGTERM, with which Slurm ends
    a job, becomes an exception as well: what the job had begun to write is removed.

    Args:
        path: the log file; None leaves everything where it is.
    """
    if path is None:
        yield
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    with Path(path).open("w", encoding="utf-8", buffering=1) as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        handler = logging.StreamHandler(file)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        logger = logging.getLogger("facewave")
        level = logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            with _sigterm_raises():
                yield
        except BaseException as error:
            traceback.print_exc(file=file)
            sys.excepthook = _silent_about(error, sys.excepthook)
            raise
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """Have SIGTERM raise SystemExit within the block, where it would end the process at once."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        # A second signal must not cut the tidying short: Slurm sends SIGTERM to every step.
        signal.signal(number, signal.SIG_IGN)
        _log.warning("SIGTERM: the job ends here; what it finished stays")
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _silent_about(told: BaseException, hook: Hook) -> Hook:
    """Return an exception hook that prints nothing of one exception, and of others as before."""

    def call(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if error is not told:
            hook(kind, error, trace)

    return call


@dataclass
class Progress:
    """Counts clips and frames, and logs the progress.

    Attributes:
        total: number of clips.
        every: seconds between two lines.
    """

    total: int
    every: float = 5.0
    done: int = 0
    computed: int = 0
    frames: int = 0
    started: float = field(default_factory=time.monotonic)
    reported: float = field(default_factory=time.monotonic)

    def step(self, *, computed: bool, frames: int = 0) -> None:
        """Count a clip; `computed` is false if it was in the store already."""
        self.done += 1
        self.computed += computed
        self.frames += frames if computed else 0
        now = time.monotonic()
        if now - self.reported >= self.every or self.done == self.total:
            self.reported = now
            _log.info(self.line(now - self.started))

    def line(self, seconds: float) -> str:
        """Return the line for `seconds` since the start."""
        rate = self.done / seconds if seconds > 0 else 0.0
        left = f"{(self.total - self.done) / rate:.0f} s left" if rate else "time left unknown"
        return (
            f"{self.done}/{self.total} clips ({self.computed} computed), {rate:.2f} clips/s, "
            f"{self.frames / seconds if seconds > 0 else 0.0:.1f} frames/s, {left}"
        )
