"""Qwen2.5-VL with LoRA adapters, with the interface of the shared training loop.

The answer is the class whose name is the likeliest after the question (`class_names`); only the
adapters on the language model's queries and values are trained and saved, in float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from facewave.vlm.class_names import class_names
from facewave.vlm.lora import add_adapters, is_adapter, seeded
from facewave.vlm.qwen.model import QwenVlm
from facewave.vlm.qwen.reading import read, score_names
from facewave.vlm.training.interface import Output
from facewave.vlm.training.weights import copy_strictly

_OWN = ("labels", "weights")


class TrainableQwen(nn.Module):
    """The zero-shot model, with adapters that are trained.

    Attributes:
        base: transformers' model, frozen but for its adapters.
        labels: the class names.
    """

    def __init__(
        self,
        vlm: QwenVlm,
        classes: Sequence[str],
        *,
        rank: int,
        alpha: int,
        dropout: float,
        seed: int,
        gradient_checkpointing: bool = False,
    ) -> None:
        """Freeze the model and add adapters.

        Args:
            vlm: the model; it is changed.
            classes: names, in the order of the labels.
            rank, alpha, dropout: of the adapters.
            seed: of the adapters' weights.
            gradient_checkpointing: whether activations are computed again in the backward pass.

        Raises:
            ValueError: two class names have the same tokens, or the rank is 0.
        """
        super().__init__()
        if rank < 1:
            raise ValueError(
                f"vlm.lora_rank: found {rank}, expected at least 1: of Qwen2.5-VL only the "
                "adapters are trained"
            )
        self.base = vlm.base
        self.labels = class_names(vlm.processor.tokenizer, classes)
        self.base.requires_grad_(False)
        with seeded(seed):
            add_adapters(self.base, rank=rank, alpha=alpha, dropout=dropout)
        if gradient_checkpointing:
            self.base.model.language_model.activation_checkpointing_enable({"use_reentrant": False})

    def forward(self, batch: Mapping[str, Tensor]) -> Output:
        """Return the mean loss, where there are `labels` int64 (B,), and logits float32 (B, C).

        Args:
            batch: of `QwenProcessor`, with `labels` and `weights` float32 (B,) where known.

        Raises:
            ValueError: `mm_token_type_ids` or anything else that the model needs is missing.
        """
        inputs = {name: value for name, value in batch.items() if name not in _OWN}
        # The weights decide the precision: autocast would round the logits to bfloat16.
        with torch.autocast(batch["input_ids"].device.type, enabled=False):
            logits = score_names(self.base, read(self.base, inputs), self.labels)
        if "labels" not in batch:
            return Output(loss=None, logits=logits)
        losses = functional.cross_entropy(logits, batch["labels"], reduction="none")
        weights = batch.get("weights")
        return Output(loss=(losses if weights is None else losses * weights).mean(), logits=logits)

    def trainable_state(self) -> dict[str, Tensor]:
        """Return the adapters' weights, by name."""
        return {name: tensor.detach() for name, tensor in self._adapters().items()}

    def load_trainable_state(self, state: Mapping[str, Tensor]) -> None:
        """Take what `trainable_state` gave.

        Raises:
            ValueError: naming tensors that are missing, unknown or of another shape.
        """
        copy_strictly(state, self._adapters())

    def _adapters(self) -> dict[str, Any]:
        return {f"lora.{n}": p for n, p in self.base.named_parameters() if is_adapter(n)}
