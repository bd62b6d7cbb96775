"""Which layers take LoRA adapters, and how their start is seeded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

# `q_proj` alone would also name the vision tower's.
LORA_TARGETS = r".*language_model.*\.(q_proj|v_proj)"


def is_adapter(name: str) -> bool:
    """Tell whether a parameter's name is that of a LoRA adapter."""
    return ".lora_A." in name or ".lora_B." in name


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from a seed inside the block; torch's global random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
