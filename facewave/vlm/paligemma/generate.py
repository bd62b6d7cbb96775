"""What PaliGemma's language model says behind a prefix: one word, whole labels, or free text."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from facewave.vlm import heads
from facewave.vlm.paligemma.prefix import Prefix, positions


def last_hidden(base: Any, sequence: Prefix) -> Tensor:
    """Return the last layer's states (B, L, hidden)."""
    hidden: Tensor = base.model(**sequence.inputs(), use_cache=False).last_hidden_state
    return hidden


def word_logits(base: Any, hidden: Tensor, words: Tensor) -> Tensor:
    """Return the logits of some words alone, float32 (B, C), of states (B, hidden)."""
    return heads.word_logits(hidden, base.lm_head.weight, words, _cap(base))


def losses_of(base: Any, sequence: Prefix, labels: heads.LabelTokens, right: Tensor) -> Tensor:
    """Return the negative log-likelihood of the right labels behind the prefix, float32 (B,).

    Args:
        base: PaliGemma.
        sequence: B prefixes.
        labels: all labels.
        right: int64 (B,), the index of each clip's label.
    """
    ids, mask = labels.ids.to(right.device)[right], labels.mask.to(right.device)[right]
    # The last token of an answer is only ever predicted.
    answer = base.get_input_embeddings()(ids[:, :-1])
    hidden = last_hidden(base, sequence.followed_by(answer, mask[:, :-1]))
    return heads.answer_losses(_all_words(base, hidden[:, -ids.shape[1] :]), ids, mask)


def score_words(base: Any, sequence: Prefix, labels: heads.LabelTokens) -> Tensor:
    """Return the log-likelihood of each label, float32 (B, C); the prefix is read once."""
    device = sequence.embeds.device
    labels = heads.LabelTokens(ids=labels.ids.to(device), mask=labels.mask.to(device))
    before = sequence.attention_mask.repeat_interleave(len(labels.ids), dim=0)

    def decode(ids: Tensor, mask: Tensor, cache: Any) -> Tensor:
        whole = torch.cat([before, mask], dim=1)
        hidden = base.model(
            inputs_embeds=base.get_input_embeddings()(ids),
            attention_mask=whole,
            position_ids=positions(whole)[:, -ids.shape[1] :],
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
        return _all_words(base, hidden)

    seen = base.model(**sequence.inputs(), use_cache=True)
    first = _all_words(base, seen.last_hidden_state[:, -1])
    return heads.score_labels(first, seen.past_key_values, labels, decode)


def answer_freely(base: Any, sequence: Prefix, tokenizer: Any, *, max_new_tokens: int) -> list[str]:
    """Return the likeliest word after word, without special tokens."""
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
