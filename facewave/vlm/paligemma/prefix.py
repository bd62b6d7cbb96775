"""The prefix (soft prefix, face, images, prompt) as one sequence, and what the model says after it.

Every token of the prefix attends to every other one; tokens that follow it (an answer) attend to
the prefix and to what stands before them. `token_type_ids` says so: 0 and 1. Without them
transformers silently makes the whole mask causal, so they are required.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from facewave.vlm import heads
from facewave.vlm.class_names import ClassNames, read_names


@dataclass(frozen=True, kw_only=True, eq=False)
class Prefix:
    """A batch of sequences, padded in the middle or not at all; each ends where an answer begins.

    Attributes:
        embeds: (B, L, hidden), already scaled as the language model's own embeddings are.
        attention_mask: int64 (B, L), 0 for padding.
        token_type_ids: int64 (B, L), 0 in the prefix, 1 after it.
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
        """Return the sequences with answers appended: embeddings (B, A, hidden), mask (B, A)."""
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
    """Return the embeddings of `count` words drawn from a vocabulary, float32; None for 0."""
    if not count:
        return None
    weight: Tensor = embeddings.weight  # type: ignore[assignment]
    words = torch.randint(len(weight), (count,)).to(weight.device)
    with torch.no_grad():
        # Scaled as the language model scales its words: the prefix is added after that.
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
    """Refuse prompts that do not have `count` places for patches, bool (B, L), in each row.

    Raises:
        ValueError: saying how many there are.
    """
    found = places.sum(dim=1)
    if not bool((found == count).all()):
        raise ValueError(
            f"the prompts have places for {sorted(set(found.tolist()))} patches, the images have "
            f"{count}: batch and model must have the same number and size of images"
        )


def last_hidden(base: Any, sequence: Prefix) -> Tensor:
    """Return the last layer's states (B, L, hidden)."""
    hidden: Tensor = base.model(**sequence.inputs(), use_cache=False).last_hidden_state
    return hidden


def losses_of(base: Any, sequence: Prefix, names: ClassNames, right: Tensor) -> Tensor:
    """Return the negative log-likelihood of generating the right names, float32 (B,).

    Args:
        base: PaliGemma.
        sequence: B prefixes.
        names: of all classes.
        right: int64 (B,), the index of each clip's class.
    """
    names = names.to(right.device)
    ids, mask = names.ids[right], names.mask[right]
    # The last token of an answer is only ever predicted.
    answer = base.get_input_embeddings()(ids[:, :-1])
    hidden = last_hidden(base, sequence.followed_by(answer, mask[:, :-1]))
    return heads.answer_losses(_all_words(base, hidden[:, -ids.shape[1] :]), ids, mask)


def score_names(base: Any, sequence: Prefix, names: ClassNames) -> Tensor:
    """Return the log-probability of each class name, float32 (B, C); the prefix is read once."""
    names = names.to(sequence.embeds.device)
    hidden = read_names(
        base.model.language_model,
        sequence.embeds,
        mask=sequence.attention_mask,
        positions=positions(sequence.attention_mask),
        names=names,
        both_ways=True,
    )
    return names.scores(_all_words(base, hidden))


def answer_freely(base: Any, sequence: Prefix, tokenizer: Any, *, max_new_tokens: int) -> list[str]:
    """Return the answers, word by word the likeliest, without special tokens."""
    from transformers import GenerationConfig

    # The checkpoint's own settings may ask for sampling.
    settings = GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=False,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.bos_token_id,
    )
    inputs = sequence.inputs()
    del inputs["position_ids"]  # `generate` counts them itself, from the mask
    ids = base.generate(**inputs, generation_config=settings)
    texts: list[str] = tokenizer.batch_decode(ids, skip_special_tokens=True)
    return texts


def _all_words(base: Any, hidden: Tensor) -> Tensor:
    return heads.softcap(base.lm_head(hidden).float(), _cap(base))


def _cap(base: Any) -> float | None:
    cap: float | None = base.config.text_config.final_logit_softcapping
    return cap
