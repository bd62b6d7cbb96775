"""PaliGemma as transformers builds it: loaded or random, frozen, with LoRA adapters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import PaliGemmaForConditionalGeneration

from facewave.vlm.lora import LORA_TARGETS, is_adapter
from facewave.vlm.paligemma.options import ModelOptions

# Eager: Gemma 2 caps its attention's logits, which PyTorch's own attention cannot.
_ATTENTION = {"text_config": "eager", "vision_config": "sdpa"}


class EmbeddedPaliGemma(PaliGemmaForConditionalGeneration):  # type: ignore[misc]
    """PaliGemma whose `generate` takes embeddings: transformers looks for the named argument."""

    def prepare_inputs_for_generation(
        self, input_ids: Any, inputs_embeds: Any = None, **kwargs: Any
    ) -> Any:
        """Hand everything on."""
        return super().prepare_inputs_for_generation(
            input_ids, inputs_embeds=inputs_embeds, **kwargs
        )


def pretrained_base(folder: Path, *, dtype: str) -> Any:
    """Return a checkpoint's model in evaluation mode, on the CPU.

    Args:
        folder: see `facewave.pretrained.find_weights`.
        dtype: `bfloat16` or `float32`.
    """
    return EmbeddedPaliGemma.from_pretrained(
        folder, dtype=getattr(torch, dtype), attn_implementation=dict(_ATTENTION)
    )


def random_base(config: Any, *, dtype: str) -> Any:
    """Return a model with random weights from torch's global random state."""
    base = EmbeddedPaliGemma._from_config(
        config, dtype=getattr(torch, dtype), attn_implementation=dict(_ATTENTION)
    )
    return base.eval()


def adapt(base: Any, options: ModelOptions) -> None:
    """Freeze a model and add float32 adapters to the language model's queries and values."""
    base.requires_grad_(False)
    if options.projector:
        base.model.multi_modal_projector.float().requires_grad_(True)
    if options.lora_rank:
        from peft import LoraConfig, inject_adapter_in_model

        config = LoraConfig(
            r=options.lora_rank,
            lora_alpha=options.lora_alpha,
            lora_dropout=options.lora_dropout,
            target_modules=LORA_TARGETS,
        )
        projector = {name: p.requires_grad for name, p in base.named_parameters()}
        inject_adapter_in_model(config, base)
        for name, parameter in base.named_parameters():
            if is_adapter(name):
                parameter.data = parameter.data.float()
            parameter.requires_grad_(is_adapter(name) or projector.get(name, False))
    if options.gradient_checkpointing:
        base.model.language_model.activation_checkpointing_enable({"use_reentrant": False})
