"""From conversations to what Qwen2.5-VL reads: token ids, patches, and the type of each token.

transformers' own `Qwen2_5_VLProcessor` cannot be imported without torchvision; this gives the same
(a test compares the two), with that class's own patches where torchvision is there. The chat
template is the checkpoint's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from facewave.vlm.inputs.clip_reader import ClipFrames
from facewave.vlm.inputs.conversation import Conversation, check_conversation
from facewave.vlm.inputs.kept_frames import FrameSize
from facewave.vlm.qwen.video import VideoOptions, frame_size, seconds_of_grid, video_patches

VIDEO = "<|video_pad|>"
IMAGE = "<|image_pad|>"
_TEXT_TYPE, _IMAGE_TYPE, _VIDEO_TYPE = 0, 1, 2
# What the model needs; the third one is easily left out, and nothing complains.
_NEEDED = ("input_ids", "attention_mask", "mm_token_type_ids")


@dataclass(frozen=True, kw_only=True, eq=False)
class QwenProcessor:
    """Tokenizer, chat template and video options of a checkpoint.

    Attributes:
        tokenizer: transformers' tokenizer, with a chat template.
        video: how frames become patches.
    """

    tokenizer: Any
    video: VideoOptions
    _examples: WeakKeyDictionary[ClipFrames, tuple[Tensor, tuple[int, int, int]]] = field(
        default_factory=WeakKeyDictionary, init=False
    )

    @property
    def video_token_id(self) -> int:
        """Token that stands for a part of a video."""
        return int(self.tokenizer.convert_tokens_to_ids(VIDEO))

    @property
    def frame_size(self) -> FrameSize:
        """The size in which frames are kept for the model."""
        return frame_size(self.video)

    def prompt(self, conversation: Conversation, *, front: int = 0) -> str:
        """Return a conversation as the chat template writes it; one `<|video_pad|>` per video.

        A text that looks like a special token stays text: it cannot add a video or a turn.

        Args:
            conversation: see `facewave.vlm.inputs.conversation`.
            front: padding tokens at the beginning of the last turn, in whose place something else
                is put in.

        Raises:
            ValueError: it does not end with a question, or an example lacks its answer.
        """
        check_conversation(conversation)
        messages: list[dict[str, Any]] = []
        for number, turn in enumerate(conversation, start=1):
            content: list[dict[str, str]] = [{"type": "text", "text": self._plain(turn.text)}]
            if turn.video is not None:
                content.insert(0, {"type": "video"})
            if front and number == len(conversation):
                content.insert(0, {"type": "text", "text": self.tokenizer.pad_token * front})
            messages.append({"role": "user", "content": content})
            if turn.answer is not None:
                answer = [{"type": "text", "text": self._plain(turn.answer)}]
                messages.append({"role": "assistant", "content": answer})
        text: str = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        return text

    def __call__(
        self, conversations: Sequence[Conversation], *, front: int = 0
    ) -> dict[str, Tensor]:
        """Return a batch, padded on the left; `front`: see `prompt`.

        Returns:
            `input_ids`, `attention_mask` int64 and `mm_token_type_ids` int32 (B, L); where there
            are videos, `pixel_values_videos` float32 (all patches, 1176), `video_grid_thw` int64
            (videos, 3) and `second_per_grid_ts` float32 (videos,), in the order of the prompts.
        """
        if not conversations:
            raise ValueError("a batch needs at least one conversation")
        rows, patches, grids, seconds = [], [], [], []
        for conversation in conversations:
            parts = self.prompt(conversation, front=front).split(VIDEO)
            text = parts[0]
            videos = [turn.video for turn in conversation if turn.video is not None]
            for number, (video, after) in enumerate(zip(videos, parts[1:], strict=True), start=1):
                pixels, grid = self._patches(video, keep=number < len(videos))
                patches.append(pixels)
                grids.append(grid)
                seconds.append(seconds_of_grid(video, self.video))
                text += VIDEO * (len(pixels) // self.video.merge**2) + after
            rows.append(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        batch = self._padded(rows)
        if patches:
            batch["pixel_values_videos"] = torch.cat(patches)
            batch["video_grid_thw"] = torch.tensor(grids)
            batch["second_per_grid_ts"] = torch.tensor(seconds)
        return batch

    def _patches(self, video: ClipFrames, *, keep: bool) -> tuple[Tensor, tuple[int, int, int]]:
        """Return `video_patches`; kept for examples, which come again with every question."""
        if video not in self._examples:
            found = video_patches(video, self.video)
            if not keep:
                return found
            self._examples[video] = found
        return self._examples[video]

    def _padded(self, rows: Sequence[Sequence[int]]) -> dict[str, Tensor]:
        longest = max(map(len, rows))
        ids = torch.full((len(rows), longest), self.tokenizer.pad_token_id)
        mask = torch.zeros_like(ids)
        for index, row in enumerate(rows):
            ids[index, longest - len(row) :] = torch.tensor(row)
            mask[index, longest - len(row) :] = 1
        types = torch.full_like(ids, _TEXT_TYPE, dtype=torch.int32)
        types[ids == self.tokenizer.convert_tokens_to_ids(IMAGE)] = _IMAGE_TYPE
        types[ids == self.video_token_id] = _VIDEO_TYPE
        return {"input_ids": ids, "attention_mask": mask, "mm_token_type_ids": types}

    def _plain(self, text: str) -> str:
        for token in self.tokenizer.get_added_vocab():
            if token in text:
                text = text.replace(token, f"{token[0]} {token[1:]}")
        return text


def check_batch(batch: Mapping[str, Tensor]) -> None:
    """Refuse a batch that the model would take and answer wrongly.

    Raises:
        ValueError: naming what is missing. Without `mm_token_type_ids` transformers silently
            places the parts of a video like words in a line.
    """
    for name in _NEEDED:
        if name not in batch:
            raise ValueError(
                f"the batch has no {name}: without it Qwen2.5-VL silently answers something else; "
                "make batches with QwenProcessor"
            )
    if batch["mm_token_type_ids"].shape != batch["input_ids"].shape:
        raise ValueError("mm_token_type_ids and input_ids differ in shape")
    videos = bool((batch["mm_token_type_ids"] == _VIDEO_TYPE).any())
    for name in ("pixel_values_videos", "video_grid_thw", "second_per_grid_ts"):
        if videos != (name in batch):
            has = "no" if videos else "a"
            raise ValueError(f"mm_token_type_ids and the batch disagree: it has {has} {name}")


def load_qwen_processor(folder: Path, *, max_pixels: int) -> QwenProcessor:
    """Return the processor of a checkpoint's folder.

    Args:
        folder: see `facewave.pretrained.find_weights`.
        max_pixels: of a frame.

    Raises:
        ValueError: the folder holds another model's tokenizer.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    legacy = folder / "chat_template.json"
    if tokenizer.chat_template is None and legacy.is_file():
        tokenizer.chat_template = json.loads(legacy.read_text(encoding="utf-8"))["chat_template"]
    if VIDEO not in tokenizer.get_added_vocab() or tokenizer.chat_template is None:
        raise ValueError(
            f"{folder}: its tokenizer has no {VIDEO} or no chat template; give a checkpoint of "
            "Qwen2.5-VL, downloaded again with all of its .json files"
        )
    return QwenProcessor(
        tokenizer=tokenizer, video=VideoOptions(**_stored(folder), max_pixels=max_pixels)
    )


def _stored(folder: Path) -> dict[str, Any]:
    """Return what the checkpoint says about patches and colours."""
    path = folder / "preprocessor_config.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    names = {
        "patch": "patch_size",
        "temporal": "temporal_patch_size",
        "merge": "merge_size",
        "mean": "image_mean",
        "std": "image_std",
    }
    values = {ours: found[theirs] for ours, theirs in names.items() if theirs in found}
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
