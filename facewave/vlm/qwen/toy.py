"""Qwen2.5-VL at toy size: the real classes with seeded random weights and an offline tokenizer.

Its answers mean nothing; it shows that answering, batching, resuming, scoring and reporting work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from facewave.prompts.questions import CHAT_TEMPLATES
from facewave.vlm.qwen.processor import IMAGE, VIDEO, QwenProcessor
from facewave.vlm.qwen.video import VideoOptions

_VOCABULARY = 2048
_SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"]
# The released checkpoints' template, as far as it concerns texts, images and videos.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n"
    "{% else %}{% for content in message['content'] %}"
    "{% if content['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif content['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>"
    "{% elif 'text' in content %}{{ content['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tiny_qwen_processor(classes: Sequence[str], *, max_pixels: int) -> QwenProcessor:
    """Return a processor that needs no file; usual class names are one token each."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        min_frequency=1,
        special_tokens=[*_SPECIAL, IMAGE, VIDEO],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    lines = [f"{name}\n" for name in classes]
    templates = filter(str.isascii, CHAT_TEMPLATES.values())
    lines += [", ".join(classes), *templates, "system\nuser\nassistant\n"]
    bpe.train_from_iterator(lines, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token="<|endoftext|>",  # noqa: S106
        eos_token="<|im_end|>",  # noqa: S106
        additional_special_tokens=[_SPECIAL[1], *_SPECIAL[3:], IMAGE, VIDEO],
        chat_template=CHAT_TEMPLATE,
    )
    return QwenProcessor(tokenizer=tokenizer, video=VideoOptions(max_pixels=max_pixels))


def tiny_qwen_config(processor: QwenProcessor) -> Any:
    """Return the `Qwen2_5_VLConfig` that goes with `tiny_qwen_processor`."""
    from transformers import Qwen2_5_VLConfig

    tokenizer, video = processor.tokenizer, processor.video
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        # Larger than usual, so that two layers of random weights tell words apart.
        "initializer_range": 0.2,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 1_000_000.0,
            "mrope_section": [1, 1, 2],
        },
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_heads": 2,
        "out_hidden_size": 32,
        "fullatt_block_indexes": [1],
        "patch_size": video.patch,
        "temporal_patch_size": video.temporal,
        "spatial_merge_size": video.merge,
        # Of the 3B checkpoint.
        "tokens_per_second": 2,
        "initializer_range": 0.2,
    }
    ids = tokenizer.convert_tokens_to_ids
    return Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=ids(IMAGE),
        video_token_id=ids(VIDEO),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
        tie_word_embeddings=True,
    )
