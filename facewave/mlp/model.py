"""A trained MLP: prediction, and its checkpoint file."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewave import __version__
from facewave.mlp.held_out import HeldOut, Spread, as_plain, from_plain
from facewave.mlp.network import MlpNetwork, Projection, make_layers
from facewave.mlp.options import MlpOptions
from facewave.mlp.parts import check_features, check_same_features, without_features
from facewave.mlp.standardise import Scaler, clip_chunks, gather
from facewave.mlp.values import TargetScale
from facewave.splits.read import SplitTable
from facewave.storage.atomic import atomic_path
from facewave.storage.seals import check_archive, seal_archive
from facewave.training import use_threads
from facewave.versions import MLP_VERSION

CHECKPOINT_FORMAT = "facewave-mlp"
_CHUNK_CLIPS = 64

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedMlp:
    """Everything that prediction needs, and where it comes from.

    Attributes:
        network: with the weights that were kept.
        scaler: of the clips that the network learned from.
        prior: float32 (C,), class frequencies over all clips of the parts learned from.
        options: as trained.
        classes: C names.
        shapes: shape of each input group.
        seed: of initialisation, batch order and dropout.
        best_epoch: the epoch whose weights were kept, from 1.
        split_metadata: metadata of the training part's file (feature options, digest).
        scale: of the values that a regression predicts (`options.targets`); None for classes.
        spread: where the clips that it learned from lie.
        held_out: the validation part's valid clips, as they were answered before a refit; without
            scores for a regression.
    """

    network: MlpNetwork
    scaler: Scaler
    prior: Tensor
    options: MlpOptions
    classes: tuple[str, ...]
    shapes: dict[str, tuple[int, ...]]
    seed: int
    best_epoch: int
    split_metadata: dict[str, Any]
    spread: Spread
    held_out: HeldOut
    scale: TargetScale | None = None


def predict(model: TrainedMlp, table: SplitTable, *, threads: int = 1) -> NDArray[np.float32]:
    """Return class probabilities.

    An invalid clip has no features and gets what is known without them, the majority class first
    (see `facewave.mlp.parts.without_features`). Scores therefore count every clip; leaving out the
    clips that could not be tracked would flatter the model.

    Args:
        model: from training or a checkpoint.
        table: with the model's input groups.
        threads: torch's threads inside an operation.

    Returns:
        float32 (n, C); rows sum to 1.

    Raises:
        ValueError: classes, groups, shapes or feature options are not those of the training, or
            the model predicts values.
    """
    if model.scale:
        raise ValueError("the model predicts values, not classes: train with another mlp.head")
    nothing = without_features(model.prior.numpy(), model.options.class_weights)
    probabilities = np.tile(nothing, (len(table), 1))
    for rows, logits in _outputs(model, table, threads=threads):
        probabilities[rows] = logits.softmax(dim=1).numpy()
    return probabilities


def predict_values(model: TrainedMlp, table: SplitTable, *, threads: int = 1) -> Values:
    """Return the values that a regression predicts, float64 (n, m) in the targets' units.

    An invalid clip gets the mean of the clips that were learned from.

    Raises:
        ValueError: as `predict`, or the model predicts classes.
    """
    if model.scale is None:
        raise ValueError("the model predicts classes, not values: train with mlp.head: regression")
    values = np.tile(model.scale.mean.numpy(), (len(table), 1))
    for rows, outputs in _outputs(model, table, threads=threads):
        values[rows] = model.scale.restored(outputs)
    return values


def _outputs(
    model: TrainedMlp, table: SplitTable, *, threads: int
) -> Iterator[tuple[NDArray[np.intp], Tensor]]:
    """Yield some rows of valid clips and what the network says of them, chunk by chunk."""
    for rows, values in _values(model, table, threads=threads):
        yield rows, model.network.logits(values)


def _values(
    model: TrainedMlp, table: SplitTable, *, threads: int
) -> Iterator[tuple[NDArray[np.intp], Tensor]]:
    """Yield some rows of valid clips and what the layers take of them, chunk by chunk."""
    check_compatible(model, table)
    check_features(table, model.options.inputs, part="predicted")
    model.network.eval()
    projection = model.network.projection
    with use_threads(threads), torch.inference_mode():
        for rows in clip_chunks(np.flatnonzero(table.valid), _CHUNK_CLIPS):
            features = model.scaler(gather(table, model.options.inputs, rows))
            yield rows, projection(features) if projection else features


def distances(model: TrainedMlp, table: SplitTable, *, threads: int = 1) -> NDArray[np.float32]:
    """Return how far clips lie from those that were learned from, float32 (n,); NaN if invalid.

    Args and errors are those of `predict`; see `facewave.mlp.held_out.Spread`.
    """
    found = np.full(len(table), np.nan, np.float32)
    for rows, values in _values(model, table, threads=threads):
        found[rows] = model.spread.distances(values)
    return found


def check_compatible(model: TrainedMlp, table: SplitTable) -> None:
    """Refuse a table whose columns do not mean the same as in training.

    Raises:
        ValueError: saying what differs.
    """
    if table.classes != model.classes:
        raise ValueError(
            f"the model knows the classes {', '.join(model.classes)}; "
            f"the split has {', '.join(table.classes)}"
        )
    for name, shape in model.shapes.items():
        if name in table.shapes and table.shapes[name] != shape:
            raise ValueError(
                f"the model was trained on {name!r} of shape {shape}; "
                f"the split has {table.shapes[name]}: train again on the new features"
            )
    check_same_features(model.split_metadata, table.metadata)


def training_record(model: TrainedMlp) -> dict[str, Any]:
    """Return what a checkpoint says of its training, as plain values.

    Returns:
        `options` (as trained), `epochs` (the epoch whose weights were kept, from 1), `seed`,
        `temperature`, `directions` (what the first layer takes; null: all columns) and
        `class_frequencies` (of the parts learned from).
    """
    projection = model.network.projection
    return {
        "options": _plain(asdict(model.options)),
        "epochs": model.best_epoch,
        "seed": model.seed,
        "temperature": float(model.network.temperature),
        "directions": projection.out_features if projection else None,
        "class_frequencies": [float(share) for share in model.prior],
    }


def checkpoint_content(model: TrainedMlp) -> dict[str, Any]:
    """Return a model as tensors and plain values, from which `restored` makes it again."""
    return {
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
        "scale": None if model.scale is None else dict(vars(model.scale)),
        "spread": dict(vars(model.spread)),
        "held_out": as_plain(model.held_out),
    }


def save_checkpoint(path: Path, model: TrainedMlp) -> None:
    """Write a model so that `torch.load(path, weights_only=True)` reads it; atomic.

    The file is a dict of tensors and plain Python values. Equal models give equal bytes.
    """
    content = {
        "format": CHECKPOINT_FORMAT,
        "format_version": MLP_VERSION,
        "facewave": __version__,
        **checkpoint_content(model),
    }
    # Given a path, torch puts the file's name (here a temporary one) into the archive.
    with atomic_path(path) as temporary, temporary.open("wb") as handle:
        torch.save(content, handle)
        handle.flush()
        seal_archive(temporary)


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
    check_archive(path)
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
        return restored(content)
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: incomplete checkpoint: {_reason(error)}") from error


def restored(content: Mapping[str, Any]) -> TrainedMlp:
    """Return the model of what `checkpoint_content` returned.

    Raises:
        KeyError, RuntimeError, TypeError, ValueError: it is incomplete or does not fit together.
    """
    options, weights = MlpOptions.from_config(content["options"]), content["weights"]
    bases = [value for name, value in weights.items() if name.startswith("projection.")]
    # On the meta device no weights are drawn: loading leaves the random state alone.
    with torch.device("meta"):
        projection = Projection(bases) if options.fusion else None
        layers = make_layers(
            options,
            n_features=projection.out_features if projection else content["mean"].numel(),
            n_classes=len(options.targets.columns if options.targets else content["classes"]),
        )
        network = MlpNetwork(projection, layers, values=options.targets is not None)
    network.load_state_dict(weights, assign=True)
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
        spread=Spread(**content["spread"]),
        held_out=from_plain(content["held_out"]),
        scale=TargetScale(**content["scale"]) if content["scale"] else None,
    )


def _reason(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
