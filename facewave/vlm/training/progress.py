"""How far a training has come: its checkpoint, written to its folder and read again.

Whatever is random is seeded by its position in the training, so a checkpoint holds the weights,
AdamW's state, the position, and what the epoch has added up so far. The table of steps lies beside
it: Snakemake removes the outputs of a killed job, and this copy stays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facewave.storage.atomic import write_text
from facewave.vlm.training.interface import Trainable, TrainingData, TrainingFiles
from facewave.vlm.training.log import open_steps, write_epochs
from facewave.vlm.training.optimizer import NamedAdamW
from facewave.vlm.training.ranks import Ranks
from facewave.vlm.training.tensorboard import open_events
from facewave.vlm.training.weights import load_state, save_state

_NAME = "checkpoint.safetensors"


class CheckpointError(ValueError):
    """A checkpoint cannot be used."""


@dataclass(kw_only=True)
class TrainingProgress:
    """How far a training has come: everything in a checkpoint but weights and AdamW's state.

    Attributes:
        logits: float32 (n, C) of the clips of the epoch so far that this rank computed, zeros
            elsewhere.
        epoch: the current one, from 1.
        step: the next one in the epoch, from 0.
        loss: sum over the clips of the epoch so far, of this rank only.
        rows: the scores of each finished epoch.
    """

    logits: Tensor
    epoch: int = 1
    step: int = 0
    loss: float = 0.0
    rows: list[dict[str, float]] = field(default_factory=list)


def begin_epoch(
    data: TrainingData, *, epoch: int = 1, rows: Sequence[dict[str, float]] = ()
) -> TrainingProgress:
    """Return the beginning of an epoch."""
    logits = torch.zeros(data.train.size, data.outputs)
    return TrainingProgress(logits=logits, epoch=epoch, rows=[*rows])


def save_progress(
    progress: TrainingProgress,
    model: Trainable,
    optimizer: NamedAdamW,
    *,
    files: TrainingFiles,
    best_epoch: int,
    ranks: Ranks,
) -> None:
    """Replace the checkpoint by a new one, then delete the weights of worse epochs."""
    loss = ranks.total(torch.tensor([progress.loss], dtype=torch.float64)).item()
    logits = ranks.total(progress.logits)
    if ranks.is_main:
        write_text(_kept_steps(files), files.steps.read_text(encoding="utf-8"))
        weights = {f"weights/{k}": v for k, v in model.trainable_state().items()}
        state = {f"optimizer/{k}": v for k, v in _optimizer_tensors(optimizer).items()}
        content = {
            "epoch": progress.epoch,
            "step": progress.step,
            "loss": loss,
            "rows": [_without_nan(row) for row in progress.rows],
            "key": files.key,
        }
        save_state(files.checkpoints / _NAME, {**weights, **state, "logits": logits}, content)
        files.delete_other_checkpoints(best_epoch)
    ranks.barrier()


def resume_progress(
    model: Trainable,
    optimizer: NamedAdamW,
    *,
    data: TrainingData,
    files: TrainingFiles,
    ranks: Ranks,
) -> TrainingProgress:
    """Restore weights and AdamW's state, and return the progress; without a checkpoint the start.

    Raises:
        CheckpointError: the checkpoint is damaged, or belongs to another training.
    """
    found = _read_checkpoint(files)
    ranks.barrier()
    if found is None:
        return begin_epoch(data)
    tensors, content = found
    model.load_trainable_state(_below("weights/", tensors))
    _load_optimizer(optimizer, _below("optimizer/", tensors))
    progress = begin_epoch(
        data, epoch=content["epoch"], rows=[_with_nan(row) for row in content["rows"]]
    )
    progress.step = content["step"]
    # The sums are over all ranks: the main one takes them, the others start from zero.
    if ranks.is_main:
        progress.logits, progress.loss = tensors["logits"], content["loss"]
    return progress


def resume_tables(
    progress: TrainingProgress, *, files: TrainingFiles, done: int, per_epoch: int
) -> None:
    """Write the tables as they were after `done` steps; those of a killed job may be gone."""
    open_steps(files.steps, kept=_kept_steps(files), done=done)
    if progress.rows:
        write_epochs(files.metrics, progress.rows)
    open_events(files.events, steps=files.steps, epochs=progress.rows, per_epoch=per_epoch)


def _read_checkpoint(files: TrainingFiles) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    path = files.checkpoints / _NAME
    if not path.exists():
        return None
    try:
        tensors, content = load_state(path)
    except ValueError as error:
        raise CheckpointError(
            f"{error}; remove {files.checkpoints} to train from the start"
        ) from error
    if content.get("key") != files.key:
        raise CheckpointError(
            f"{path}: belongs to a training with other options or data (key {content.get('key')}, "
            f"this one has {files.key}); remove the folder to train from the start"
        )
    return tensors, content


def _optimizer_tensors(optimizer: NamedAdamW) -> dict[str, Tensor]:
    """Return AdamW's state by `{quantity}/{parameter}`; it consists of tensors only."""
    state = optimizer.adamw.state_dict()["state"]
    return {
        f"{quantity}/{optimizer.names[number]}": value
        for number, quantities in state.items()
        for quantity, value in quantities.items()
    }


def _load_optimizer(optimizer: NamedAdamW, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `_optimizer_tensors` returned."""
    names, adamw = optimizer.names, optimizer.adamw
    number_of = {name: number for number, name in names.items()}
    state: dict[int, dict[str, Tensor]] = {}
    for path, value in tensors.items():
        quantity, _, name = path.partition("/")
        if name not in number_of:
            raise CheckpointError(f"checkpoint: {name!r} is not trained here")
        state.setdefault(number_of[name], {})[quantity] = value
    if missing := sorted(set(names) - set(state)):
        raise CheckpointError(f"checkpoint: no optimiser state of {names[missing[0]]!r}")
    adamw.load_state_dict({**adamw.state_dict(), "state": state})


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
