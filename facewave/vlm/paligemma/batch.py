"""From clips to the tensors that PaliGemma takes: prompts and images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from facewave.prompts.questions import reads_text, render, shorten
from facewave.vlm.faces.batch import Example, check_count, no_images, padded
from facewave.vlm.faces.options import ModelOptions
from facewave.vlm.inputs.kept_frames import FrameSize, resized, square


def collate(
    examples: Sequence[Example], processor: Any, options: ModelOptions
) -> dict[str, Tensor]:
    """Return prompts and images of some clips.

    Returns:
        `input_ids`, `attention_mask` and `token_type_ids` int64 (B, L), padded on the left;
        `pixel_values` float32 (B, n, 3, S, S) or `image_features` (B, n, P, image width) where
        the model sees images.

    Raises:
        ValueError: naming the clip that lacks images or has another number of them.
    """
    batch = _prompts(examples, processor, options)
    if options.use_image:
        batch |= _images(examples, processor, options.frames)
    return batch


def question(options: ModelOptions, text: str | None) -> str:
    """Return the question about a clip, without the places of its images."""
    return render(options.prompt, classes=options.classes, targets=options.targets, text=text)


def prompt_ids(processor: Any, question: str, *, images: int) -> list[int]:
    """Return the token ids of a prompt: places for the images, <bos>, the question, a newline.

    The same as `PaliGemmaProcessor` gives for `"<image>" * images + question`, but also without
    an image or with its features in its place. What a clip's text writes in angle brackets stays
    text: it cannot add an image.
    """
    ids = processor.tokenizer(question + "\n", add_special_tokens=False, split_special_tokens=True)[
        "input_ids"
    ]
    places = [processor.image_token_id] * (images * processor.image_seq_length)
    return [*places, processor.tokenizer.bos_token_id, *ids]


def prepare_images(processor: Any, images: Sequence[Any]) -> Any:
    """Return images, each uint8 (height, width, 3) RGB, as float32 (N, 3, S, S).

    They are resized as torchvision does it, with or without it: the processor's own class would
    differ by up to two grey levels where Pillow takes its place.
    """
    side = resolution(processor)
    squares = [resized(image[None], height=side, width=side)[0] for image in images]
    prepared = processor.image_processor(
        images=squares, return_tensors="pt", input_data_format="channels_last"
    )
    return prepared["pixel_values"]


def resolution(processor: Any) -> int:
    """Return the width and height of the images in pixels: 224, 448 or 896 by checkpoint."""
    return int(processor.image_processor.size["height"])


def frame_size(processor: Any) -> FrameSize:
    """Return the size in which frames are kept for the model."""
    return square(resolution(processor))


def _prompts(
    examples: Sequence[Example], processor: Any, options: ModelOptions
) -> dict[str, Tensor]:
    tokenizer = processor.tokenizer
    rows = []
    for example in examples:
        text = example.text
        if text and reads_text(options.prompt):
            text = shorten(text, tokenizer, tokens=options.text_tokens)
        images = options.frames if options.use_image else 0
        rows.append(prompt_ids(processor, question(options, text), images=images))
    ids, mask = padded(rows, pad=tokenizer.pad_token_id)
    # 0: every token of the prompt sees every other one. Padding is hidden by the mask.
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.zeros_like(ids)}


def _images(examples: Sequence[Example], processor: Any, count: int) -> dict[str, Tensor]:
    cached = [example.image_features for example in examples]
    if all(features is not None for features in cached):
        for example, features in zip(examples, cached, strict=True):
            check_count(example.clip_id, len(features), count)  # type: ignore[arg-type]
        return {"image_features": torch.stack([part for part in cached if part is not None])}
    images = []
    for example in examples:
        if example.images is None:
            raise no_images(example.clip_id)
        check_count(example.clip_id, len(example.images), count)
        images += list(example.images)
    return {"pixel_values": prepare_images(processor, images).unflatten(0, (-1, count))}
