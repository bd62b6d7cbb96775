"""Trained weights as a safetensors file: adapters, face modules, soft prefix, head.

The pretrained weights are not in it. Everything else is: the options that built the model, the
statistics that standardise its features, and the commit of the pretrained weights.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facewave import __version__
from facewave.storage.atomic import atomic_path

STATE_FORMAT = "facewave-vlm"
STATE_VERSION = 1
_METADATA = "facewave"
_SHOWN = 5


def save_state(path: Path, state: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write weights atomically; equal content gives equal bytes.

    Args:
        path: a `.safetensors` file.
        state: name to tensor, on any device.
        metadata: JSON-serialisable: options, seed, classes.
    """
    from safetensors.torch import save_file

    content = {
        "format": STATE_FORMAT,
        "version": STATE_VERSION,
        "facewave": __version__,
        **metadata,
    }
    tensors = {name: value.detach().cpu().contiguous() for name, value in sorted(state.items())}
    content["sha256"] = _digest(tensors, content)
    # One entry: safetensors writes several in any order.
    text = {_METADATA: json.dumps(content, sort_keys=True, allow_nan=False)}
    with atomic_path(path) as temporary:
        # safetensors makes its file for the owner alone; others of a group may read results.
        temporary.touch()
        usual = temporary.stat().st_mode
        save_file(tensors, temporary, metadata=text)
        temporary.chmod(usual)


def load_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return what `save_state` wrote: the tensors, on the CPU, and the metadata.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is another kind of file, damaged, or of another version.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no trained model here; run the training first")
    try:
        with safe_open(path, framework="pt") as file:
            raw = (file.metadata() or {}).get(_METADATA)
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = json.loads(raw) if raw is not None else {}
        # Files from before there was a digest have none.
        if "sha256" in metadata and metadata["sha256"] != _digest(state, metadata):
            raise ValueError("its digest is that of another content")
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(f"{path}: damaged: {error}; train again") from error
    if metadata.get("format") != STATE_FORMAT:
        raise ValueError(f"{path}: not a trained vision-language model of facewave")
    if metadata.get("version") != STATE_VERSION:
        raise ValueError(
            f"{path}: version {metadata.get('version')!r} (facewave {metadata.get('facewave')}); "
            f"this one reads version {STATE_VERSION}: train again"
        )
    return state, metadata


def _digest(state: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> str:
    """Return the SHA-256 of all tensors and of the metadata but for the digest itself."""
    said = {name: value for name, value in metadata.items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for name, tensor in sorted(state.items()):
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def copy_strictly(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
    """Copy weights into a model's own tensors, all of them or none.

    Args:
        state: name to tensor.
        own: name to the model's tensor, which is written to.

    Raises:
        ValueError: naming what is missing, what is unknown, and what has another shape.
    """
    missing = sorted(own.keys() - state.keys())
    unknown = sorted(state.keys() - own.keys())
    shapes = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(own[name].shape)}"
        for name in sorted(own.keys() & state.keys())
        if state[name].shape != own[name].shape
    ]
    problems = [
        f"{what}: {_listed(names)}"
        for what, names in (
            ("missing", missing),
            ("not in this model", unknown),
            ("of another shape", shapes),
        )
        if names
    ]
    if problems:
        raise ValueError(
            f"the trained weights do not fit the model ({'; '.join(problems)}): build it with the "
            "options that it was trained with"
        )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(state[name])


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
