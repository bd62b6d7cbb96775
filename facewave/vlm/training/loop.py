"""The training loop: AdamW, warm-up and cosine, accumulation, checkpoints that lose nothing.

The loop knows nothing of the model but `Trainable`. Whatever is random in a micro-batch is seeded
by its place in the training, the order of the clips and the step size are functions of the step:
a training that was killed goes on bit for bit as it would have, also in the middle of an epoch.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from facewave.training import EarlyStopping
from facewave.vlm.training.checkpoint import load_state, save_state
from facewave.vlm.training.data import Batch, Trainable, TrainingData, TrainingFiles
from facewave.vlm.training.log import StepLog, write_epochs
from facewave.vlm.training.optimizer import make_optimizer, trained_parameters
from facewave.vlm.training.options import TrainingOptions
from facewave.vlm.training.prefetch import fed
from facewave.vlm.training.ranks import Ranks
from facewave.vlm.training.schedule import Rows, epoch_steps, learning_rate, micro_seed, of_rank
from facewave.vlm.training.state import new_place, resume_place, resume_tables, save_place
from facewave.vlm.training.validation import epoch_row, judge, precision

_log = logging.getLogger("facewave")


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
        self.optimizer = make_optimizer(self.parameters, options)
        self.stopping = EarlyStopping(patience=options.patience)
        self.place = new_place(data)
        self.per_epoch = len(self._steps(epoch=1))
        self.total = self.per_epoch * options.epochs
        self.done = 0

    def run(self) -> int:
        self._resume()
        log = StepLog(
            path=self.files.steps,
            steps=self.total,
            done=self.done,
            epochs=self.options.epochs,
            device=self.ranks.device,
        )
        while self.place.epoch <= self.options.epochs and not self.stopping.exhausted:
            self._epoch(log)
            self._close_epoch()
        self.ranks.wait()
        best = self.stopping.best_epoch
        self.model.load_trainable_state(load_state(self.files.best(best))[0])
        return best

    def _resume(self) -> None:
        self.place = resume_place(
            self.model, self.optimizer, data=self.data, files=self.files, ranks=self.ranks
        )
        for row in self.place.rows:
            judge(self.stopping, row)
        self.done = self._number()
        if self.done:
            _log.info("going on after step %d of %d", self.done, self.total)
        if self.ranks.first:
            resume_tables(self.place, files=self.files, done=self.done)

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
        norm = self._move(mine, rate=rate)
        self.place.step += 1
        number = self._number()
        added = torch.tensor([self.place.loss - before], dtype=torch.float64)
        loss = self.ranks.total(added).item() / clips
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise ValueError(
                f"the loss became infinite in step {number}: set vlm.learning_rate below "
                f"{self.options.learning_rate}"
            )
        if self.ranks.first:
            log.step(number, epoch=self.place.epoch, loss=loss, norm=norm, rate=rate, clips=clips)
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

    def _move(self, mine: Sequence[Any], *, rate: float) -> float:
        """Add up the ranks' gradients, clip them and move the weights; return the norm before."""
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
        norm = nn.utils.clip_grad_norm_(self.parameters.values(), self.options.clip_norm)
        adamw = self.optimizer.adamw
        for group in adamw.param_groups:
            group["lr"] = rate
        adamw.step()
        adamw.zero_grad()
        return float(norm)

    def _close_epoch(self) -> None:
        row = epoch_row(self.place, self.model, self.data, options=self.options, ranks=self.ranks)
        self.place = new_place(self.data, epoch=self.place.epoch + 1, rows=[*self.place.rows, row])
        better = judge(self.stopping, row)
        if self.ranks.first:
            write_epochs(self.files.metrics, self.place.rows)
            words = ", ".join(f"{name} {value:.4f}" for name, value in list(row.items())[1:])
            _log.info("epoch %d: %s%s", row["epoch"], words, " (best)" if better else "")
            if better:
                best = self.files.best(self.stopping.best_epoch)
                save_state(best, self.model.trainable_state(), {})
        self._save()

    def _save(self) -> None:
        save_place(
            self.place,
            self.model,
            self.optimizer,
            files=self.files,
            best_epoch=self.stopping.best_epoch,
            ranks=self.ranks,
        )
