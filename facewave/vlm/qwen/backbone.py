"""Qwen2.5-VL as the face modules need it: [system | soft prefix | face | video | question].

Soft prefix and face stand at the beginning of the user's turn, before the video. The prompt has
places for them, which are words to the model: so transformers' own `get_rope_index` counts the
positions of everything, and with no such place the model is what it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from facewave.prompts.questions import CHAT_RATINGS, CHAT_TEMPLATES, reads_text, render, shorten
from facewave.vlm.faces.batch import Example, check_count, no_images
from facewave.vlm.faces.options import ModelOptions
from facewave.vlm.faces.prefix import Prefix, Seen
from facewave.vlm.inputs.conversation import Turn
from facewave.vlm.inputs.kept_frames import FrameSize
from facewave.vlm.qwen.processor import QwenProcessor, check_batch

_TIMING = ("video_grid_thw", "second_per_grid_ts", "mm_token_type_ids")


class Qwen:
    """See `facewave.vlm.faces.prefix.Backbone`."""

    # Qwen does not bound its logits.
    cap: float | None = None

    def __init__(self, base: Any, processor: QwenProcessor, *, commit: str | None = None) -> None:
        """Take transformers' model, and the processor."""
        self.base, self.processor, self.commit = base, processor, commit

    @property
    def tokenizer(self) -> Any:
        """Qwen's tokenizer."""
        return self.processor.tokenizer

    @property
    def frame_size(self) -> FrameSize:
        """Sides that are multiples of a token's."""
        return self.processor.frame_size

    @property
    def widths(self) -> tuple[int, int]:
        """Width of Qwen's embeddings, twice: the face asks the tokens that the model sees."""
        config = self.base.config
        return config.text_config.hidden_size, config.vision_config.out_hidden_size

    @property
    def projector(self) -> nn.Module:
        """The merger, which makes one token of four patches."""
        merger: nn.Module = self.base.model.visual.merger
        return merger

    def train_projector(self) -> None:
        """Make the merger float32, and let it learn; the vision tower around it stays as it is."""
        self.projector.float().requires_grad_(True)
        self.projector.register_forward_pre_hook(_in_own_dtype)

    def question(self, options: ModelOptions, text: str | None) -> str:
        """Return the question about a clip in words."""
        template = {**CHAT_TEMPLATES, **CHAT_RATINGS}.get(options.prompt, options.prompt)
        if text and reads_text(template):
            text = shorten(text, self.tokenizer, tokens=options.text_tokens)
        return render(template, classes=options.classes, targets=options.targets, text=text)

    def collate(self, examples: Sequence[Example], options: ModelOptions) -> dict[str, Tensor]:
        """Return prompts and videos as `QwenProcessor` does.

        Raises:
            ValueError: naming the clip that lacks frames or has another number of them.
        """
        conversations = []
        for example in examples:
            video = example.frames if options.use_image else None
            if options.use_image:
                if video is None:
                    raise no_images(example.clip_id)
                check_count(example.clip_id, len(video.images), options.frames)
            turn = Turn(text=self.question(options, example.text), video=video)
            conversations.append([turn])
        return self.processor(conversations, front=options.front_tokens)

    def words_of_prompt(self, batch: Mapping[str, Tensor]) -> int:
        """Return how many tokens of the longest prompt are neither videos nor the face's places."""
        words = batch["attention_mask"].bool() & ~self._front(batch)
        return int((words & (batch["input_ids"] != self.processor.video_token_id)).sum(dim=1).max())

    def see(self, batch: Mapping[str, Tensor], *, images: bool) -> Seen:
        """Return prompts and videos as embeddings.

        Raises:
            ValueError: something is missing without which the batch would be misread.
        """
        check_batch(batch)
        if images and "pixel_values_videos" not in batch:
            raise ValueError("the model looks at images, and the batch has none")
        ids = batch["input_ids"]
        prompt: Tensor = self.base.get_input_embeddings()(ids)
        places = ids == self.processor.video_token_id
        patches, patch_mask = None, None
        if images:
            found = self.base.model.get_video_features(
                batch["pixel_values_videos"], batch["video_grid_thw"], return_dict=True
            )
            tokens = torch.cat(list(found.pooler_output))
            prompt = prompt.masked_scatter(places[..., None], tokens.to(prompt.dtype))
            rows = torch.split(tokens, places.sum(dim=1).tolist())
            patches = pad_sequence(list(rows), batch_first=True)
            patch_mask = pad_sequence(
                [torch.ones(len(row), dtype=torch.bool, device=ids.device) for row in rows],
                batch_first=True,
            )
        words = batch["attention_mask"].bool() & ~places & ~self._front(batch)
        return Seen(prompt=prompt, words=words, patches=patches, patch_mask=patch_mask)

    def prefix(self, seen: Seen, front: Tensor | None, batch: Mapping[str, Tensor]) -> Prefix:
        """Put soft prefix and face in their places."""
        places, embeds = self._front(batch), seen.prompt
        wanted = 0 if front is None else front.shape[1]
        if bool((places.sum(dim=1) != wanted).any()):
            raise ValueError(
                f"the prompts have {int(places.sum(dim=1)[0])} places for soft prefix and face, "
                f"which are {wanted} tokens: make batches with FaceVlm.collate"
            )
        if front is not None:
            embeds = embeds.masked_scatter(places[..., None], front.to(embeds.dtype))
        mask = batch["attention_mask"]
        if "video_grid_thw" in batch:
            timing = {name: batch[name] for name in _TIMING}
            positions, _ = self.base.model.get_rope_index(
                batch["input_ids"], attention_mask=mask, **timing
            )
        else:
            positions = (mask.cumsum(dim=1) - 1).clamp(min=0)[None].expand(3, -1, -1)
        return Prefix(embeds=embeds, attention_mask=mask, position_ids=positions)

    def read(self, inputs: Mapping[str, Any], *, cache: Any = None, keep: bool = False) -> Any:
        """Return the last layer's output, with the cache where it is to be kept."""
        model = self.base.model.language_model
        return model(**inputs, past_key_values=cache, use_cache=keep)

    def _front(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return where soft prefix and face belong: padding that is not hidden, bool (B, L)."""
        shown = batch["attention_mask"].bool()
        places: Tensor = (batch["input_ids"] == self.tokenizer.pad_token_id) & shown
        return places


def _in_own_dtype(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    dtype = next(module.parameters()).dtype
    return (inputs[0].to(dtype), *inputs[1:])
