"""How far a training is, written to its folder and read again.

What is random is seeded by its place in the training, so a checkpoint holds weights, AdamW's
state, the place, and what the epoch has added up so far. The table of steps lies beside it: what
Snakemake removes of a killed job is not lost with it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from facewave.storage.tables import write_text
from facewave.vlm.training.checkpoint import read_checkpoint, write_checkpoint
from facewave.vlm.training.data import Trainable, TrainingData, TrainingFiles
from facewave.vlm.training.log import open_steps, write_epochs
from facewave.vlm.training.optimizer import NamedAdamW, load_optimizer, optimizer_tensors
from facewave.vlm.training.ranks import Ranks

_log = logging.getLogger("facewave")


@dataclass(kw_only=True)
class Place:
    """How far a training is: the part of a checkpoint that is no weight.

    Attributes:
        logits: float32 (n, C) of the clips of the epoch so far that this rank computed, zeros
            elsewhere.
        epoch: that runs, from 1.
        step: that comes next in it, from 0.
        loss: sum over the clips of the epoch so far, of this rank only.
        rows: a dict of scores a finished epoch.
    """

    logits: Tensor
    epoch: int = 1
    step: int = 0
    loss: float = 0.0
    rows: list[dict[str, float]] = field(default_factory=list)


def new_place(
    data: TrainingData, *, epoch: int = 1, rows: Sequence[dict[str, float]] = ()
) -> Place:
    """Return the beginning of an epoch."""
    return Place(logits=torch.zeros(data.train.size, data.outputs), epoch=epoch, rows=[*rows])


def save_place(
    place: Place,
    model: Trainable,
    optimizer: NamedAdamW,
    *,
    files: TrainingFiles,
    best_epoch: int,
    ranks: Ranks,
) -> None:
    """Write the checkpoint in place of the one before, then drop the weights of worse epochs."""
    loss = ranks.total(torch.tensor([place.loss], dtype=torch.float64)).item()
    logits = ranks.total(place.logits)
    if ranks.first:
        write_text(_kept_steps(files), files.steps.read_text(encoding="utf-8"))
        weights = {f"weights/{k}": v for k, v in model.trainable_state().items()}
        state = {f"optimizer/{k}": v for k, v in optimizer_tensors(optimizer).items()}
        write_checkpoint(
            files.checkpoints,
            {**weights, **state, "logits": logits},
            {
                "epoch": place.epoch,
                "step": place.step,
                "loss": loss,
                "rows": [_without_nan(row) for row in place.rows],
            },
            key=files.key,
        )
        files.drop_but(best_epoch)
    ranks.wait()


def resume_place(
    model: Trainable,
    optimizer: NamedAdamW,
    *,
    data: TrainingData,
    files: TrainingFiles,
    ranks: Ranks,
) -> Place:
    """Put weights and AdamW's state back and return the place; the beginning without a checkpoint.

    Raises:
        CheckpointError: the folder holds a checkpoint of something else.
    """
    found = read_checkpoint(files.checkpoints, key=files.key)
    ranks.wait()
    if found is None:
        return new_place(data)
    tensors, content = found
    model.load_trainable_state(_below("weights/", tensors))
    load_optimizer(optimizer, _below("optimizer/", tensors))
    place = new_place(
        data, epoch=content["epoch"], rows=[_with_nan(row) for row in content["rows"]]
    )
    place.step = content["step"]
    # The sums are of all ranks: the first one has them, the others start from nothing.
    if ranks.first:
        place.logits, place.loss = tensors["logits"], content["loss"]
    return place


def resume_tables(place: Place, *, files: TrainingFiles, done: int) -> None:
    """Write the tables as they were after `done` steps; a killed job's own may be gone."""
    open_steps(files.steps, kept=_kept_steps(files), done=done)
    if place.rows:
        write_epochs(files.metrics, place.rows)


def _kept_steps(files: TrainingFiles) -> Path:
    return files.checkpoints / "steps.csv"


def _without_nan(row: Mapping[str, float]) -> list[tuple[str, float | None]]:
    """Return a row as pairs, since JSON's mappings are sorted and the order of scores matters."""
    return [(name, None if math.isnan(value) else value) for name, value in row.items()]


def _with_nan(row: Sequence[tuple[str, float | None]]) -> dict[str, float]:
    return {name: math.nan if value is None else value for name, value in row}


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
