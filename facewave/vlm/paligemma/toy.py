"""PaliGemma 2 at toy size: the real classes with seeded random weights, for tests and dry runs.

What it answers means nothing; that training, resuming, scoring and reporting work is what it shows.
"""

from __future__ import annotations

from typing import Any

from facewave.vlm.paligemma.processor import TINY_PATCH, TINY_PIXELS

_TEXT = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "query_pre_attn_scalar": 8,
    "max_position_embeddings": 2048,
    # Larger than usual, so that two layers of random weights tell words apart.
    "initializer_range": 0.2,
}
_VISION = {
    "hidden_size": 24,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": TINY_PIXELS,
    "patch_size": TINY_PATCH,
    "vision_use_head": False,
}


def tiny_config(processor: Any) -> Any:
    """Return the `PaliGemmaConfig` that goes with `facewave.vlm.paligemma.processor.tiny_processor`."""
    from transformers import Gemma2Config, PaliGemmaConfig, SiglipVisionConfig

    tokenizer = processor.tokenizer
    special = {
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": tokenizer.bos_token_id,
    }
    text = Gemma2Config(vocab_size=len(tokenizer), **_TEXT, **special)
    return PaliGemmaConfig(
        vision_config=SiglipVisionConfig(**_VISION),
        text_config=text,
        image_token_index=processor.image_token_id,
        vocab_size=len(tokenizer),
        projection_dim=_TEXT["hidden_size"],
        hidden_size=_TEXT["hidden_size"],
        **special,
    )


def full_config(*, pixels: int = 448, image_token_id: int = 257152) -> Any:
    """Return the `PaliGemmaConfig` of PaliGemma 2 3B, to count and to measure with.

    Sizes are those of arXiv 2412.03555 and of the released checkpoint: SigLIP-So400m/14 and
    Gemma 2 2B with 1,152 words more (1,024 places, 128 segmentation codes), the picture's, and
    some to fill a multiple of 64.
    """
    from transformers import Gemma2Config, PaliGemmaConfig, SiglipVisionConfig

    words = 257216
    vision = SiglipVisionConfig(
        hidden_size=1152,
        intermediate_size=4304,
        num_hidden_layers=27,
        num_attention_heads=16,
        image_size=pixels,
        patch_size=14,
        vision_use_head=False,
    )
    return PaliGemmaConfig(
        vision_config=vision,
        text_config=Gemma2Config(vocab_size=words),
        image_token_index=image_token_id,
        vocab_size=words,
        projection_dim=2304,
        hidden_size=2304,
    )
