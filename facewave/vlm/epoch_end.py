"""The end of an epoch: the validation part is answered, and the epoch is judged by its answers."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch

from facewave.mlp_epochs import EarlyStopping
from facewave.vlm.answers import answer_rows
from facewave.vlm.ranks import Ranks
from facewave.vlm.training_data import Trainable, TrainingData
from facewave.vlm.training_options import TrainingOptions
from facewave.vlm.training_state import Place


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
