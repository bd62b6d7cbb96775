"""What a training reports: a table of epochs, a table of steps, a line every few seconds."""

from __future__ import annotations

import csv
import io
import logging
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from facewave.storage.atomic import write_text
from facewave.vlm.training.tensorboard import EVENTS, add_scalars

_log = logging.getLogger("facewave")

STEP_COLUMNS = (
    "step",
    "epoch",
    "loss",
    "gradient_norm",
    "learning_rate",
    "clips_per_second",
    "memory_gb",
)


def write_epochs(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write the table of epochs as CSV, atomically; six significant digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow(f"{v:.6g}" if isinstance(v, float) else v for v in row.values())
    write_text(path, text.getvalue())


def open_steps(path: Path, *, kept: Path, done: int) -> None:
    """Prepare the table of steps: a header, and those of the first `done` steps in `kept`."""
    lines: list[str] = []
    if done and kept.exists():
        rows = kept.read_text(encoding="utf-8").splitlines()[1:]
        lines = [row for row in rows if int(row.split(",", 1)[0]) <= done]
    write_text(path, "".join(f"{line}\n" for line in [",".join(STEP_COLUMNS), *lines]))


@dataclass
class StepLog:
    """Writes one row per step, and logs every few seconds how far the training is.

    Attributes:
        path: the table of steps (CSV), as `open_steps` left it; beside it lies the event file.
        steps: optimiser steps of the whole training.
        done: steps that were done before this process started.
        epochs: of the whole training.
        device: whose memory use is reported.
        every: seconds between two lines of the log.
    """

    path: Path
    steps: int
    done: int
    epochs: int
    device: torch.device
    every: float = 5.0
    clips: int = 0
    busy: float = 0.0
    started: float = field(default_factory=time.monotonic)
    logged: float = field(default_factory=time.monotonic)
    last: float = field(default_factory=time.monotonic)

    def begin(self) -> None:
        """Start the clock of an epoch: the speed leaves validation out."""
        self.last = time.monotonic()

    def step(
        self, number: int, *, epoch: int, loss: float, norm: float, rate: float, clips: int
    ) -> None:
        """Take in a finished step; `number` counts from 1, `loss` is the mean over its clips."""
        now = time.monotonic()
        self.clips += clips
        self.busy, self.last = self.busy + now - self.last, now
        speed = self.clips / max(self.busy, 1e-9)
        memory = used_memory(self.device) / 1e9
        row = [f"{loss:.6g}", f"{norm:.6g}", f"{rate:.6g}", f"{speed:.4g}", f"{memory:.4g}"]
        row = [str(number), str(epoch), *row]
        with self.path.open("a", encoding="utf-8") as file:
            file.write(",".join(row) + "\n")
        numbers = dict(zip(STEP_COLUMNS, map(float, row), strict=True))
        add_scalars(self.path.with_name(EVENTS), "step", number, numbers)
        if now - self.logged < self.every and number != self.steps:
            return
        self.logged = now
        left = (self.steps - number) * (now - self.started) / max(number - self.done, 1)
        _log.info(
            "step %d of %d, epoch %d of %d: loss %.4f, %.2f clips/s, %.2f GB, %s left",
            *(number, self.steps, epoch, self.epochs, loss, speed, memory, duration(left)),
        )


def used_memory(device: torch.device) -> int:
    """Return the peak bytes that torch held on a GPU, or this process in main memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def duration(seconds: float) -> str:
    """Return seconds as h:mm:ss."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
