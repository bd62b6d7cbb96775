"""What stands before an answer, as one sequence of embeddings, and what a model says after it.

`Backbone` is what is asked of a pretrained model: PaliGemma 2 and Qwen2.5-VL differ in how images
become tokens, in positions and in masks, and in nothing else that matters here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from facewave.vlm import heads
from facewave.vlm.class_names import ClassNames, read_names
from facewave.vlm.inputs.kept_frames import FrameSize


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """A batch of prompts with their images, before the face comes in.

    Attributes:
        prompt: (B, L, hidden), the prompt's embeddings, the images' in their places.
        words: bool (B, L), the prompt's words: neither padding nor images nor places of the face.
        patches: (B, P, image width), what the vision tower says; None without images.
        patch_mask: bool (B, P), False where a clip has fewer patches; None: all have P.
    """

    prompt: Tensor
    words: Tensor
    patches: Tensor | None
    patch_mask: Tensor | None = None

    def text(self) -> tuple[Tensor, Tensor]:
        """Return the words alone, (B, W, hidden), and their mask, bool (B, W)."""
        longest = int(self.words.sum(dim=1).max())
        places = (~self.words).long().argsort(dim=1, stable=True)[:, :longest]
        width = self.prompt.shape[2]
        picked = self.prompt.gather(1, places[..., None].expand(-1, -1, width))
        return picked.detach(), self.words.gather(1, places)


@dataclass(frozen=True, kw_only=True, eq=False)
class Prefix:
    """A batch of sequences; each ends where an answer begins.

    Attributes:
        embeds: (B, L, hidden), already scaled as the language model's own embeddings are.
        attention_mask: int64 (B, L), 0 for padding.
        position_ids: int64 (B, L), or (3, B, L) for a model with positions in time and space.
        token_type_ids: int64 (B, L), 0 where all see all, 1 after that; None for a model that
            reads from left to right.
    """

    embeds: Tensor
    attention_mask: Tensor
    position_ids: Tensor
    token_type_ids: Tensor | None = None

    def inputs(self) -> dict[str, Any]:
        """Return the arguments for the language model."""
        given: dict[str, Any] = {
            "inputs_embeds": self.embeds,
            "attention_mask": self.attention_mask,
            "position_ids": self.position_ids,
        }
        return (
            given
            if self.token_type_ids is None
            else given | {"token_type_ids": self.token_type_ids}
        )

    def next_positions(self, mask: Tensor) -> Tensor:
        """Return the positions of what follows, (B, A) or (3, B, A), for its mask (B, A)."""
        return self.position_ids[..., -1:] + mask.cumsum(dim=1)

    def followed_by(self, embeds: Tensor, mask: Tensor) -> Prefix:
        """Return the sequences with answers appended: embeddings (B, A, hidden), mask (B, A)."""
        types = self.token_type_ids
        return Prefix(
            embeds=torch.cat([self.embeds, embeds.to(self.embeds.dtype)], dim=1),
            attention_mask=torch.cat([self.attention_mask, mask], dim=1),
            position_ids=torch.cat([self.position_ids, self.next_positions(mask)], dim=-1),
            token_type_ids=None if types is None else torch.cat([types, torch.ones_like(mask)], 1),
        )


class Backbone(Protocol):
    """A pretrained vision-language model of transformers, as the face modules need it.

    Attributes:
        base: the model, a `torch.nn.Module`.
        processor: of its prompts and images.
        commit: of the hub's repository that the weights come from; None for other weights.
        cap: bound of its logits (see `heads.softcap`); None without one.
    """

    base: Any
    processor: Any
    commit: str | None
    cap: float | None

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer."""

    @property
    def frame_size(self) -> FrameSize:
        """The size in which frames are kept for the model."""

    @property
    def widths(self) -> tuple[int, int]:
        """Widths of the language model's embeddings and of the vision tower's patches."""

    @property
    def projector(self) -> nn.Module:
        """What brings images to the language model's width."""

    def train_projector(self) -> None:
        """Make the projector float32, and let it learn."""

    def question(self, options: Any, text: str | None) -> str:
        """Return the question about a clip in words."""

    def collate(self, examples: Any, options: Any) -> dict[str, Tensor]:
        """Return prompts and images of some clips as a batch."""

    def words_of_prompt(self, batch: Mapping[str, Tensor]) -> int:
        """Return how many tokens of a batch's prompts are neither images nor places of the face."""

    def see(self, batch: Mapping[str, Tensor], *, images: bool) -> Seen:
        """Return prompts and images as embeddings; refuse a batch that would be misread."""

    def prefix(self, seen: Seen, front: Tensor | None, batch: Mapping[str, Tensor]) -> Prefix:
        """Put the soft prefix and the face, (B, N, hidden), where they belong."""

    def read(self, inputs: Mapping[str, Any], *, cache: Any = None, keep: bool = False) -> Any:
        """Return the last layer's output, with the cache where it is to be kept."""


def last_hidden(backbone: Backbone, sequence: Prefix) -> Tensor:
    """Return the last layer's states (B, L, hidden)."""
    hidden: Tensor = backbone.read(sequence.inputs()).last_hidden_state
    return hidden


def words_of(backbone: Backbone, ids: Tensor) -> Tensor:
    """Return the embeddings (…, hidden) of some tokens, scaled as the model scales them."""
    embeds: Tensor = backbone.base.get_input_embeddings()(ids)
    return embeds


def losses_of(backbone: Backbone, sequence: Prefix, labels: ClassNames, right: Tensor) -> Tensor:
    """Return the negative log-likelihood of the right labels after the prefix, float32 (B,).

    Args:
        backbone: the model.
        sequence: B prefixes.
        labels: all labels.
        right: int64 (B,), the index of each clip's label.
    """
    ids, mask = labels.ids.to(right.device)[right], labels.mask.to(right.device)[right]
    # The last token of an answer is only ever predicted.
    answer = words_of(backbone, ids[:, :-1])
    hidden = last_hidden(backbone, sequence.followed_by(answer, mask[:, :-1]))
    return heads.answer_losses(_all_words(backbone, hidden[:, -ids.shape[1] :]), ids, mask)


def score_names(backbone: Backbone, sequence: Prefix, names: ClassNames) -> Tensor:
    """Return the log-probability of each class name, float32 (B, C); the prefix is read once."""
    names = names.to(sequence.embeds.device)
    states = read_names(
        backbone.base.model.language_model,
        sequence.embeds,
        mask=sequence.attention_mask,
        positions=sequence.position_ids,
        names=names,
        both_ways=sequence.token_type_ids is not None,
    )
    return names.scores(_all_words(backbone, states))


def answer_freely(backbone: Backbone, sequence: Prefix, *, max_new_tokens: int) -> list[str]:
    """Return the answers, word by word the likeliest, without special tokens."""
    tokenizer = backbone.tokenizer
    seen = backbone.read(sequence.inputs(), keep=True)
    cache, hidden = seen.past_key_values, seen.last_hidden_state[:, -1]
    mask, answers = sequence.attention_mask, []
    ended = torch.zeros(len(hidden), dtype=torch.bool, device=hidden.device)
    for number in range(1, max_new_tokens + 1):
        ids = _all_words(backbone, hidden).argmax(dim=-1)
        ids = torch.where(ended, tokenizer.pad_token_id, ids)
        answers.append(ids)
        ended = ended | (ids == tokenizer.eos_token_id)
        if number == max_new_tokens or bool(ended.all()):
            break
        mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
        inputs = {
            "inputs_embeds": words_of(backbone, ids[:, None]),
            "attention_mask": mask,
            "position_ids": sequence.position_ids[..., -1:] + number,
        }
        hidden = backbone.read(inputs, cache=cache, keep=True).last_hidden_state[:, -1]
    texts: list[str] = tokenizer.batch_decode(torch.stack(answers, 1), skip_special_tokens=True)
    return texts


def _all_words(backbone: Backbone, hidden: Tensor) -> Tensor:
    return heads.softcap(backbone.base.lm_head(hidden).float(), backbone.cap)
