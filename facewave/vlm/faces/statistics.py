"""Mean and standard deviation of face features and targets over the training part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewave.mlp.mirror import SignedSwap, mirror_inputs
from facewave.mlp.parts import check_features
from facewave.mlp.standardise import fit_scaler
from facewave.splits.read import SplitTable


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceStatistics:
    """Standardisation of the face features.

    Attributes:
        mean, std: group to float32 (rows, values of a row).
        mirror: group to how its columns are mirrored; empty to mirror nothing.
    """

    mean: dict[str, Tensor]
    std: dict[str, Tensor]
    mirror: Mapping[str, SignedSwap] = field(default_factory=dict)


def face_shapes(table: SplitTable) -> dict[str, tuple[int, ...]]:
    """Return the shape of a clip's array by feature group, of the groups that were read."""
    return {name: table.shapes[name] for name in table.groups}


def face_arrays(table: SplitTable, row: int) -> dict[str, NDArray[np.float32]]:
    """Return a clip's array of each group, as its shape is; zeros if it is not valid."""
    return {name: values[row].reshape(table.shapes[name]) for name, values in table.groups.items()}


def fit_statistics(table: SplitTable, *, mirror: bool = False) -> FaceStatistics:
    """Measure the face features of a training part.

    As for the MLP, all coefficients of a trajectory share one deviation (root mean square), so
    that fine details of a pyramid stay as small as they are.

    Args:
        table: with the groups that the model reads.
        mirror: whether mirrored clips are trained on as well.

    Raises:
        ValueError: no clip is valid, a valid clip holds NaN, or a group cannot be mirrored.
    """
    groups = tuple(table.groups)
    check_features(table, groups, part="training")
    rows = np.flatnonzero(table.valid)
    if not rows.size:
        raise ValueError(
            "no clip of the training part has a usable face: see quality.csv for the reasons, or "
            "train with vlm.use_face: false"
        )
    swap = _swap(table, groups) if mirror else None
    scaler = fit_scaler(table, groups, rows, by_trajectory=True, swap=swap)
    widths = [table.groups[name].shape[1] for name in groups]
    mean, std = (torch.split(values, widths) for values in (scaler.mean, scaler.std))
    return FaceStatistics(
        mean={name: mean[i].reshape(table.shapes[name][0], -1) for i, name in enumerate(groups)},
        std={name: std[i].reshape(table.shapes[name][0], -1) for i, name in enumerate(groups)},
        mirror={name: _swap(table, (name,)) for name in groups} if mirror else {},
    )


def _swap(table: SplitTable, groups: Sequence[str]) -> SignedSwap:
    try:
        return mirror_inputs(table, groups)
    except ValueError as error:
        words = str(error).replace("mlp.fusion.mirror", "vlm.mirror")
        raise ValueError(words.replace("mlp.inputs", "vlm.inputs")) from error


def fit_targets(targets: Sequence[Sequence[float]]) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation, float32 (m,), of the training clips' real targets.

    Raises:
        ValueError: a value is not finite, or a target never varies.
    """
    values = np.asarray(targets, np.float64)
    if not np.isfinite(values).all():
        clip, column = map(int, np.argwhere(~np.isfinite(values))[0])
        raise ValueError(f"target {column} of training clip {clip} is {values[clip, column]}")
    std = values.std(axis=0)
    if (std == 0).any():
        column = int(np.argmin(std))
        raise ValueError(
            f"target {column} is {values[0, column]:g} for every training clip: there is nothing "
            "to learn"
        )
    mean = values.mean(axis=0)
    return torch.tensor(mean, dtype=torch.float32), torch.tensor(std, dtype=torch.float32)
