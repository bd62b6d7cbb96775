"""From clips to the tensors that the model takes: prompts, faces, images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewave.prompts.questions import reads_text, render, shorten
from facewave.vlm.inputs.kept_frames import FrameSize, square
from facewave.vlm.paligemma.options import ModelOptions


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """What a model is shown of a clip.

    Attributes:
        clip_id: for messages.
        landmarks: float32 (K, 478, 3), as in the splits.
        blendshapes: float32 (K, 52), as in the splits.
        valid: whether the clip has a usable face.
        images: uint8 (n, H, W, 3) RGB; None where features or no images are used.
        image_features: (n, P, image width), the vision tower's output, in place of `images`.
        text: caption or transcript; None if the clip has none.
        label: index of the class; None where it is not known.
        target: the real values to predict; None where they are not known.
    """

    clip_id: str
    landmarks: NDArray[np.float32]
    blendshapes: NDArray[np.float32]
    valid: bool
    images: NDArray[np.uint8] | None = None
    image_features: Tensor | None = None
    text: str | None = None
    label: int | None = None
    target: Sequence[float] | None = None


def collate(
    examples: Sequence[Example], processor: Any, options: ModelOptions
) -> dict[str, Tensor]:
    """Return a batch.

    Prompts are padded on the left, so that every row ends where the answer begins; clips without
    a text of their own have equal prompts and need no padding.

    Returns:
        `input_ids`, `attention_mask` and `token_type_ids` int64 (B, L); `landmarks`,
        `blendshapes` float32 and `valid` bool (B, …) where the model sees faces; `pixel_values`
        float32 (B, n, 3, S, S) or `image_features` (B, n, P, image width) where it sees images;
        `labels` int64 (B,) and `targets` float32 (B, m) where all clips have them.

    Raises:
        ValueError: naming the clip that lacks images or has another number of them.
    """
    if not examples:
        raise ValueError("a batch needs at least one clip")
    batch = _prompts(examples, processor, options)
    if options.use_face:
        batch |= _faces(examples)
    if options.use_image:
        batch |= _images(examples, processor, options.frames)
    if all(example.label is not None for example in examples):
        batch["labels"] = torch.tensor([example.label for example in examples])
    if all(example.target is not None for example in examples):
        rows = [np.asarray(example.target, np.float32) for example in examples]
        batch["targets"] = torch.from_numpy(np.stack(rows))
    return batch


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
    """Return images, each uint8 (height, width, 3) RGB, as float32 (N, 3, S, S)."""
    prepared = processor.image_processor(
        images=list(images), return_tensors="pt", input_data_format="channels_last"
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
        question = render(
            options.prompt, classes=options.classes, targets=options.targets, text=text
        )
        images = options.frames if options.use_image else 0
        rows.append(prompt_ids(processor, question, images=images))
    longest = max(map(len, rows))
    ids = torch.full((len(rows), longest), tokenizer.pad_token_id)
    mask = torch.zeros_like(ids)
    for index, row in enumerate(rows):
        ids[index, longest - len(row) :] = torch.tensor(row)
        mask[index, longest - len(row) :] = 1
    # 0: every token of the prompt sees every other one. Padding is hidden by the mask.
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.zeros_like(ids)}


def _faces(examples: Sequence[Example]) -> dict[str, Tensor]:
    return {
        "landmarks": torch.from_numpy(np.stack([example.landmarks for example in examples])),
        "blendshapes": torch.from_numpy(np.stack([example.blendshapes for example in examples])),
        "valid": torch.tensor([example.valid for example in examples]),
    }


def _images(examples: Sequence[Example], processor: Any, count: int) -> dict[str, Tensor]:
    cached = [example.image_features for example in examples]
    if all(features is not None for features in cached):
        for example, features in zip(examples, cached, strict=True):
            _check_count(example.clip_id, len(features), count)  # type: ignore[arg-type]
        return {"image_features": torch.stack([part for part in cached if part is not None])}
    images = []
    for example in examples:
        if example.images is None:
            raise ValueError(
                f"clip {example.clip_id!r} has no images, and the model looks at them: decode "
                "them, or set vlm.use_image: false"
            )
        _check_count(example.clip_id, len(example.images), count)
        images += list(example.images)
    return {"pixel_values": prepare_images(processor, images).unflatten(0, (-1, count))}


def _check_count(clip_id: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise ValueError(f"clip {clip_id!r} has {found} images, the model takes {wanted}")
