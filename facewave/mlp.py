"""A multilayer perceptron on feature groups: network and prediction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facewave.mlp_options import MlpOptions as MlpOptions
from facewave.split_table import SplitTable

# A column that varies less than this over the training part says nothing; features are of order
# one, and a smaller deviation would blow rounding errors up to the size of a signal.
_LEAST_STD = 1e-6
# Standardised values beyond this are cut: a blendshape that is almost always 0 gives hundreds.
_LARGEST_DEVIATION = 10.0
# Clips that are copied out of the table at a time while predictions or statistics are made. Larger
# copies are new memory each time, which costs more than the arithmetic.
_CHUNK_CLIPS = 64
_STATISTICS_CLIPS = 16


class Mlp(nn.Module):
    """Linear, LayerNorm, GELU and dropout for each hidden layer, then a linear output layer.

    LayerNorm does not mix clips, so a last batch of one clip needs no special case.
    """

    def __init__(
        self, *, n_features: int, hidden: Sequence[int], n_classes: int, dropout: float
    ) -> None:
        """Make the layers; the weights come from torch's global random state."""
        super().__init__()
        layers: list[nn.Module] = []
        width = n_features
        for wanted in hidden:
            layers += [
                nn.Linear(width, wanted),
                nn.LayerNorm(wanted),
                nn.GELU(),
                nn.Dropout(dropout),
            ]
            width = wanted
        layers.append(nn.Linear(width, n_classes))
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Return the logits, float32 (n, n_classes), of standardised features (n, n_features)."""
        logits: Tensor = self.layers(features)
        return logits


@dataclass(frozen=True, kw_only=True, eq=False)
class Scaler:
    """Standardises features by the statistics of the valid training clips.

    Attributes:
        mean: float32 (d,).
        std: float32 (d,); 1 for columns that do not vary, which thus become 0.
    """

    mean: Tensor
    std: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Standardise float32 (n, d) in place, cut at 10 standard deviations, and return it."""
        return (
            features.sub_(self.mean).div_(self.std).clamp_(-_LARGEST_DEVIATION, _LARGEST_DEVIATION)
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedMlp:
    """All that prediction needs, and where it comes from.

    Attributes:
        network: with the weights of the best epoch.
        scaler: of the training part.
        prior: float32 (C,), class frequencies over all clips of the training part.
        options: as trained.
        classes: C names.
        shapes: shape of each input group.
        seed: of initialisation, batch order and dropout.
        best_epoch: from 1.
        split_metadata: metadata of the training part's file (feature options, digest).
    """

    network: nn.Module
    scaler: Scaler
    prior: Tensor
    options: MlpOptions
    classes: tuple[str, ...]
    shapes: dict[str, tuple[int, ...]]
    seed: int
    best_epoch: int
    split_metadata: dict[str, Any]


def fit_scaler(table: SplitTable, inputs: Sequence[str], rows: NDArray[np.intp]) -> Scaler:
    """Measure mean and standard deviation (float64 inside) of the given rows.

    Args:
        table: the training part.
        inputs: names of its groups.
        rows: int (m,), m > 0: the valid clips.
    """
    means, stds = [], []
    for name in inputs:
        group = table.groups[name]
        chunks = list(_chunks(rows, _STATISTICS_CLIPS))
        mean = sum(group[part].sum(axis=0, dtype=np.float64) for part in chunks) / rows.size
        # Two passes: the difference of squares loses the digits of columns that hardly vary.
        variance = sum(((group[part] - mean) ** 2).sum(axis=0) for part in chunks) / rows.size
        means.append(mean)
        stds.append(np.sqrt(variance))
    mean, std = np.concatenate(means), np.concatenate(stds)
    std[std < _LEAST_STD * np.maximum(1.0, np.abs(mean))] = 1.0
    return Scaler(
        mean=torch.from_numpy(mean.astype(np.float32)), std=torch.from_numpy(std.astype(np.float32))
    )


def gather(table: SplitTable, inputs: Sequence[str], rows: NDArray[np.intp]) -> Tensor:
    """Return a copy of some clips' features, the groups joined, as float32 (len(rows), d)."""
    return torch.from_numpy(np.concatenate([table.groups[name][rows] for name in inputs], axis=1))


def check_features(table: SplitTable, inputs: Sequence[str], *, part: str) -> None:
    """Refuse a table that lacks an input, or whose valid clips hold NaN or infinity.

    Raises:
        ValueError: naming the part, the group and the clip.
    """
    rows = np.flatnonzero(table.valid)
    for name in inputs:
        if name not in table.groups:
            raise ValueError(
                f"the {part} part has no feature group {name!r}; there are: "
                f"{', '.join(sorted(table.groups)) or 'none'}"
            )
        for chunk in _chunks(rows, _STATISTICS_CLIPS):
            finite = np.isfinite(table.groups[name][chunk]).all(axis=1)
            if not finite.all():
                clip = table.clip_ids[chunk[int(finite.argmin())]]
                raise ValueError(
                    f"the {part} part's group {name!r} holds NaN or infinity for the valid clip "
                    f"{clip!r}: make its features again, or mark the clip invalid"
                )


def predict(model: TrainedMlp, table: SplitTable, *, threads: int = 1) -> NDArray[np.float32]:
    """Return class probabilities.

    An invalid clip, of which there are no features, gets the class frequencies of the training
    part: its answer is the majority class. Scores thus count every clip; to drop the clips that
    could not be tracked would flatter the model.

    Args:
        model: from training or a checkpoint.
        table: with the model's input groups.
        threads: torch's threads inside an operation.

    Returns:
        float32 (n, C); rows sum to 1.

    Raises:
        ValueError: classes, groups, shapes or feature options are not those of the training.
    """
    check_compatible(model, table)
    check_features(table, model.options.inputs, part="predicted")
    probabilities = np.tile(model.prior.numpy(), (len(table), 1))
    model.network.eval()
    with use_threads(threads), torch.inference_mode():
        for rows in _chunks(np.flatnonzero(table.valid), _CHUNK_CLIPS):
            features = model.scaler(gather(table, model.options.inputs, rows))
            probabilities[rows] = model.network(features).softmax(dim=1).numpy()
    return probabilities


def check_compatible(model: TrainedMlp, table: SplitTable) -> None:
    """Refuse a table whose columns mean something else than in training.

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


def check_same_features(trained: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse features made with other options: equal shapes do not make equal columns.

    Raises:
        ValueError: naming the options that differ.
    """
    before, now = trained.get("features"), given.get("features")
    if before == now:
        return
    if isinstance(before, dict) and isinstance(now, dict):
        keys = sorted(k for k in before.keys() | now.keys() if before.get(k) != now.get(k))
        details = "; ".join(f"{key}: {before.get(key)!r} and {now.get(key)!r}" for key in keys)
    else:
        details = f"{before!r} and {now!r}"
    raise ValueError(f"the features were made with different options ({details})")


@contextmanager
def use_threads(threads: int) -> Iterator[None]:
    """Give torch so many threads inside the block, and what it had afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _chunks(rows: NDArray[np.intp], clips: int) -> Iterator[NDArray[np.intp]]:
    for start in range(0, rows.size, clips):
        yield rows[start : start + clips]
