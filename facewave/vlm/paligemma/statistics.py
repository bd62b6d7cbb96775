"""Mean and standard deviation of face features and targets over the training part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewave.mlp.parts import check_features
from facewave.mlp.standardise import fit_scaler
from facewave.splits.read import SplitTable

FACE_GROUPS = ("landmarks", "blendshapes")


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceStatistics:
    """Standardisation of the face features.

    Attributes:
        mean, std: group (`landmarks`, `blendshapes`) to float32 of the group's shape.
    """

    mean: dict[str, Tensor]
    std: dict[str, Tensor]


def check_groups(table: SplitTable) -> int:
    """Return K of a split, which its two groups must share.

    Raises:
        ValueError: a group is missing, or they differ in K.
    """
    missing = [name for name in FACE_GROUPS if name not in table.shapes]
    if missing:
        raise ValueError(
            f"the split was read without {', '.join(missing)}: read it with groups={FACE_GROUPS}"
        )
    rows = {name: table.shapes[name][0] for name in FACE_GROUPS}
    if len(set(rows.values())) != 1:
        raise ValueError(
            f"landmarks and blendshapes have different numbers of coefficients: {rows}"
        )
    return rows["landmarks"]


def face_arrays(table: SplitTable, row: int) -> dict[str, NDArray[np.float32]]:
    """Return `landmarks` (K, 478, 3) and `blendshapes` (K, 52) of a clip; zeros if not valid."""
    return {name: table.groups[name][row].reshape(table.shapes[name]) for name in FACE_GROUPS}


def fit_statistics(table: SplitTable) -> FaceStatistics:
    """Measure the face features of a training part.

    As for the MLP, all coefficients of a trajectory share one deviation (root mean square), so
    that fine details of a pyramid stay as small as they are.

    Raises:
        ValueError: no clip is valid, a group is missing, or a valid clip holds NaN.
    """
    check_groups(table)
    check_features(table, FACE_GROUPS, part="training")
    rows = np.flatnonzero(table.valid)
    if not rows.size:
        raise ValueError(
            "no clip of the training part has a usable face: see quality.csv for the reasons, or "
            "train with vlm.use_face: false"
        )
    scaler = fit_scaler(table, FACE_GROUPS, rows, by_trajectory=True)
    widths = [table.groups[name].shape[1] for name in FACE_GROUPS]
    mean, std = (torch.split(values, widths) for values in (scaler.mean, scaler.std))
    return FaceStatistics(
        mean={name: mean[i].reshape(table.shapes[name]) for i, name in enumerate(FACE_GROUPS)},
        std={name: std[i].reshape(table.shapes[name]) for i, name in enumerate(FACE_GROUPS)},
    )


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
