"""A trained model as a folder to share: an adapter that PEFT loads, and the face modules beside it.

- `adapter_config.json`, `adapter_model.safetensors`: what `peft.PeftModel.from_pretrained(base,
  folder)` takes: LoRA, and the projector where it was trained.
- `face_modules.safetensors`: everything else that was trained (face encoder and attention, soft
  prefix, head) with the options that build the model, the classes and the pretrained commit.

Together they hold every trained tensor; `read_shared` puts them back together, and `options_of`
says how the model is built that takes them.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor

from facewave.storage.atomic import atomic_path
from facewave.vlm.faces.options import ModelOptions
from facewave.vlm.lora import LORA_TARGETS
from facewave.vlm.plan import ADAPTER_FILES, FACE_MODULES
from facewave.vlm.training.weights import load_state, save_state

CONFIG, ADAPTER, _ = ADAPTER_FILES
# Where the projector of each family stands in the model of transformers.
_PROJECTORS = {"paligemma": "model.multi_modal_projector", "qwen": "model.visual.merger"}
_BASE, _LORA, _PROJECTOR, _NAME = "base_model.model.", "lora.", "projector.", ".default."


def write_shared(weights: Path, folder: Path) -> None:
    """Write the folder of a trained model.

    Args:
        weights: `weights.safetensors` of a stage.
        folder: is made; files of the same names are replaced.

    Raises:
        FileNotFoundError: there are no such weights.
        ValueError: the file is damaged, or the model has no adapter.
    """
    state, metadata = load_state(weights)
    options = metadata["options"]["model"]
    adapter, face = _parted(state, options)
    if not any(name.startswith(_LORA) for name in state):
        raise ValueError(
            f"{weights}: this model was trained without LoRA adapters, so there is nothing that "
            "PEFT could load: train it with vlm.lora_rank of at least 1"
        )
    _write_config(folder / CONFIG, options, commit=metadata.get("commit"))
    _write_adapter(folder / ADAPTER, adapter)
    save_state(folder / FACE_MODULES, face, metadata)


def read_shared(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the state and the metadata that `weights.safetensors` had (`load_trainable_state`).

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    face, metadata = load_state(folder / FACE_MODULES)
    try:
        adapter = load_file(folder / ADAPTER)
    except SafetensorError as error:
        raise ValueError(f"{folder / ADAPTER}: damaged: {error}; get it again") from error
    projector = f"{_BASE}{_PROJECTORS[metadata['options']['model']['family']]}."
    state = dict(face)
    for name, tensor in adapter.items():
        if name.startswith(projector):
            state[_PROJECTOR + name.removeprefix(projector)] = tensor
        else:
            own, weight = name.removeprefix(_BASE).rsplit(".", 1)
            state[f"{_LORA}{own}{_NAME}{weight}"] = tensor
    return state, metadata


def options_of(metadata: Mapping[str, Any]) -> ModelOptions:
    """Return the options that build the model of some trained weights' metadata."""
    given = metadata["options"]["model"]
    shapes = {name: tuple(shape) for name, shape in metadata["face_shapes"]}
    return ModelOptions(
        **{**given, "targets": tuple(given.get("targets", ()))},
        classes=tuple(metadata["classes"]),
        face_shapes=shapes,
        seed=metadata["seed"],
    )


def _parted(
    state: Mapping[str, Tensor], options: Mapping[str, Any]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return what PEFT loads, by its names, and the rest."""
    adapter, face = {}, {}
    for name, tensor in state.items():
        if name.startswith(_LORA):
            adapter[_BASE + name.removeprefix(_LORA).replace(_NAME, ".")] = tensor
        elif name.startswith(_PROJECTOR):
            place = _PROJECTORS[options["family"]]
            adapter[f"{_BASE}{place}.{name.removeprefix(_PROJECTOR)}"] = tensor
        else:
            face[name] = tensor
    return adapter, face


def _write_config(path: Path, options: Mapping[str, Any], *, commit: str | None) -> None:
    from peft import LoraConfig

    projector = _PROJECTORS[options["family"]].removeprefix("model.")
    config = LoraConfig(
        r=options["lora_rank"],
        lora_alpha=options["lora_alpha"],
        lora_dropout=options["lora_dropout"],
        target_modules=LORA_TARGETS,
        modules_to_save=[projector] if options["projector"] else None,
        base_model_name_or_path=options["model"],
        revision=commit or options.get("revision"),
        inference_mode=True,
    )
    with TemporaryDirectory() as temporary, atomic_path(path) as target:
        config.save_pretrained(temporary)
        shutil.copyfile(Path(temporary) / CONFIG, target)


def _write_adapter(path: Path, tensors: Mapping[str, Tensor]) -> None:
    from safetensors.torch import save_file

    with atomic_path(path) as temporary:
        # safetensors makes its file for the owner alone.
        temporary.touch()
        usual = temporary.stat().st_mode
        save_file(dict(sorted(tensors.items())), temporary, metadata={"format": "pt"})
        temporary.chmod(usual)
