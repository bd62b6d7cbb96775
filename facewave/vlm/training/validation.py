"""The end of an epoch: the validation part is answered, and the epoch is judged by its answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facewave.training import EarlyStopping
from facewave.vlm.training.data import Trainable, TrainingData
from facewave.vlm.training.options import TrainingOptions
from facewave.vlm.training.prefetch import fed
from facewave.vlm.training.ranks import Ranks
from facewave.vlm.training.schedule import Rows, of_rank
from facewave.vlm.training.state import Place


def epoch_row(
    place: Place,
    model: Trainable,
    data: TrainingData,
    *,
    options: TrainingOptions,
    ranks: Ranks,
) -> dict[str, float]:
    """Return the row of a finished epoch: number, losses, scores of training and validation part.

    Scores of the training part are those of its answers as they were trained on, with dropout and
    while the weights changed; NaN where the model gave none.

    Raises:
        ValueError: the validation loss is not finite.
    """
    loss = ranks.total(torch.tensor([place.loss], dtype=torch.float64)).item()
    logits = ranks.total(place.logits).numpy()
    val_logits, val_loss = answer_rows(model, data, data.val, options=options, ranks=ranks)
    if val_loss is None or not math.isfinite(val_loss):
        raise ValueError(
            f"the validation loss is {val_loss} after epoch {place.epoch}: set "
            f"vlm.learning_rate below {options.learning_rate}"
        )
    seen = data.score(val_logits, data.val)
    trained: Mapping[str, float] = dict.fromkeys(seen, math.nan)
    if np.isfinite(logits).all():
        trained = data.score(logits, data.train)
    return {
        "epoch": place.epoch,
        "train_loss": loss / data.train.size,
        "val_loss": val_loss,
        **{f"train_{name}": value for name, value in trained.items()},
        **{f"val_{name}": value for name, value in seen.items()},
    }


def judge(stopping: EarlyStopping, row: Mapping[str, float]) -> bool:
    """Take in an epoch's row and tell whether it is the best: highest first score, lowest loss."""
    first = next(name for name in row if name.startswith("val_") and name != "val_loss")
    return stopping.update(int(row["epoch"]), uar=row[first], loss=row["val_loss"])


def precision(options: TrainingOptions, device: torch.device) -> AbstractContextManager[Any]:
    """Return the context in which the model computes: autocast to bfloat16, or nothing."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=options.dtype == "bfloat16")


@torch.inference_mode()
def answer_rows(
    model: Trainable, data: TrainingData, rows: Rows, *, options: TrainingOptions, ranks: Ranks
) -> tuple[NDArray[np.float32], float | None]:
    """Return the logits of clips, float32 (n, C), and the mean loss over them, on every rank.

    The ranks share out the batches. The loss is None where the model gives none, or there is no
    clip.
    """
    model.train(False)
    batches = [
        np.arange(start, min(start + options.batch_size, rows.size))
        for start in range(0, rows.size, options.batch_size)
    ]
    mine = [places for _, places in of_rank(batches, rank=ranks.rank, ranks=ranks.count)]
    ask = data.answer or model
    logits = torch.zeros(rows.size, data.outputs, device=ranks.device)
    total, labelled = 0.0, True
    for places, batch in zip(
        mine, fed(data.feed, [rows[places] for places in mine], device=ranks.device), strict=True
    ):
        with precision(options, ranks.device):
            answer = ask(batch)
        if answer.logits is None:
            raise ValueError("the model gave no logits: give `answer`, which reads what it says")
        logits[torch.from_numpy(places).to(ranks.device)] = answer.logits.float()
        labelled = labelled and answer.loss is not None
        total += 0.0 if answer.loss is None else float(answer.loss) * places.size
    loss = torch.tensor([total], dtype=torch.float64, device=ranks.device)
    ranks.add_up([loss])
    ranks.add_up([logits])
    return logits.cpu().numpy(), loss.item() / rows.size if labelled and rows.size else None
