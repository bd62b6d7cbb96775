"""The training loop: AdamW, warm-up and cosine, accumulation, checkpoints that lose nothing.

The loop knows nothing of the model but `Trainable`. Whatever is random in a micro-batch is seeded
by its place in the training, the order of the clips and the step size are functions of the step:
a training that was killed goes on bit for bit as it would have, also in the middle of an epoch.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from facewave.mlp_epochs import EarlyStopping
from facewave.vlm.answers import answer_rows, precision
from facewave.vlm.checkpoint import read_checkpoint, write_checkpoint
from facewave.vlm.feed import fed
from facewave.vlm.optimizer import (
    load_optimizer,
    make_optimizer,
    optimizer_tensors,
    trained_parameters,
)
from facewave.vlm.order import Rows, epoch_steps, micro_seed, of_rank
from facewave.vlm.ranks import Ranks
from facewave.vlm.save import load_state, save_state
from facewave.vlm.schedule import learning_rate
from facewave.vlm.training_data import Batch, Trainable, TrainingData, TrainingFiles
from facewave.vlm.training_log import StepLog, open_steps, write_epochs
from facewave.vlm.training_options import TrainingOptions

_log = logging.getLogger("facewave")


@dataclass(kw_only=True)
class _Place:
    """How far a training is: the part of a checkpoint that is no weight.

    Attributes:
        epoch: that runs, from 1.
        step: that comes next in it, from 0.
        loss: sum over the clips of the epoch so far, of this rank only.
        logits: of these clips, (n, C), zeros elsewhere.
        rows: a dict of scores a finished epoch.
    """

    logits: Tensor
    epoch: int = 1
    step: int = 0
    loss: float = 0.0
    rows: list[dict[str, float]] = field(default_factory=list)


def train(
    model: Trainable,
    data: TrainingData,
    *,
    options: TrainingOptions,
    seed: int,
    files: TrainingFiles,
    ranks: Ranks | None = None,
    stop_after: int | None = None,
) -> int:
    """Train, and leave the weights of the best epoch in the model; return that epoch, from 1.

    Best is the highest first score on the validation part, at equal scores the lowest loss.

    Args:
        model: on its device; what is trained requires a gradient and is float32.
        data: see `TrainingData`.
        options: see `TrainingOptions`.
        seed: of order and dropout.
        files: see `TrainingFiles`; a checkpoint of the same key is gone on from.
        ranks: this process among the others; None: alone, on the CPU.
        stop_after: optimiser steps after which `Stopped` is raised, for tests.

    Raises:
        CheckpointError: the folder holds a checkpoint of something else.
        ValueError: there is nothing to train on or with, or the loss became infinite.
    """
    ranks = ranks or Ranks()
    if not data.train.size or not data.val.size:
        raise ValueError(
            f"{data.train.size} clips to train on and {data.val.size} to validate: there must be "
            "both; raise the stage's share or choose another split.protocol"
        )
    with torch.random.fork_rng(devices=[]):
        return _Training(model, data, options, seed, files, ranks, stop_after).run()


class Stopped(Exception):  # noqa: N818 (nothing went wrong)
    """The training was told to end early."""


class _Training:
    """The state of one call of `train`."""

    def __init__(
        self,
        model: Trainable,
        data: TrainingData,
        options: TrainingOptions,
        seed: int,
        files: TrainingFiles,
        ranks: Ranks,
        stop_after: int | None,
    ) -> None:
        self.model, self.data, self.options, self.seed = model, data, options, seed
        self.files, self.ranks, self.stop_after = files, ranks, stop_after
        self.parameters = trained_parameters(model)
        self.optimizer, self.names = make_optimizer(self.parameters, options)
        self.stopping = EarlyStopping(patience=options.patience)
        self.place = _Place(logits=self._no_logits())
        self.per_epoch = len(self._steps(epoch=1))
        self.total = self.per_epoch * options.epochs
        self.done = 0

    def run(self) -> int:
        self._resume()
        self.done = self._number()
        if self.ranks.first:
            open_steps(self.files.steps, done=self.done)
        log = StepLog(
            path=self.files.steps,
            steps=self.total,
            done=self.done,
            epochs=self.options.epochs,
            device=self.ranks.device,
        )
        while self.place.epoch <= self.options.epochs and not self.stopping.exhausted:
            self._epoch(log)
        self._load_best()
        return self.stopping.best_epoch

    def _no_logits(self) -> Tensor:
        return torch.zeros(self.data.train.size, self.data.outputs)

    def _number(self) -> int:
        return (self.place.epoch - 1) * self.per_epoch + self.place.step

    def _steps(self, *, epoch: int) -> list[list[Rows]]:
        return epoch_steps(
            self.data.train.size,
            batch_size=self.options.batch_size,
            accumulation=self.options.accumulation,
            seed=self.seed,
            epoch=epoch,
        )

    def _epoch(self, log: StepLog) -> None:
        steps = self._steps(epoch=self.place.epoch)[self.place.step :]
        mine = [of_rank(step, rank=self.ranks.rank, ranks=self.ranks.count) for step in steps]
        batches = fed(
            self.data.feed,
            [self.data.train[places] for step in mine for _, places in step],
            device=self.ranks.device,
        )
        self.model.train()
        log.begin()
        for micro_batches, step in zip(mine, steps, strict=True):
            clips = sum(batch.size for batch in step)
            self._step(micro_batches, batches, clips=clips, log=log)
        self._close_epoch()

    def _step(
        self, mine: Sequence[tuple[int, Rows]], batches: Any, *, clips: int, log: StepLog
    ) -> None:
        rate = learning_rate(
            self._number(),
            steps=self.total,
            peak=self.options.learning_rate,
            warmup=self.options.warmup,
        )
        before = self.place.loss
        for place, places in mine:
            self._micro_step(next(batches), place=place, places=places, clips=clips)
        self._join_gradients(mine)
        norm = nn.utils.clip_grad_norm_(self.parameters.values(), self.options.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.place.step += 1
        number = self._number()
        loss = torch.tensor([self.place.loss - before], dtype=torch.float64)
        total = self._added_up(loss).item() / clips
        if not math.isfinite(total) or not math.isfinite(float(norm)):
            raise ValueError(
                f"the loss became infinite in step {number}: set vlm.learning_rate below "
                f"{self.options.learning_rate}"
            )
        if self.ranks.first:
            log.step(
                number,
                epoch=self.place.epoch,
                loss=total,
                norm=float(norm),
                rate=rate,
                clips=clips,
            )
        # The end of an epoch writes its own, after the validation.
        if number % self.options.checkpoint_steps == 0 and self.place.step < self.per_epoch:
            self._save()
        if self.stop_after is not None and number - self.done >= self.stop_after:
            raise Stopped(f"after step {number}")

    def _micro_step(self, batch: Batch, *, place: int, places: Rows, clips: int) -> None:
        seed = micro_seed(self.seed, epoch=self.place.epoch, step=self.place.step, place=place)
        torch.manual_seed(seed)
        with precision(self.options, self.ranks.device):
            answer = self.model(batch)
        if answer.loss is None:
            raise ValueError("the model gave no loss: the batch has no labels")
        loss = answer.loss.float()
        # The step's gradient is that of the mean over all its clips, on whatever rank they are.
        (loss * (places.size / clips)).backward()  # type: ignore[no-untyped-call]
        self.place.loss += loss.item() * places.size
        logits = torch.tensor(math.nan) if answer.logits is None else answer.logits.detach()
        self.place.logits[torch.from_numpy(places)] = logits.float().cpu()

    def _join_gradients(self, mine: Sequence[Any]) -> None:
        for name, parameter in self.parameters.items():
            if parameter.grad is not None:
                continue
            if mine:
                raise ValueError(
                    f"{name} is to be trained, but the loss does not depend on it: freeze it or "
                    "do not build it"
                )
            parameter.grad = torch.zeros_like(parameter)
        self.ranks.add_up([p.grad for p in self.parameters.values() if p.grad is not None])

    def _added_up(self, tensor: Tensor) -> Tensor:
        """Return the sum of a CPU tensor over the ranks; NCCL adds on GPUs only."""
        moved = tensor.to(self.ranks.device)
        self.ranks.add_up([moved])
        return moved.cpu()

    def _close_epoch(self) -> None:
        place, options = self.place, self.options
        loss = self._added_up(torch.tensor([place.loss], dtype=torch.float64)).item()
        logits = self._added_up(place.logits).numpy()
        val_logits, val_loss = answer_rows(
            self.model, self.data, self.data.val, options=options, ranks=self.ranks
        )
        if val_loss is None or not math.isfinite(val_loss):
            raise ValueError(
                f"the validation loss is {val_loss} after epoch {place.epoch}: set "
                f"vlm.learning_rate below {options.learning_rate}"
            )
        seen = self.data.score(val_logits, self.data.val)
        trained: Mapping[str, float] = dict.fromkeys(seen, math.nan)
        if np.isfinite(logits).all():
            trained = self.data.score(logits, self.data.train)
        row: dict[str, float] = {
            "epoch": place.epoch,
            "train_loss": loss / self.data.train.size,
            "val_loss": val_loss,
            **{f"train_{name}": value for name, value in trained.items()},
            **{f"val_{name}": value for name, value in seen.items()},
        }
        self.place = _Place(
            logits=self._no_logits(), epoch=place.epoch + 1, rows=[*place.rows, row]
        )
        better = self._judge(row)
        if self.ranks.first:
            write_epochs(self.files.metrics, self.place.rows)
            words = ", ".join(f"{name} {value:.4f}" for name, value in list(row.items())[1:])
            _log.info("epoch %d: %s%s", row["epoch"], words, " (best)" if better else "")
            if better:
                save_state(self._best_path(), self.model.trainable_state(), {})
        self._save()

    def _judge(self, row: Mapping[str, float]) -> bool:
        first = next(name for name in row if name.startswith("val_") and name != "val_loss")
        return self.stopping.update(int(row["epoch"]), uar=row[first], loss=row["val_loss"])

    def _best_path(self) -> Path:
        return self.files.checkpoints / f"best-{self.stopping.best_epoch}.safetensors"

    def _save(self) -> None:
        place = self.place
        loss = self._added_up(torch.tensor([place.loss], dtype=torch.float64)).item()
        logits = self._added_up(place.logits)
        if self.ranks.first:
            weights = {f"weights/{k}": v for k, v in self.model.trainable_state().items()}
            state = optimizer_tensors(self.optimizer, self.names)
            write_checkpoint(
                self.files.checkpoints,
                weights | {f"optimizer/{k}": v for k, v in state.items()} | {"logits": logits},
                {
                    "epoch": place.epoch,
                    "step": place.step,
                    "loss": loss,
                    "rows": [_without_nan(row) for row in place.rows],
                },
                key=self.files.key,
            )
            for path in self.files.checkpoints.glob("best-*.safetensors"):
                if path != self._best_path():
                    path.unlink()
        self.ranks.wait()

    def _resume(self) -> None:
        found = read_checkpoint(self.files.checkpoints, key=self.files.key)
        self.ranks.wait()
        if found is None:
            return
        tensors, content = found
        self.model.load_trainable_state(_below("weights/", tensors))
        load_optimizer(self.optimizer, _below("optimizer/", tensors), self.names)
        rows = [_with_nan(row) for row in content["rows"]]
        for row in rows:
            self._judge(row)
        # The sums are of all ranks: the first one has them, the others start from nothing.
        first = self.ranks.first
        self.place = _Place(
            logits=tensors["logits"] if first else self._no_logits(),
            epoch=content["epoch"],
            step=content["step"],
            loss=content["loss"] if first else 0.0,
            rows=rows,
        )
        _log.info("going on after step %d of %d", self._number(), self.total)

    def _load_best(self) -> None:
        self.ranks.wait()
        state, _ = load_state(self._best_path())
        self.model.load_trainable_state(state)


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
