"""A line every few seconds in a job's log: how far it is, how fast, how long it still takes."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

_log = logging.getLogger("facewave")


@dataclass
class Progress:
    """Counts clips done and frames seen.

    Attributes:
        total: clips to do.
        every: seconds between two lines.
    """

    total: int
    every: float = 5.0
    done: int = 0
    computed: int = 0
    frames: int = 0
    started: float = field(default_factory=time.monotonic)
    said: float = field(default_factory=time.monotonic)

    def step(self, *, computed: bool, frames: int = 0) -> None:
        """Count a clip; `computed` is false for one that was in the store already."""
        self.done += 1
        self.computed += computed
        self.frames += frames if computed else 0
        now = time.monotonic()
        if now - self.said >= self.every or self.done == self.total:
            self.said = now
            _log.info(self.line(now - self.started))

    def line(self, seconds: float) -> str:
        """Return the line for `seconds` since the start."""
        rate = self.done / seconds if seconds > 0 else 0.0
        left = f"{(self.total - self.done) / rate:.0f} s left" if rate else "time left unknown"
        return (
            f"{self.done}/{self.total} clips ({self.computed} computed), {rate:.2f} clips/s, "
            f"{self.frames / seconds if seconds > 0 else 0.0:.1f} frames/s, {left}"
        )
