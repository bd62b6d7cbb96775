"""A model that answers in words: it is read strictly, and what names no class is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from facewave.prompts.questions import parse_answer
from facewave.vlm.training.data import Answer, Batch

# Difference of logits that makes a probability of 1 out of the class that was named.
_SURE = 200.0


@dataclass(frozen=True, kw_only=True)
class _Said:
    loss: Tensor | None
    logits: Tensor | None


@dataclass(frozen=True, kw_only=True, eq=False)
class TextAnswers:
    """Asks a model for text; C classes give C + 1 logits, the last one for an invalid answer.

    Attributes:
        model: with `generate_text`.
        classes: their names.
    """

    model: Any
    classes: Sequence[str]

    def __call__(self, batch: Batch) -> Answer:
        """Return the loss of the model, and logits (B, C + 1) that are sure of what it says."""
        loss = self.model(batch).loss if "labels" in batch else None
        texts = self.model.generate_text(batch)
        named = [parse_answer(text, self.classes) for text in texts]
        places = [len(self.classes) if place is None else place for place in named]
        logits = torch.zeros(len(texts), len(self.classes) + 1)
        logits[torch.arange(len(texts)), torch.tensor(places)] = _SURE
        device = batch["input_ids"].device
        return _Said(loss=loss, logits=logits.to(device))
