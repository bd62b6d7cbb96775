"""What a model answers to clips, batch by batch, shared out among the ranks."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facewave.vlm.feed import fed
from facewave.vlm.order import Rows, of_rank
from facewave.vlm.ranks import Ranks
from facewave.vlm.training_data import Trainable, TrainingData
from facewave.vlm.training_options import TrainingOptions


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
