"""PaliGemma 2 as the face modules need it: prefix [soft prefix | face | images | prompt].

Every token of the prefix attends to every other one; tokens that follow it (an answer) attend to
the prefix and to what stands before them. `token_type_ids` says so: 0 and 1. Without them
transformers silently makes the whole mask causal, so they are required.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from facewave.vlm.faces.batch import Example
from facewave.vlm.faces.options import ModelOptions
from facewave.vlm.faces.prefix import Prefix, Seen
from facewave.vlm.inputs.kept_frames import FrameSize
from facewave.vlm.paligemma.batch import collate, frame_size, question


class PaliGemma:
    """See `facewave.vlm.faces.prefix.Backbone`."""

    def __init__(self, base: Any, processor: Any, *, commit: str | None = None) -> None:
        """Take transformers' model and processor."""
        self.base, self.processor, self.commit = base, processor, commit
        self.cap: float | None = base.config.text_config.final_logit_softcapping

    @property
    def tokenizer(self) -> Any:
        """Gemma's tokenizer."""
        return self.processor.tokenizer

    @property
    def frame_size(self) -> FrameSize:
        """A square, 224, 448 or 896 pixels by checkpoint."""
        return frame_size(self.processor)

    @property
    def widths(self) -> tuple[int, int]:
        """Widths of Gemma's embeddings and of SigLIP's patches."""
        config = self.base.config
        return config.text_config.hidden_size, config.vision_config.hidden_size

    @property
    def projector(self) -> nn.Module:
        """The linear layer from SigLIP's width to Gemma's."""
        projector: nn.Module = self.base.model.multi_modal_projector
        return projector

    def train_projector(self) -> None:
        """Make the projector float32, and let it learn."""
        self.projector.float().requires_grad_(True)

    def question(self, options: ModelOptions, text: str | None) -> str:
        """Return the question about a clip in words."""
        return question(options, text)

    def collate(self, examples: Sequence[Example], options: ModelOptions) -> dict[str, Tensor]:
        """See `facewave.vlm.paligemma.batch.collate`."""
        return collate(examples, self.processor, options)

    def words_of_prompt(self, batch: Mapping[str, Tensor]) -> int:
        """Return how many tokens of the longest prompt are no images."""
        return int((batch["input_ids"] != self.processor.image_token_id).sum(dim=1).max())

    @torch.no_grad()
    def image_features(self, pixel_values: Tensor) -> Tensor:
        """Return the vision tower's output (B, n, P, image width) for (B, n, 3, S, S)."""
        images = pixel_values.flatten(0, 1).to(self.base.model.vision_tower.dtype)
        with torch.autocast(images.device.type, enabled=False):
            features: Tensor = self.base.model.vision_tower(images).last_hidden_state
        return features.view(*pixel_values.shape[:2], *features.shape[1:])

    def see(self, batch: Mapping[str, Tensor], *, images: bool) -> Seen:
        """Return prompts and images as embeddings.

        Raises:
            ValueError: `token_type_ids` are missing, the padding is not on the left, or prompts
                and images do not fit each other.
        """
        check_prompt(batch)
        ids = batch["input_ids"]
        prompt: Tensor = self.base.get_input_embeddings()(ids)
        places = ids == self.processor.image_token_id
        patches = None
        if images:
            patches = self._patches(batch)
            check_places(places, patches.shape[1])
            dtype = next(self.projector.parameters()).dtype
            seen = self.projector(patches.to(dtype))
            prompt = prompt.masked_scatter(places[..., None], seen.to(prompt.dtype))
        words = batch["attention_mask"].bool() & ~places
        return Seen(prompt=prompt, words=words, patches=patches)

    def prefix(self, seen: Seen, front: Tensor | None, batch: Mapping[str, Tensor]) -> Prefix:
        """Put soft prefix and face before images and prompt."""
        embeds, mask, types = seen.prompt, batch["attention_mask"], batch["token_type_ids"]
        if front is not None:
            added = front.shape[1]
            embeds = torch.cat([front, embeds], dim=1)
            mask = functional.pad(mask, (added, 0), value=1)
            types = functional.pad(types, (added, 0), value=0)
        return Prefix(
            embeds=embeds, attention_mask=mask, position_ids=positions(mask), token_type_ids=types
        )

    def read(self, inputs: Mapping[str, Any], *, cache: Any = None, keep: bool = False) -> Any:
        """Return the last layer's output, with the cache where it is to be kept."""
        return self.base.model(**inputs, past_key_values=cache, use_cache=keep)

    def _patches(self, batch: Mapping[str, Tensor]) -> Tensor:
        features = batch.get("image_features")
        if features is None:
            if "pixel_values" not in batch:
                raise ValueError("the batch has neither pixel_values nor image_features")
            features = self.image_features(batch["pixel_values"])
        return features.flatten(1, 2)


def positions(attention_mask: Tensor) -> Tensor:
    """Return positions (B, L) that count from 1, as PaliGemma's do, and leave padding out."""
    return attention_mask.cumsum(dim=-1).clamp(min=1)


def check_prompt(batch: Mapping[str, Tensor]) -> None:
    """Refuse a prompt that would be misread.

    Raises:
        ValueError: if `token_type_ids` are missing, or the padding is not on the left.
    """
    if batch.get("token_type_ids") is None:
        raise ValueError(
            "the batch has no token_type_ids: without them the prompt would silently be read "
            "causally, from left to right; make the batch with FaceVlm.collate"
        )
    if not bool(batch["attention_mask"][:, -1].all()):
        raise ValueError(
            "the batch is padded on the right: the answer would be read from padding; pad on the "
            "left, as FaceVlm.collate does"
        )


def check_places(places: Tensor, count: int) -> None:
    """Refuse prompts that do not have `count` places for patches, bool (B, L), in each row.

    Raises:
        ValueError: saying how many there are.
    """
    found = places.sum(dim=1)
    if not bool((found == count).all()):
        raise ValueError(
            f"the prompts have places for {sorted(set(found.tolist()))} patches, the images have "
            f"{count}: batch and model must have the same number and size of images"
        )
