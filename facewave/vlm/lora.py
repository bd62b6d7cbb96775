"""LoRA adapters: on which layers they sit, how they are added, and how their start is seeded.

Reference: E. Hu et al., "LoRA: low-rank adaptation of large language models", ICLR 2022.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

# `q_proj` alone would also name the vision tower's.
LORA_TARGETS = r".*language_model.*\.(q_proj|v_proj)"


def is_adapter(name: str) -> bool:
    """Tell whether a parameter's name is that of a LoRA adapter."""
    return ".lora_A." in name or ".lora_B." in name


def add_adapters(base: Any, *, rank: int, alpha: int, dropout: float) -> None:
    """Add trainable float32 adapters to the queries and values of a model's language model.

    Other parameters that require a gradient keep requiring it. The adapters' start is drawn from
    torch's global random state (see `seeded`).

    Args:
        base: of transformers; it is changed.
        rank, alpha, dropout: of the adapters.
    """
    from peft import LoraConfig, inject_adapter_in_model

    trained = {name for name, parameter in base.named_parameters() if parameter.requires_grad}
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=LORA_TARGETS)
    inject_adapter_in_model(config, base)
    for name, parameter in base.named_parameters():
        if is_adapter(name):
            parameter.data = parameter.data.float()
        parameter.requires_grad_(is_adapter(name) or name in trained)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from a seed inside the block; torch's global random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
