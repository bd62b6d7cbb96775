"""From clips to the tensors that a model takes: its prompts and images, the faces, the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewave.vlm.faces.options import ModelOptions
from facewave.vlm.faces.prefix import Backbone
from facewave.vlm.inputs.clip_reader import ClipFrames


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """What a model is shown of a clip.

    Attributes:
        clip_id: for messages.
        face: feature group to float32 (rows, ...), as in the splits.
        valid: whether the clip has a usable face.
        images: n of them, each uint8 (H, W, 3) RGB; None where features or no images are used.
        frames: the same with their timing, for a model that counts time.
        image_features: (n, P, image width), the vision tower's output, in place of `images`.
        text: caption or transcript; None if the clip has none.
        label: index of the class; None where it is not known.
        target: the real values to predict; None where they are not known.
    """

    clip_id: str
    face: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    valid: bool = False
    images: Sequence[NDArray[np.uint8]] | NDArray[np.uint8] | None = None
    frames: ClipFrames | None = None
    image_features: Tensor | None = None
    text: str | None = None
    label: int | None = None
    target: Sequence[float] | None = None


def collate(
    examples: Sequence[Example], backbone: Backbone, options: ModelOptions
) -> dict[str, Tensor]:
    """Return a batch.

    Prompts are padded on the left, so that every row ends where the answer begins; clips without
    a text of their own have equal prompts and need no padding.

    Returns:
        what `Backbone.collate` gives; each feature group float32 (B, rows, ...) and `valid` bool
        (B,) where the model sees faces; `labels` int64 (B,) and `targets` float32 (B, m) where all
        clips have them.

    Raises:
        ValueError: naming the clip that lacks images or has another number of them.
    """
    if not examples:
        raise ValueError("a batch needs at least one clip")
    batch = backbone.collate(examples, options)
    if options.use_face:
        for group in options.face_shapes:
            batch[group] = torch.from_numpy(np.stack([each.face[group] for each in examples]))
        batch["valid"] = torch.tensor([example.valid for example in examples])
    if all(example.label is not None for example in examples):
        batch["labels"] = torch.tensor([example.label for example in examples])
    if all(example.target is not None for example in examples):
        rows = [np.asarray(example.target, np.float32) for example in examples]
        batch["targets"] = torch.from_numpy(np.stack(rows))
    return batch


def padded(rows: Sequence[Sequence[int]], *, pad: int) -> tuple[Tensor, Tensor]:
    """Return token ids, padded on the left, and their mask, both int64 (B, L)."""
    longest = max(map(len, rows))
    ids = torch.full((len(rows), longest), pad)
    mask = torch.zeros_like(ids)
    for index, row in enumerate(rows):
        ids[index, longest - len(row) :] = torch.tensor(row)
        mask[index, longest - len(row) :] = 1
    return ids, mask


def check_count(clip_id: str, found: int, wanted: int) -> None:
    """Raise ValueError unless a clip has the number of images that the model takes."""
    if found != wanted:
        raise ValueError(f"clip {clip_id!r} has {found} images, the model takes {wanted}")


def no_images(clip_id: str) -> ValueError:
    """Return the error of a clip without images."""
    return ValueError(
        f"clip {clip_id!r} has no images, and the model looks at them: decode them, or set "
        "vlm.use_image: false"
    )
