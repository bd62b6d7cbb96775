"""Qwen2.5-VL as transformers builds it, as a zero-shot model: answers in words, and scores.

Reference: S. Bai et al., "Qwen2.5-VL technical report", arXiv 2502.13923.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewave.vlm.checkpoints import QWEN, check_family, load_pretrained
from facewave.vlm.class_names import class_names
from facewave.vlm.faces.prefix import score_names
from facewave.vlm.inputs.conversation import Conversation
from facewave.vlm.inputs.kept_frames import FrameSize
from facewave.vlm.lora import seeded
from facewave.vlm.qwen.backbone import Qwen
from facewave.vlm.qwen.processor import QwenProcessor, check_batch, load_qwen_processor
from facewave.vlm.qwen.toy import tiny_qwen_config, tiny_qwen_processor


@dataclass(frozen=True, kw_only=True, eq=False)
class QwenVlm:
    """The model with its processor.

    Attributes:
        base: transformers' `Qwen2_5_VLForConditionalGeneration`, in evaluation mode.
        processor: see `QwenProcessor`.
        identity: what decides its answers besides the question.
    """

    base: Any
    processor: QwenProcessor
    identity: dict[str, Any]

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer."""
        return self.processor.tokenizer

    @property
    def frame_size(self) -> FrameSize:
        """See `ZeroShotModel`."""
        return self.processor.frame_size

    @torch.inference_mode()
    def answer(
        self, conversations: Sequence[Conversation], *, max_new_tokens: int, seed: int | None
    ) -> list[str]:
        """Return the answers, without special tokens.

        Args:
            conversations: each ends with a question.
            max_new_tokens: largest length of an answer.
            seed: None: word by word the likeliest. Otherwise words are drawn from this seed, at
                temperature 0.7 among those that make up 0.9 of the probability.
        """
        from transformers import GenerationConfig

        tokenizer = self.processor.tokenizer
        batch = self._batch(conversations)
        drawn = {"do_sample": True, "temperature": 0.7, "top_p": 0.9}
        settings = GenerationConfig(
            max_new_tokens=max_new_tokens,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=_ends(self.base, tokenizer),
            **({"do_sample": False} if seed is None else drawn),
        )
        with seeded(0 if seed is None else seed):
            ids = self.base.generate(**batch, generation_config=settings)
        new = ids[:, batch["input_ids"].shape[1] :]
        texts: list[str] = tokenizer.batch_decode(new, skip_special_tokens=True)
        return texts

    @torch.inference_mode()
    def score(
        self, conversations: Sequence[Conversation], classes: Sequence[str]
    ) -> NDArray[np.float32]:
        """Return the log-probability of each name, float32 (n, C); a prompt is read once."""
        names = class_names(self.processor.tokenizer, classes)
        batch, backbone = self._batch(conversations), Qwen(self.base, self.processor)
        seen = backbone.see(batch, images="pixel_values_videos" in batch)
        scores = score_names(backbone, backbone.prefix(seen, None, batch), names)
        return scores.cpu().numpy()

    def _batch(self, conversations: Sequence[Conversation]) -> dict[str, Tensor]:
        batch = self.processor(conversations)
        check_batch(batch)
        return {name: value.to(self.base.device) for name, value in batch.items()}


def tiny_qwen(
    classes: Sequence[str], *, seed: int, dtype: str = "float32", max_pixels: int = 56 * 56
) -> QwenVlm:
    """Return a toy whose weights are all drawn from the seed."""
    from transformers import Qwen2_5_VLForConditionalGeneration

    processor = tiny_qwen_processor(classes, max_pixels=max_pixels)
    with seeded(seed):
        base = Qwen2_5_VLForConditionalGeneration._from_config(
            tiny_qwen_config(processor), dtype=getattr(torch, dtype)
        )
    identity = {"seed": seed, "classes": list(classes), "max_pixels": max_pixels}
    return QwenVlm(base=base.eval(), processor=processor, identity=identity)


def load_qwen(
    folder: Path,
    *,
    dtype: str,
    max_pixels: int,
    identity: dict[str, Any],
    setting: str = "zero_shot.models",
) -> QwenVlm:
    """Return a checkpoint's model on the CPU.

    Args:
        folder: see `facewave.pretrained.find_weights`.
        dtype: `bfloat16` or `float32`.
        max_pixels: of a frame.
        identity: what distinguishes these weights from others.
        setting: configuration key of the model, for messages.

    Raises:
        WeightsError: the folder holds another model, or not all of its tensors.
    """
    from transformers import Qwen2_5_VLForConditionalGeneration

    check_family(folder, QWEN, setting=setting)
    processor = load_qwen_processor(folder, max_pixels=max_pixels)
    base = load_pretrained(Qwen2_5_VLForConditionalGeneration, folder, dtype=getattr(torch, dtype))
    return QwenVlm(
        base=base.eval(), processor=processor, identity={**identity, "max_pixels": max_pixels}
    )


def _ends(base: Any, tokenizer: Any) -> list[int]:
    """Return the tokens that end an answer: the tokenizer's, and those of the checkpoint."""
    stored = base.generation_config.eos_token_id
    more = stored if isinstance(stored, list) else [] if stored is None else [stored]
    return sorted({tokenizer.eos_token_id, *more})
