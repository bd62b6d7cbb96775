"""What a training run is given, and what it tells epoch by epoch."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from facewave.mlp.options import MlpOptions


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One row of `metrics.csv`; scores are fractions, over valid clips only.

    Attributes:
        epoch: from 1.
        train_loss: weighted cross entropy in nats over the steps of the epoch, with dropout and
            with weights that change from step to step.
        val_loss: weighted cross entropy in nats after the epoch.
        train_uar: of the same steps' answers; it thus lags behind the validation scores.
        val_uar: mean recall over the classes of the validation part.
        val_war: accuracy on the validation part.
        learning_rate: of the epoch's steps.
    """

    epoch: int
    train_loss: float
    val_loss: float
    train_uar: float
    val_uar: float
    val_war: float
    learning_rate: float


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """How a model is trained.

    Attributes:
        options: of network and training.
        seed: of weights, batch order and dropout.
        metrics_path: the CSV with a row an epoch. While training runs its rows are in the file
            with `.partial` at the end of the name.
        threads: torch's threads inside an operation.
        on_epoch: called after each epoch.
    """

    options: MlpOptions
    seed: int
    metrics_path: Path
    threads: int = 1
    on_epoch: Callable[[Epoch], None] | None = None

    @contextmanager
    def record(self) -> Iterator[Callable[[Epoch], None]]:
        """Open the file of metrics; yields what writes an epoch's row and calls `on_epoch`."""
        path = Path(self.metrics_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        with partial.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle, lineterminator="\n")
            writer.writerow(field.name for field in fields(Epoch))

            def write(row: Epoch) -> None:
                writer.writerow(f"{v:.6g}" if isinstance(v, float) else v for v in astuple(row))
                handle.flush()
                if self.on_epoch:
                    self.on_epoch(row)

            yield write
            os.fsync(handle.fileno())
        partial.replace(path)
