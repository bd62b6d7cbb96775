"""Qwen2.5-VL with LoRA adapters, as the shared training loop wants it.

The answer is the class whose name's first token is the likeliest at the end of the question; only
the adapters on the language model's queries and values are trained and saved, in float32.

Reference: E. Hu et al., "LoRA: low-rank adaptation of large language models", ICLR 2022.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from facewave.vlm import heads
from facewave.vlm.lora import LORA_TARGETS, is_adapter, seeded
from facewave.vlm.qwen.model import QwenVlm
from facewave.vlm.qwen.processor import check_batch
from facewave.vlm.training.checkpoint import copy_strictly
from facewave.vlm.training.data import Output

_OWN = ("labels", "weights")


class TrainableQwen(nn.Module):
    """A model that is asked, with adapters that are trained.

    Attributes:
        base: transformers' model, frozen but for its adapters.
        labels: the class names' tokens.
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
            ValueError: two class names begin with the same token, or the rank is 0.
        """
        super().__init__()
        from peft import LoraConfig, inject_adapter_in_model

        if rank < 1:
            raise ValueError(f"vlm.lora_rank: {rank}, but nothing else of Qwen2.5-VL is trained")
        self.base = vlm.base
        self.labels = heads.label_tokens(vlm.processor.tokenizer, classes)
        if not self.labels.first_differ:
            raise ValueError(
                f"two of the classes {', '.join(classes)} begin with the same token, and the first "
                "token is the answer: rename one (datasets.*.classes, label_names)"
            )
        self.base.requires_grad_(False)
        config = LoraConfig(
            r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=LORA_TARGETS
        )
        with seeded(seed):
            inject_adapter_in_model(config, self.base)
        for name, parameter in self.base.named_parameters():
            if is_adapter(name):
                parameter.data = parameter.data.float()
            parameter.requires_grad_(is_adapter(name))
        if gradient_checkpointing:
            self.base.model.language_model.activation_checkpointing_enable({"use_reentrant": False})

    def forward(self, batch: Mapping[str, Tensor]) -> Output:
        """Return the mean loss, where there are `labels` int64 (B,), and logits float32 (B, C).

        Args:
            batch: of `QwenProcessor`, with `labels` and `weights` float32 (B,) where known.

        Raises:
            ValueError: if `mm_token_type_ids` or anything else that the model needs is missing.
        """
        inputs = {name: value for name, value in batch.items() if name not in _OWN}
        check_batch(inputs)
        # Precision is the weights' matter: autocast would round the logits to bfloat16.
        with torch.autocast(batch["input_ids"].device.type, enabled=False):
            states = self.base.model(**inputs, use_cache=False).last_hidden_state
            words = self.labels.first.to(states.device)
            logits = heads.word_logits(states[:, -1], self.base.lm_head.weight, words, None)
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
