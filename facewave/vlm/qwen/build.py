"""Where Qwen2.5-VL with a face comes from: a checkpoint, a toy, or random weights of any size."""

from __future__ import annotations

from typing import Any

import torch

from facewave.pretrained import commit_of, find_weights
from facewave.vlm.faces.model import FaceVlm
from facewave.vlm.faces.options import ModelOptions
from facewave.vlm.lora import seeded
from facewave.vlm.plan import TINY_QWEN
from facewave.vlm.qwen.backbone import Qwen
from facewave.vlm.qwen.model import load_qwen
from facewave.vlm.qwen.processor import QwenProcessor
from facewave.vlm.qwen.toy import tiny_qwen_config, tiny_qwen_processor


def build_model(options: ModelOptions) -> FaceVlm:
    """Return a model on the CPU, in evaluation mode, with its processor.

    Everything that is not loaded is drawn from `options.seed`; torch's global random state stays.

    Raises:
        WeightsError: the pretrained weights cannot be had, are another model's, or not whole.
        ValueError: class names have the same tokens.
    """
    if options.model == TINY_QWEN:
        names = options.classes or options.targets
        processor = tiny_qwen_processor(names, max_pixels=options.max_pixels)
        return random_model(tiny_qwen_config(processor), processor, options)
    folder = find_weights(options.model, revision=options.revision)
    found = load_qwen(
        folder,
        dtype=options.dtype,
        max_pixels=options.max_pixels,
        identity={},
        setting="vlm.qwen.model",
    )
    backbone = Qwen(found.base, found.processor, commit=commit_of(folder))
    with seeded(options.seed):
        return FaceVlm(backbone, options).eval()


def random_model(config: Any, processor: QwenProcessor, options: ModelOptions) -> FaceVlm:
    """Return a model of some `Qwen2_5_VLConfig` whose weights are all drawn from the seed."""
    from transformers import Qwen2_5_VLForConditionalGeneration

    with seeded(options.seed):
        base = Qwen2_5_VLForConditionalGeneration._from_config(
            config, dtype=getattr(torch, options.dtype)
        )
        return FaceVlm(Qwen(base.eval(), processor), options).eval()


def full_config(processor: QwenProcessor) -> Any:
    """Return the `Qwen2_5_VLConfig` of Qwen2.5-VL 3B, to count and to measure with.

    Sizes are those of arXiv 2502.13923 and of the released checkpoint; the ids of the tokens that
    stand for images and videos are the processor's.
    """
    config = tiny_qwen_config(processor)
    from transformers import Qwen2_5_VLConfig

    text = {
        "vocab_size": 151936,
        "hidden_size": 2048,
        "intermediate_size": 11008,
        "num_hidden_layers": 36,
        "num_attention_heads": 16,
        "num_key_value_heads": 2,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 1_000_000.0,
            "mrope_section": [16, 24, 24],
        },
        "pad_token_id": config.text_config.pad_token_id,
        "eos_token_id": config.text_config.eos_token_id,
        "bos_token_id": None,
    }
    vision = {
        "depth": 32,
        "hidden_size": 1280,
        "intermediate_size": 3420,
        "num_heads": 16,
        "out_hidden_size": 2048,
        "fullatt_block_indexes": [7, 15, 23, 31],
        "tokens_per_second": 2,
        "window_size": 112,
    }
    names = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    return Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        tie_word_embeddings=True,
        **{name: getattr(config, name) for name in names},
    )
