"""The folder in which a model is shared: `weights.safetensors`, `model.json`, `options.yaml`.

The format has a version of its own (`facewave.predict.description.FORMAT_VERSION`): a training that
is done in another way does not make older folders useless.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from facewave import __version__
from facewave.evaluation.units import read_origins
from facewave.mlp.held_out import HeldOut, as_plain, from_plain, held_out_clips, with_people
from facewave.mlp.model import (
    TrainedMlp,
    checkpoint_content,
    distances,
    load_checkpoint,
    predict,
    restored,
)
from facewave.predict.description import (
    DESCRIPTION,
    FORMAT,
    FORMAT_VERSION,
    OPTIONS,
    WEIGHTS,
    ModelError,
    check_weights,
    read_description,
)
from facewave.predict.model import LoadedModel, model_of
from facewave.splits.baseline import RULE
from facewave.splits.read import read_split
from facewave.storage.atomic import atomic_path, write_json, write_text
from facewave.storage.store import file_sha256

# What a bundle keeps of the metadata of the parts; the rest names people or paths.
_KEPT = ("features", "tracks", RULE, "data_sha256", "facewave_version")
# Values of a member that are the same for all.
_SHARED = ("classes", "shapes", "split_metadata")


def read_member(
    checkpoint: Path, *, learned: Sequence[Path], test: Path, threads: int = 1
) -> tuple[TrainedMlp, HeldOut]:
    """Return a fold's model and what it says of its test part, which it has never seen.

    Args:
        checkpoint: of the fold.
        learned: the training part, and the validation part, which a refit learns from too.
        test: the test part.
        threads: torch's.

    Raises:
        ModelError: it predicts values.
        ValueError: the parts are others than it was trained on.
    """
    member = load_checkpoint(checkpoint)
    if member.scale is not None:
        raise ModelError(f"{checkpoint}: predicts values; only models of classes can be shared yet")
    table = read_split(test, groups=member.options.inputs, scratch=checkpoint.parent)
    seen = predict(member, table, threads=threads)[table.valid]
    far = distances(member, table, threads=threads)[table.valid]
    found = held_out_clips(seen, table.labels[table.valid], far)
    ids = [clip for clip, valid in zip(table.clip_ids, table.valid, strict=True) if valid]
    return member, with_people(found, ids, read_origins([test]), read_origins(learned))


def save_bundle(
    folder: Path,
    members: Sequence[tuple[TrainedMlp, HeldOut]],
    *,
    name: str,
    trained_on: Mapping[str, Any],
) -> None:
    """Write a model; `model.json` last, so that a folder without it is not a model.

    Equal models give equal bytes. No names of people, clips or files are written.

    Args:
        folder: to write to.
        members: each with the clips that it is checked on.
        name: of the model.
        trained_on: what to say of the data, JSON-serialisable.

    Raises:
        ModelError: the members do not belong together.
    """
    model = model_of(
        name,
        [member for member, _ in members],
        [found for _, found in members],
        sha256="",
        held_out_part="test",
    )
    tensors: dict[str, Tensor] = {}
    plain: list[dict[str, Any]] = []
    for index, (member, held_out) in enumerate(members):
        own, values = _parts(checkpoint_content(member))
        tensors |= {f"{index}.{key}": tensor.contiguous() for key, tensor in own.items()}
        values["held_out"] = as_plain(held_out)
        plain.append(values)
    metadata = {key: model.metadata[key] for key in _KEPT if key in model.metadata}
    (folder / DESCRIPTION).unlink(missing_ok=True)
    write_text(folder / OPTIONS, _settings(metadata))
    with atomic_path(folder / WEIGHTS) as temporary:
        save_file(tensors, temporary, metadata={"format": "pt"})
        # safetensors lets nobody else read its files.
        shutil.copymode(folder / OPTIONS, temporary)
    description = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "facewave": __version__,
        "name": name,
        "classes": list(model.classes),
        "shapes": {key: list(shape) for key, shape in members[0][0].shapes.items()},
        "features": metadata.get("features"),
        "tracks": metadata.get("tracks"),
        "baseline": metadata.get(RULE),
        "held_out_part": model.held_out_part,
        "members": [{k: v for k, v in values.items() if k not in _SHARED} for values in plain],
        "trained_on": dict(trained_on),
        "weights_sha256": file_sha256(folder / WEIGHTS),
    }
    write_json(folder / DESCRIPTION, description)


def _parts(content: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Divide a checkpoint's content into tensors, by joined names, and plain values."""
    tensors, plain = {}, {}
    for key, value in content.items():
        if isinstance(value, Tensor):
            tensors[key] = value
        elif isinstance(value, dict) and any(isinstance(v, Tensor) for v in value.values()):
            tensors |= {f"{key}.{name}": tensor for name, tensor in value.items()}
        else:
            plain[key] = value
    return tensors, plain


def _settings(metadata: Mapping[str, Any]) -> str:
    """Return a configuration file whose features fit the model."""
    features, tracks = metadata.get("features") or {}, metadata.get("tracks") or {}
    rule = {key: value for key, value in (metadata.get(RULE) or {}).items() if key != "seed"}
    landmarker = {**tracks.get("landmarker", {})}
    landmarker |= {"default_fps": tracks.get("default_fps"), "sha256": tracks.get("model_sha256")}
    settings = {
        "landmarker": {key: value for key, value in landmarker.items() if value is not None},
        "quality": features.get("quality"),
        "features": {**(features.get("features") or {}), **rule},
        "wavelet": features.get("wavelet"),
    }
    text = "# What the model's features were made with: snakemake --configfile options.yaml\n"
    return f"{text}{yaml.safe_dump({k: v for k, v in settings.items() if v}, sort_keys=False)}"


def load_bundle(folder: Path) -> LoadedModel:
    """Read what `save_bundle` wrote, without running code from the files.

    Raises:
        ModelError: it is of another format, incomplete or altered.
    """
    description = read_description(folder)
    check_weights(folder, description)
    metadata = {key: description[key] for key in ("features", "tracks")}
    if description["baseline"] is not None:
        metadata[RULE] = description["baseline"]
    members, held_out = [], []
    try:
        for index, values in enumerate(description["members"]):
            # Opened for each: what was read of the file counts as memory until it is closed.
            with safe_open(folder / WEIGHTS, framework="pt") as file:
                content = _content(file, f"{index}.") | values | {"split_metadata": metadata}
            content |= {key: description[key] for key in ("classes", "shapes")}
            members.append(restored(content))
            held_out.append(from_plain(values["held_out"]))
    except (SafetensorError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ModelError(f"{folder}: not a whole model ({error}): export it again") from error
    loaded = model_of(
        description["name"],
        members,
        held_out,
        sha256=description["weights_sha256"],
        held_out_part=description["held_out_part"],
    )
    return replace(loaded, trained_on=description.get("trained_on", {}))


def _content(file: Any, start: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in file.keys():  # noqa: SIM118 - a handle of safetensors is no mapping
        if not key.startswith(start):
            continue
        group, dot, name = key.removeprefix(start).partition(".")
        if dot:
            found.setdefault(group, {})[name] = file.get_tensor(key)
        else:
            found[group] = file.get_tensor(key)
    return found
