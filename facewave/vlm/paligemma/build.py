"""Where the model comes from: a checkpoint, a toy, or random weights of any size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import PaliGemmaForConditionalGeneration

from facewave.pretrained import commit_of, find_weights
from facewave.vlm.checkpoints import PALIGEMMA, check_family, load_pretrained
from facewave.vlm.faces.model import FaceVlm
from facewave.vlm.faces.options import ModelOptions
from facewave.vlm.lora import seeded
from facewave.vlm.paligemma.backbone import PaliGemma
from facewave.vlm.paligemma.toy import tiny_config, tiny_processor
from facewave.vlm.plan import TINY

# Eager: Gemma 2 caps its attention's logits, which PyTorch's own attention cannot.
_ATTENTION = {"text_config": "eager", "vision_config": "sdpa"}


def build_model(options: ModelOptions) -> FaceVlm:
    """Return a model on the CPU, in evaluation mode, with its processor.

    Everything that is not loaded is drawn from `options.seed`; torch's global random state stays.

    Raises:
        WeightsError: the pretrained weights cannot be had, are another model's, or not whole.
        ValueError: class names have the same tokens.
    """
    if options.model == TINY:
        processor = tiny_processor(options.classes or options.targets)
        return random_model(tiny_config(processor), processor, options)
    folder = find_weights(options.model, revision=options.revision)
    check_family(folder, PALIGEMMA)
    processor = load_processor(folder)
    base = load_pretrained(
        PaliGemmaForConditionalGeneration,
        folder,
        dtype=getattr(torch, options.dtype),
        attn_implementation=dict(_ATTENTION),
    )
    with seeded(options.seed):
        return FaceVlm(PaliGemma(base, processor, commit=commit_of(folder)), options).eval()


def random_model(config: Any, processor: Any, options: ModelOptions) -> FaceVlm:
    """Return a model of some `PaliGemmaConfig` whose weights are all drawn from the seed."""
    with seeded(options.seed):
        base = PaliGemmaForConditionalGeneration._from_config(
            config, dtype=getattr(torch, options.dtype), attn_implementation=dict(_ATTENTION)
        )
        return FaceVlm(PaliGemma(base.eval(), processor), options).eval()


def load_processor(folder: Path) -> Any:
    """Return the `PaliGemmaProcessor` of a checkpoint's folder.

    It is transformers' own class. Images are prepared by Pillow, so torchvision is not needed.

    Raises:
        ValueError: the folder holds another model's processor.
    """
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(folder, trust_remote_code=False)
    if not hasattr(processor, "image_seq_length") or not hasattr(processor, "image_token_id"):
        raise ValueError(
            f"{folder}: its processor is {type(processor).__name__}, not that of PaliGemma; set "
            "vlm.model to a checkpoint of PaliGemma or PaliGemma 2"
        )
    return processor


def full_config(*, pixels: int = 448, image_token_id: int = 257152) -> Any:
    """Return the `PaliGemmaConfig` of PaliGemma 2 3B, to count and to measure with.

    Sizes are those of arXiv 2412.03555 and of the released checkpoint: SigLIP-So400m/14 and
    Gemma 2 2B with 1,152 more words (1,024 locations, 128 segmentation codes), one for images, and
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
