"""What a model says of itself in `model.json`, and whether features fit it; reads no weights.

The Snakefile imports this module, so that what does not fit is refused before anything runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from facewave.storage.store import file_sha256

FORMAT = "facewave-model"
# Of the folder that `export_model` writes; older ones are read, newer ones refused.
FORMAT_VERSION = 1
DESCRIPTION, WEIGHTS, OPTIONS, CARD = (
    "model.json",
    "weights.safetensors",
    "options.yaml",
    "README.md",
)

_KEYS = ("name", "classes", "members", "features", "tracks", "baseline", "weights_sha256")


class ModelError(ValueError):
    """A model cannot be read, or does not fit what it is to be used on."""


def read_description(folder: Path) -> dict[str, Any]:
    """Return what a bundle says of itself.

    Raises:
        ModelError: there is none, or it is of another format.
    """
    path = folder / DESCRIPTION
    advice = "expected a folder that `snakemake export_model` wrote, or the checkpoint.pt of a fold"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{folder}: no {DESCRIPTION} in it; {advice}") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: not readable ({error}); {advice}") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ModelError(f"{path}: not a model of facewave; {advice}")
    version = found.get("format_version")
    if version != FORMAT_VERSION:
        raise ModelError(
            f"{path}: format version {version!r} (facewave {found.get('facewave')}), this facewave "
            f"reads {FORMAT_VERSION}: export the model again, or use the facewave that wrote it"
        )
    if missing := [key for key in _KEYS if key not in found]:
        raise ModelError(f"{path}: lacks {', '.join(missing)}: export the model again")
    return found


def check_weights(folder: Path, description: Mapping[str, Any]) -> None:
    """Refuse weights that are not those of the description.

    Raises:
        ModelError: they are missing or others.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        raise ModelError(f"{path}: no such file; copy the whole folder of the model")
    found = file_sha256(path)
    if found != description["weights_sha256"]:
        raise ModelError(
            f"{path}: its SHA-256 is {found}, {DESCRIPTION} says "
            f"{description['weights_sha256']}: copy the whole folder again"
        )


def misfits(
    model: Mapping[str, Any], *, features: Mapping[str, Any], tracks: Mapping[str, Any] | None
) -> list[str]:
    """Return a line for everything in which features are others than the model learned from.

    Args:
        model: its `features`, `tracks` and `baseline`, see `facewave.predict.bundle`.
        features: options of the stage `features` as in a split's metadata; without `channels`
            where it is not known yet what the trajectories hold.
        tracks: options of the stage `tracks`; None: not known.
    """
    lines = list(_differences("", model["features"], features, leave=_unknown(features)))
    if tracks is not None:
        lines += _differences("", model["tracks"], tracks, leave=())
    return lines


def _unknown(features: Mapping[str, Any]) -> tuple[str, ...]:
    return () if "channels" in features else ("channels",)


_NAMES = {
    "channels": "points of the face",
    "version": "version of the stage",
    "model_sha256": "landmarker.sha256",
    "default_fps": "landmarker.default_fps",
}


def _differences(place: str, before: Any, now: Any, *, leave: tuple[str, ...]) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*before, *now]):
            if key not in leave:
                name = f"{place}.{key}" if place else _NAMES.get(key, key)
                yield from _differences(name, before.get(key), now.get(key), leave=())
    elif _plain(before) != _plain(now):
        yield f"{place}: found {_shown(now)}, the model needs {_shown(before)}"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _shown(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False)


def refuse(what: str, lines: list[str], *, options: str | None) -> None:
    """Refuse what does not fit.

    Args:
        what: the model, for the message.
        lines: of `misfits`.
        options: a file of settings that fit; None: there is none.

    Raises:
        ModelError: naming every difference, if there are any.
    """
    if lines:
        advice = f"add `--configfile {options}`" if options else "set these as the model needs them"
        raise ModelError("\n".join([f"{what} does not fit:", *(f"  {x}" for x in lines), advice]))
