"""The end of an epoch: the model answers the validation part, and the epoch is judged by that."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from facewave.evaluation.regression import goodness
from facewave.training import EarlyStopping
from facewave.vlm.training.batches import Rows, batches_of_rank, prefetch
from facewave.vlm.training.interface import Trainable, TrainingData, TrainingOptions
from facewave.vlm.training.progress import TrainingProgress
from facewave.vlm.training.ranks import Ranks


def epoch_row(
    progress: TrainingProgress,
    model: Trainable,
    data: TrainingData,
    *,
    options: TrainingOptions,
    ranks: Ranks,
) -> dict[str, float]:
    """Return the row of a finished epoch: number, losses, scores of training and validation part.

    The scores of the training part come from the answers during training, with dropout and while
    the weights changed; they are NaN where the model gave no logits.

    Raises:
        ValueError: the validation loss is not finite.
    """
    loss = ranks.total(torch.tensor([progress.loss], dtype=torch.float64)).item()
    logits = ranks.total(progress.logits).numpy()
    val_logits, val_loss = answer_rows(model, data, data.val, options=options, ranks=ranks)
    if val_loss is None or not math.isfinite(val_loss):
        raise ValueError(
            f"the validation loss is {val_loss} after epoch {progress.epoch}: set "
            f"vlm.learning_rate below {options.learning_rate}"
        )
    seen = data.score(val_logits, data.val)
    trained: Mapping[str, float] = dict.fromkeys(seen, math.nan)
    if np.isfinite(logits).all():
        trained = data.score(logits, data.train)
    return {
        "epoch": progress.epoch,
        "train_loss": loss / data.train.size,
        "val_loss": val_loss,
        **{f"train_{name}": value for name, value in trained.items()},
        **{f"val_{name}": value for name, value in seen.items()},
    }


def judge(stopping: EarlyStopping, row: Mapping[str, float]) -> bool:
    """Take in an epoch's row and tell whether it is the best: by its first score, then its loss."""
    first = next(name for name in row if name.startswith("val_") and name != "val_loss")
    score = goodness(first.removeprefix("val_"), row[first])
    return stopping.update(int(row["epoch"]), score=score, loss=row["val_loss"])


@torch.inference_mode()
def answer_rows(
    model: Trainable, data: TrainingData, rows: Rows, *, options: TrainingOptions, ranks: Ranks
) -> tuple[NDArray[np.float32], float | None]:
    """Return the logits of clips, float32 (n, C), and the mean loss over them, on every rank.

    The ranks divide the batches among themselves. The loss is None where the model gives none, or
    there is no clip.
    """
    model.train(False)
    batches = [
        np.arange(start, min(start + options.batch_size, rows.size))
        for start in range(0, rows.size, options.batch_size)
    ]
    mine = [numbers for _, numbers in batches_of_rank(batches, rank=ranks.rank, ranks=ranks.count)]
    ask = data.answer or model
    logits = torch.zeros(rows.size, data.outputs, device=ranks.device)
    total, labelled = 0.0, True
    made = prefetch(data.make_batch, [rows[numbers] for numbers in mine], device=ranks.device)
    for numbers, batch in zip(mine, made, strict=True):
        answer = ask(batch)
        if answer.logits is None:
            raise ValueError("the model gave no logits: give `answer`, which reads what it writes")
        logits[torch.from_numpy(numbers).to(ranks.device)] = answer.logits.float()
        labelled = labelled and answer.loss is not None
        total += 0.0 if answer.loss is None else float(answer.loss) * numbers.size
    loss = torch.tensor([total], dtype=torch.float64, device=ranks.device)
    ranks.all_reduce([loss])
    ranks.all_reduce([logits])
    return logits.cpu().numpy(), loss.item() / rows.size if labelled and rows.size else None
