"""The MLP's checkpoint: a file of tensors and plain Python values."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from facewave import __version__
from facewave.mlp.model import TrainedMlp
from facewave.mlp.network import FusionMlp, Mlp
from facewave.mlp.options import MlpOptions
from facewave.mlp.standardise import Scaler
from facewave.storage.atomic import atomic_path
from facewave.versions import MLP_VERSION

CHECKPOINT_FORMAT = "facewave-mlp"


def save_checkpoint(path: Path, model: TrainedMlp) -> None:
    """Write a model so that `torch.load(path, weights_only=True)` reads it; atomic.

    The file is a dict of tensors and plain Python values. Equal models give equal bytes.
    """
    content = {
        "format": CHECKPOINT_FORMAT,
        "format_version": MLP_VERSION,
        "facewave": __version__,
        "weights": dict(model.network.state_dict()),
        "mean": model.scaler.mean,
        "std": model.scaler.std,
        "prior": model.prior,
        "options": _plain(asdict(model.options)),
        "classes": list(model.classes),
        "shapes": _plain(model.shapes),
        "seed": model.seed,
        "best_epoch": model.best_epoch,
        "split_metadata": model.split_metadata,
    }
    # Given a path, torch puts the file's name (here a temporary one) into the archive.
    with atomic_path(path) as temporary, temporary.open("wb") as handle:
        torch.save(content, handle)


def load_checkpoint(path: Path) -> TrainedMlp:
    """Read what `save_checkpoint` wrote, without running code from the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is something else, damaged, or of another format version.
    """
    path = Path(path)
    with path.open("rb") as handle:
        if not zipfile.is_zipfile(handle):
            raise ValueError(f"{path}: not a checkpoint of the MLP: no archive, or a truncated one")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise ValueError(f"{path}: not a checkpoint of the MLP: {_reason(error)}") from error
    if not isinstance(content, dict) or content.get("format") != CHECKPOINT_FORMAT:
        raise ValueError(f"{path}: not a checkpoint of the MLP")
    if content.get("format_version") != MLP_VERSION:
        raise ValueError(
            f"{path}: checkpoint version {content.get('format_version')!r} (facewave "
            f"{content.get('facewave')}); this one reads version {MLP_VERSION}: train again"
        )
    try:
        return _restore(content)
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: incomplete checkpoint: {_reason(error)}") from error


def _restore(content: dict[str, Any]) -> TrainedMlp:
    options = MlpOptions.from_config(content["options"])
    # On the meta device no weights are drawn: loading leaves the random state alone.
    network: Mlp | FusionMlp
    with torch.device("meta"):
        if options.projection:
            network = FusionMlp.from_weights(content["weights"], dropout=options.dropout)
        else:
            network = Mlp(
                n_features=content["mean"].numel(),
                hidden=options.hidden,
                n_classes=len(content["classes"]),
                dropout=options.dropout,
            )
    network.load_state_dict(content["weights"], assign=True)
    network.eval()
    return TrainedMlp(
        network=network,
        scaler=Scaler(mean=content["mean"], std=content["std"]),
        prior=content["prior"],
        options=options,
        classes=tuple(content["classes"]),
        shapes={name: tuple(shape) for name, shape in content["shapes"].items()},
        seed=content["seed"],
        best_epoch=content["best_epoch"],
        split_metadata=content["split_metadata"],
    )


def _reason(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
