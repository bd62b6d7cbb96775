"""PaliGemma 2 at toy size: the real classes with seeded random weights, for tests and dry runs.

Its answers mean nothing; it shows that training, resuming, scoring and reporting work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from facewave.prompts.questions import TEMPLATES

TINY_PIXELS = 56
_PATCH = 14
_VOCABULARY = 2048
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
    "patch_size": _PATCH,
    "vision_use_head": False,
}


def tiny_processor(classes: Sequence[str], *, pixels: int = TINY_PIXELS) -> Any:
    """Return a `PaliGemmaProcessor` that needs no file; a patch is 14 x 14 pixels.

    Its byte-level BPE is learned from the class names and the prompt templates, so that usual
    class names are one token each, as in Gemma's vocabulary; everything else falls into bytes.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PaliGemmaProcessor, PreTrainedTokenizerFast, SiglipImageProcessorPil

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        min_frequency=1,
        special_tokens=["<pad>", "<eos>", "<bos>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # A word at the beginning of a line is how an answer is written.
    lines = [f"{name}\n" for name in classes] + [", ".join(classes), *TEMPLATES.values()]
    bpe.train_from_iterator(lines, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token="<pad>",  # noqa: S106
        eos_token="<eos>",  # noqa: S106
        bos_token="<bos>",  # noqa: S106
        unk_token="<unk>",  # noqa: S106
    )
    images = SiglipImageProcessorPil(
        size={"height": pixels, "width": pixels},
        image_seq_length=(pixels // _PATCH) ** 2,
    )
    return PaliGemmaProcessor(image_processor=images, tokenizer=tokenizer)


def tiny_config(processor: Any) -> Any:
    """Return the `PaliGemmaConfig` that goes with `tiny_processor`."""
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
