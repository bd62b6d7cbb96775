"""Tokenizer and image processor of PaliGemma: the checkpoint's own, or an offline one of toy size.

Both are transformers' own classes. Pictures are prepared by Pillow, so torchvision is not needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facewave.prompts.questions import TEMPLATES

TINY_PIXELS = 56
TINY_PATCH = 14
_TINY_VOCABULARY = 2048


def load_processor(folder: Path) -> Any:
    """Return the `PaliGemmaProcessor` of a checkpoint's folder.

    Raises:
        ValueError: if the folder holds another model's processor.
    """
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    if not hasattr(processor, "image_seq_length") or not hasattr(processor, "image_token_id"):
        raise ValueError(
            f"{folder}: its processor is {type(processor).__name__}, not that of PaliGemma; set "
            "vlm.model to a checkpoint of PaliGemma or PaliGemma 2"
        )
    return processor


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
        vocab_size=_TINY_VOCABULARY,
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
    pictures = SiglipImageProcessorPil(
        size={"height": pixels, "width": pixels},
        image_seq_length=(pixels // TINY_PATCH) ** 2,
    )
    return PaliGemmaProcessor(image_processor=pictures, tokenizer=tokenizer)


def resolution(processor: Any) -> int:
    """Return the width and height of the pictures, in pixels: 224, 448 or 896 by checkpoint."""
    return int(processor.image_processor.size["height"])


def prompt_ids(processor: Any, question: str, *, pictures: int) -> list[int]:
    """Return the token ids of a prompt: places of the pictures, <bos>, the question, a newline.

    The same as `PaliGemmaProcessor` gives for `"<image>" * pictures + question`, but also without
    a picture or with its features in place of it; and what a clip's text writes in angle brackets
    stays text: it cannot add a picture.
    """
    ids = processor.tokenizer(question + "\n", add_special_tokens=False, split_special_tokens=True)[
        "input_ids"
    ]
    places = [processor.image_token_id] * (pictures * processor.image_seq_length)
    return [*places, processor.tokenizer.bos_token_id, *ids]


def prepare_pictures(processor: Any, pictures: Sequence[Any]) -> Any:
    """Return pictures, each uint8 (height, width, 3) RGB, as float32 (N, 3, S, S)."""
    prepared = processor.image_processor(
        images=list(pictures), return_tensors="pt", input_data_format="channels_last"
    )
    return prepared["pixel_values"]
