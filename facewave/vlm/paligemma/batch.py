"""Clips to the tensors that a model takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewave.prompts import questions as prompts
from facewave.vlm.paligemma.options import ModelOptions
from facewave.vlm.paligemma.processor import prepare_pictures, prompt_ids


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """What a model is shown of a clip.

    Attributes:
        clip_id: for messages.
        landmarks: float32 (K, 478, 3), as in the splits.
        blendshapes: float32 (K, 52), as in the splits.
        valid: whether the clip has a usable face.
        frames: uint8 (n, H, W, 3) RGB; None where features or no pictures are used.
        image_features: (n, P, image width), the vision tower's output, in place of `frames`.
        text: caption or transcript; None where there is none.
        label: index of the class; None where it is not known.
        target: the real values to predict; None where they are not known.
    """

    clip_id: str
    landmarks: NDArray[np.float32]
    blendshapes: NDArray[np.float32]
    valid: bool
    frames: NDArray[np.uint8] | None = None
    image_features: Tensor | None = None
    text: str | None = None
    label: int | None = None
    target: Sequence[float] | None = None


def collate(
    examples: Sequence[Example], processor: Any, options: ModelOptions
) -> dict[str, Tensor]:
    """Return a batch.

    Prompts are padded on the left, so that every row ends where the answer begins; clips without
    a text of their own have equal prompts and no padding at all.

    Returns:
        `input_ids`, `attention_mask` and `token_type_ids` int64 (B, L); `landmarks`,
        `blendshapes` float32 and `valid` bool (B, …) where the model sees faces; `pixel_values`
        float32 (B, n, 3, S, S) or `image_features` (B, n, P, image width) where it sees pictures;
        `labels` int64 (B,) and `targets` float32 (B, m) where all clips have them.

    Raises:
        ValueError: naming the clip that lacks something or has another number of pictures.
    """
    if not examples:
        raise ValueError("a batch needs at least one clip")
    batch = _prompts(examples, processor, options)
    if options.use_face:
        batch |= _faces(examples)
    if options.use_image:
        batch |= _pictures(examples, processor, options.frames)
    if all(example.label is not None for example in examples):
        batch["labels"] = torch.tensor([example.label for example in examples])
    if all(example.target is not None for example in examples):
        rows = [np.asarray(example.target, np.float32) for example in examples]
        batch["targets"] = torch.from_numpy(np.stack(rows))
    return batch


def _prompts(
    examples: Sequence[Example], processor: Any, options: ModelOptions
) -> dict[str, Tensor]:
    tokenizer = processor.tokenizer
    rows = []
    for example in examples:
        text = example.text
        if text and prompts.reads_text(options.prompt):
            text = prompts.shorten(text, tokenizer, tokens=options.text_tokens)
        question = prompts.render(
            options.prompt, classes=options.classes, targets=options.targets, text=text
        )
        pictures = options.frames if options.use_image else 0
        rows.append(prompt_ids(processor, question, pictures=pictures))
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


def _pictures(examples: Sequence[Example], processor: Any, count: int) -> dict[str, Tensor]:
    cached = [example.image_features for example in examples]
    if all(features is not None for features in cached):
        for example, features in zip(examples, cached, strict=True):
            _check_count(example.clip_id, len(features), count)  # type: ignore[arg-type]
        return {"image_features": torch.stack([part for part in cached if part is not None])}
    pictures = []
    for example in examples:
        if example.frames is None:
            raise ValueError(
                f"clip {example.clip_id!r} has no frames, and the model looks at pictures: decode "
                "them, or set vlm.use_image: false"
            )
        _check_count(example.clip_id, len(example.frames), count)
        pictures += list(example.frames)
    return {"pixel_values": prepare_pictures(processor, pictures).unflatten(0, (-1, count))}


def _check_count(clip_id: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise ValueError(f"clip {clip_id!r} has {found} pictures, the model takes {wanted}")
