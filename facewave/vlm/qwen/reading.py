"""How Qwen2.5-VL reads a batch up to where the answer begins, and scores class names there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from facewave.vlm.class_names import ClassNames, read_names
from facewave.vlm.qwen.processor import check_batch


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """Conversations as the language model gets them, padded on the left.

    Attributes:
        embeds: (B, L, hidden), with the videos in their places.
        attention_mask: int64 (B, L), 0 for padding.
        positions: int64 (3, B, L): time, height and width.
    """

    embeds: Tensor
    attention_mask: Tensor
    positions: Tensor


def read(base: Any, batch: Mapping[str, Tensor]) -> Reading:
    """Return the conversations of a batch of `QwenProcessor`, as transformers embeds them.

    Args:
        base: transformers' `Qwen2_5_VLForConditionalGeneration`.
        batch: on its device.

    Raises:
        ValueError: something that the model needs is missing.
    """
    check_batch(batch)
    ids, mask = batch["input_ids"], batch["attention_mask"]
    embeds: Tensor = base.get_input_embeddings()(ids)
    if "pixel_values_videos" not in batch:
        positions = (mask.cumsum(dim=-1) - 1).clamp(min=0).expand(3, -1, -1)
        return Reading(embeds=embeds, attention_mask=mask, positions=positions)
    grid = batch["video_grid_thw"]
    videos = base.model.get_video_features(batch["pixel_values_videos"], grid).pooler_output
    places = (ids == base.config.video_token_id)[..., None]
    embeds = embeds.masked_scatter(places, torch.cat(tuple(videos)).to(embeds.dtype))
    positions, _ = base.model.get_rope_index(
        ids,
        mm_token_type_ids=batch["mm_token_type_ids"],
        video_grid_thw=grid,
        second_per_grid_ts=batch["second_per_grid_ts"],
        attention_mask=mask,
    )
    return Reading(embeds=embeds, attention_mask=mask, positions=positions)


def score_names(base: Any, reading: Reading, names: ClassNames) -> Tensor:
    """Return the log-probability of each class name, float32 (B, C)."""
    states = read_names(
        base.model.language_model,
        reading.embeds,
        mask=reading.attention_mask,
        positions=reading.positions,
        names=names.to(reading.embeds.device),
        both_ways=False,
    )
    return names.to(states.device).scores(base.lm_head(states))
