"""One sequence of embeddings: soft prefix, face, pictures, prompt; and what may see what.

Every token of the prefix sees every other one; tokens that follow it (an answer) see the prefix
and what stands before them. `token_type_ids` says so: 0 and 1. Without them transformers makes the
whole mask causal and says nothing, so they are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, kw_only=True, eq=False)
class Prefix:
    """A batch of sequences, padded in the middle or not at all; each ends where an answer begins.

    Attributes:
        embeds: (B, L, hidden), already scaled as the language model's own embeddings are.
        attention_mask: int64 (B, L), 0 for padding.
        token_type_ids: int64 (B, L), 0 in the prefix, 1 behind it.
    """

    embeds: Tensor
    attention_mask: Tensor
    token_type_ids: Tensor

    def inputs(self) -> dict[str, Any]:
        """Return the arguments for the language model."""
        return {
            "inputs_embeds": self.embeds,
            "attention_mask": self.attention_mask,
            "token_type_ids": self.token_type_ids,
            "position_ids": positions(self.attention_mask),
        }

    def followed_by(self, embeds: Tensor, mask: Tensor) -> Prefix:
        """Return the sequences with answers behind them: embeddings (B, A, hidden), mask (B, A)."""
        return Prefix(
            embeds=torch.cat([self.embeds, embeds.to(self.embeds.dtype)], dim=1),
            attention_mask=torch.cat([self.attention_mask, mask], dim=1),
            token_type_ids=torch.cat([self.token_type_ids, torch.ones_like(mask)], dim=1),
        )


def positions(attention_mask: Tensor) -> Tensor:
    """Return positions (B, L) that count from 1, as PaliGemma's do, and leave padding out."""
    return attention_mask.cumsum(dim=-1).clamp(min=1)


def join(front: Sequence[Tensor], prompt: Tensor, batch: Mapping[str, Tensor]) -> Prefix:
    """Put embeddings in front of the prompt's.

    Args:
        front: each (B, N, hidden).
        prompt: (B, L, hidden), embeddings of `batch["input_ids"]`.
        batch: with `attention_mask` and `token_type_ids` of the prompt.
    """
    parts = [part.to(prompt.dtype) for part in front]
    added = sum(part.shape[1] for part in parts)
    return Prefix(
        embeds=torch.cat([*parts, prompt], dim=1),
        attention_mask=functional.pad(batch["attention_mask"], (added, 0), value=1),
        token_type_ids=functional.pad(batch["token_type_ids"], (added, 0), value=0),
    )


def new_soft_prefix(embeddings: nn.Module, count: int) -> nn.Parameter | None:
    """Return `count` words drawn from a vocabulary as they are embedded, float32; None for 0."""
    if not count:
        return None
    weight: Tensor = embeddings.weight  # type: ignore[assignment]
    words = torch.randint(len(weight), (count,)).to(weight.device)
    with torch.no_grad():
        # Scaled as the language model scales its words: the prefix comes in behind that.
        return nn.Parameter(embeddings(words).float())


def check_prompt(batch: Mapping[str, Tensor]) -> None:
    """Refuse a prompt that would be misread.

    Raises:
        ValueError: if `token_type_ids` are missing, or the padding is not on the left.
    """
    if batch.get("token_type_ids") is None:
        raise ValueError(
            "the batch has no token_type_ids: without them the prompt would silently be read "
            "causally, from left to right; make the batch with facewave.vlm.paligemma.batch.collate"
        )
    if not bool(batch["attention_mask"][:, -1].all()):
        raise ValueError(
            "the batch is padded on the right: the answer would be read from padding; pad on the "
            "left, as facewave.vlm.paligemma.batch.collate does"
        )


def check_places(places: Tensor, count: int) -> None:
    """Refuse prompts whose places for patches, bool (B, L), are not `count` in each row.

    Raises:
        ValueError: saying how many there are.
    """
    found = places.sum(dim=1)
    if not bool((found == count).all()):
        raise ValueError(
            f"the prompts have places for {sorted(set(found.tolist()))} patches, the pictures have "
            f"{count}: batch and model must have the same number and size of pictures"
        )
