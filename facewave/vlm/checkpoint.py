"""What a training needs to go on where it was killed: safetensors for tensors, JSON for numbers.

A checkpoint is one file, so that it is there whole or not at all; its JSON stands in the metadata
of the safetensors header. It carries the key of its training, the digest of everything that
decides the result, and is refused by a training with another key.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from facewave.vlm.save import load_state, save_state

_NAME = "checkpoint.safetensors"


class CheckpointError(ValueError):
    """A checkpoint cannot be used."""


def read_checkpoint(folder: Path, *, key: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Return the checkpoint in a folder, None where there is none.

    Raises:
        CheckpointError: it belongs to another training, or is damaged.
    """
    path = folder / _NAME
    if not path.exists():
        return None
    try:
        tensors, content = load_state(path)
    except ValueError as error:
        raise CheckpointError(f"{error}; remove {folder} to train from the start") from error
    if content.get("key") != key:
        raise CheckpointError(
            f"{path}: of a training with other options or data (key {content.get('key')}, this one "
            f"has {key}); remove the folder to train from the start"
        )
    return tensors, content


def write_checkpoint(
    folder: Path, tensors: Mapping[str, Tensor], content: Mapping[str, Any], *, key: str
) -> None:
    """Write the checkpoint of a folder in place of the one before; see `read_checkpoint`."""
    save_state(folder / _NAME, tensors, {**content, "key": key})
