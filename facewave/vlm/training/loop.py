"""The training loop: AdamW, warm-up and cosine, accumulation, checkpoints that lose nothing.

The loop knows of the model only what `Trainable` says. Whatever is random in a micro-batch is
seeded by its position in the training; the order of the clips and the step size are functions of
the step. So a killed training resumes bit for bit as it would have gone on, also in the middle of
an epoch.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from facewave.training import EarlyStopping
from facewave.vlm.training.batches import (
    Batch,
    Rows,
    batches_of_rank,
    epoch_steps,
    micro_batch_seed,
    prefetch,
)
from facewave.vlm.training.interface import (
    Trainable,
    TrainingData,
    TrainingFiles,
    TrainingOptions,
)
from facewave.vlm.training.log import StepLog, write_epochs
from facewave.vlm.training.optimizer import (
    learning_rate,
    make_optimizer,
    set_learning_rate,
    trained_parameters,
)
from facewave.vlm.training.parts import movements, weights_before, write_movements
from facewave.vlm.training.progress import (
    begin_epoch,
    resume_progress,
    resume_tables,
    save_progress,
)
from facewave.vlm.training.ranks import Ranks
from facewave.vlm.training.tensorboard import add_scalars
from facewave.vlm.training.validation import epoch_row, judge
from facewave.vlm.training.weights import load_state, save_state

_log = logging.getLogger("facewave")


def train(
    model: Trainable,
    data: TrainingData,
    *,
    options: TrainingOptions,
    seed: int,
    files: TrainingFiles,
    ranks: Ranks | None = None,
) -> int:
    """Train, and leave the weights of the best epoch in the model; return that epoch, from 1.

    The best epoch has the highest first score on the validation part, at equal scores the lowest
    loss.

    Args:
        model: on its device; trained parameters require a gradient and are float32.
        data: see `TrainingData`.
        options: see `TrainingOptions`.
        seed: of order and dropout.
        files: see `TrainingFiles`; training resumes from a checkpoint of the same key.
        ranks: this process among the others; None: alone, on the CPU.

    Raises:
        CheckpointError: the checkpoint is damaged, or belongs to another training.
        ValueError: there is nothing to train on or with, or the loss is not finite.
    """
    ranks = ranks or Ranks()
    if not data.train.size or not data.val.size:
        raise ValueError(
            f"{data.train.size} clips to train on and {data.val.size} to validate, but both are "
            "needed; raise the stage's share or choose another split.protocol"
        )
    with torch.random.fork_rng(devices=[]):
        return _Training(model, data, options, seed, files, ranks).run()


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
    ) -> None:
        self.model, self.data, self.options, self.seed = model, data, options, seed
        self.files, self.ranks = files, ranks
        self.parameters = trained_parameters(model)
        self.optimizer = make_optimizer(self.parameters, options)
        self.before = weights_before(self.parameters) if ranks.is_main else {}
        self.stopping = EarlyStopping(patience=options.patience)
        self.progress = begin_epoch(data)
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
        while self.progress.epoch <= self.options.epochs and not self.stopping.exhausted:
            self._epoch(log)
            self._close_epoch()
        self.ranks.barrier()
        best = self.stopping.best_epoch
        self.model.load_trainable_state(load_state(self.files.best(best))[0])
        if self.ranks.is_main:
            write_movements(self.files.movement, movements(self.before, self.parameters))
        return best

    def _resume(self) -> None:
        self.progress = resume_progress(
            self.model, self.optimizer, data=self.data, files=self.files, ranks=self.ranks
        )
        for row in self.progress.rows:
            judge(self.stopping, row)
        self.done = self._steps_done()
        if self.done:
            _log.info("resuming after step %d of %d", self.done, self.total)
        if self.ranks.is_main:
            resume_tables(self.progress, files=self.files, done=self.done, per_epoch=self.per_epoch)

    def _steps_done(self) -> int:
        return (self.progress.epoch - 1) * self.per_epoch + self.progress.step

    def _steps(self, *, epoch: int) -> list[list[Rows]]:
        return epoch_steps(
            self.data.train.size,
            batch_size=self.options.batch_size,
            accumulation=self.options.accumulation,
            seed=self.seed,
            epoch=epoch,
        )

    def _epoch(self, log: StepLog) -> None:
        steps = self._steps(epoch=self.progress.epoch)[self.progress.step :]
        mine = [
            batches_of_rank(step, rank=self.ranks.rank, ranks=self.ranks.count) for step in steps
        ]
        batches = prefetch(
            self.data.make_batch,
            [self.data.train[rows] for step in mine for _, rows in step],
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
            self._steps_done(),
            steps=self.total,
            peak=self.options.learning_rate,
            warmup=self.options.warmup,
        )
        before = self.progress.loss
        for number, rows in mine:
            self._micro_step(next(batches), number=number, rows=rows, clips=clips)
        norm = self._optimizer_step(mine, rate=rate)
        self.progress.step += 1
        done = self._steps_done()
        added = torch.tensor([self.progress.loss - before], dtype=torch.float64)
        loss = self.ranks.total(added).item() / clips
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise ValueError(
                f"the loss became infinite in step {done}: set vlm.learning_rate below "
                f"{self.options.learning_rate}"
            )
        if self.ranks.is_main:
            log.step(done, epoch=self.progress.epoch, loss=loss, norm=norm, rate=rate, clips=clips)
        # The end of an epoch writes a checkpoint of its own, after the validation.
        if done % self.options.checkpoint_steps == 0 and self.progress.step < self.per_epoch:
            self._save()

    def _micro_step(self, batch: Batch, *, number: int, rows: Rows, clips: int) -> None:
        epoch, step = self.progress.epoch, self.progress.step
        torch.manual_seed(micro_batch_seed(self.seed, epoch=epoch, step=step, number=number))
        answer = self.model(batch)
        if answer.loss is None:
            raise ValueError("the model gave no loss: the batch has no labels")
        loss = answer.loss.float()
        # The step's gradient is that of the mean over all its clips, whichever rank they are on.
        (loss * (rows.size / clips)).backward()  # type: ignore[no-untyped-call]
        self.progress.loss += loss.item() * rows.size
        logits = torch.tensor(math.nan) if answer.logits is None else answer.logits.detach()
        self.progress.logits[torch.from_numpy(rows)] = logits.float().cpu()

    def _optimizer_step(self, mine: Sequence[Any], *, rate: float) -> float:
        """Sum the ranks' gradients, clip them and step; return the norm before clipping."""
        for name, parameter in self.parameters.items():
            if parameter.grad is not None:
                continue
            if mine:
                raise ValueError(
                    f"{name} is to be trained, but the loss does not depend on it: freeze it or "
                    "do not build it"
                )
            parameter.grad = torch.zeros_like(parameter)
        self.ranks.all_reduce([p.grad for p in self.parameters.values() if p.grad is not None])
        norm = nn.utils.clip_grad_norm_(self.parameters.values(), self.options.clip_norm)
        set_learning_rate(self.optimizer, rate)
        self.optimizer.adamw.step()
        self.optimizer.adamw.zero_grad()
        return float(norm)

    def _close_epoch(self) -> None:
        row = epoch_row(
            self.progress, self.model, self.data, options=self.options, ranks=self.ranks
        )
        rows = [*self.progress.rows, row]
        self.progress = begin_epoch(self.data, epoch=self.progress.epoch + 1, rows=rows)
        better = judge(self.stopping, row)
        if self.ranks.is_main:
            write_epochs(self.files.metrics, self.progress.rows)
            add_scalars(self.files.events, "epoch", self._steps_done(), row)
            words = ", ".join(f"{name} {value:.4f}" for name, value in list(row.items())[1:])
            _log.info("epoch %d: %s%s", row["epoch"], words, " (best)" if better else "")
            if better:
                best = self.files.best(self.stopping.best_epoch)
                save_state(best, self.model.trainable_state(), {})
        self._save()

    def _save(self) -> None:
        save_progress(
            self.progress,
            self.model,
            self.optimizer,
            files=self.files,
            best_epoch=self.stopping.best_epoch,
            ranks=self.ranks,
        )
