"""The parts that a model learns from: whether they can be learned from, and how classes weigh."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facewave.jobs.memory import fits
from facewave.mlp.options import MlpOptions
from facewave.mlp.standardise import check_features, check_same_features
from facewave.splits.read import SplitTable, read_split
from facewave.splits.stream import stream_split


def check_parts(train: SplitTable, val: SplitTable, options: MlpOptions) -> None:
    """Refuse parts that cannot be trained on.

    Raises:
        ValueError: saying why and what to do.
    """
    if train.classes != val.classes:
        raise ValueError(
            f"the training part has the classes {', '.join(train.classes)}, the validation part "
            f"{', '.join(val.classes)}: build the splits again"
        )
    check_same_features(train.metadata, val.metadata)
    for part, table in (("training", train), ("validation", val)):
        if not table.valid.any():
            raise ValueError(
                f"none of the {part} part's {len(table)} clips is valid: add clips, choose another "
                "split.protocol or val_fraction, or look up why clips are invalid (quality)"
            )
        check_features(table, options.inputs, part=part)
    for name in options.inputs:
        if train.shapes[name] != val.shapes[name]:
            raise ValueError(
                f"{name!r} is {train.shapes[name]} in the training part and {val.shapes[name]} in "
                "the validation part: build the splits again"
            )
    if options.soft_labels:
        check_votes(train)
    known = np.unique(train.labels[train.valid])
    if known.size < 2:
        raise ValueError(
            f"all valid training clips are of the class {train.classes[known[0]]!r}: a classifier "
            "needs two classes; add clips or choose another split.protocol"
        )
    if not np.isin(val.labels[val.valid], known).any():
        raise ValueError(
            "no valid validation clip has a class that occurs among the valid training clips: add "
            "clips or choose another split.protocol or val_fraction"
        )


_log = logging.getLogger("facewave")


def holds_features(
    train: Path, val: Path, *, options: MlpOptions, job_mb: int | None = None
) -> bool:
    """Tell whether the features of all parts are to be held in memory.

    Args:
        train, val: the Parquet files that training has open at once.
        options: `inputs`, and `in_memory`, which decides; `auto`: what would be held is compared
            with the memory that there is.
        job_mb: memory that the job asked for in MiB.
    """
    if isinstance(options.in_memory, bool):
        return options.in_memory
    needed = _bytes_of(train, options) + _bytes_of(val, options)
    if options.projection and options.refit:
        needed *= 2  # a refit learns from a copy of both parts, joined
    held = fits(needed, job_mb=job_mb)
    where = "held in memory" if held else "read from the splits as they are needed"
    _log.info("%.1f GB of features: %s (mlp.in_memory: auto)", needed / 1e9, where)
    return held


def read_part(path: Path, *, options: MlpOptions, held: bool) -> SplitTable:
    """Read a part with the input groups; their values stay in the file unless they are `held`."""
    if not held:
        # Arrow's own allocator keeps much of what was freed.
        pa.set_memory_pool(pa.system_memory_pool())
    return (read_split if held else stream_split)(path, groups=options.inputs)


def _bytes_of(path: Path, options: MlpOptions) -> int:
    shapes = read_split(path, groups=options.inputs, features=False).shapes
    width = sum(math.prod(shape) for shape in shapes.values())
    with pq.ParquetFile(path) as file:
        return 4 * width * int(file.metadata.num_rows)


def check_votes(table: SplitTable) -> None:
    """Refuse a training part without votes.

    Raises:
        ValueError: no valid clip has a distribution.
    """
    given = table.label_distributions
    if given is None or np.isnan(given[table.valid, 0]).all():
        raise ValueError(
            f"mlp.soft_labels: none of the training part's {int(table.valid.sum())} valid clips "
            "has votes (label_distribution); use a dataset with votes (docs/datasets.md names "
            "them), or set mlp.soft_labels: false"
        )


def label_shares(table: SplitTable, rows: NDArray[np.intp], *, soft: bool) -> Tensor:
    """Return how much of each class the labels of some clips are.

    Args:
        table: a part of a split.
        rows: int (m,), the clips.
        soft: whether clips with votes have the shares of these.

    Returns:
        float32 (m, C); rows sum to 1, those without votes are one-hot
    """
    labels = torch.from_numpy(table.labels[rows])
    shares = functional.one_hot(labels, len(table.classes)).float()
    if soft and table.label_distributions is not None:
        votes = torch.from_numpy(table.label_distributions[rows])
        shares = torch.where(votes.isnan(), shares, votes)
    return shares


def class_mass(shares: Tensor, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the sum of the clips' shares of each class, float64 (C,).

    A class that no clip is labelled with has 0: a few stray votes would else weigh as much as all
    clips of another class.
    """
    labelled = np.bincount(labels, minlength=shares.shape[1]) > 0
    mass: NDArray[np.float64] = shares.double().sum(dim=0).numpy()
    return np.where(labelled, mass, 0.0)


def expected_targets(shares: Tensor, weights: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Return the mean target of a label that is drawn from a clip's shares.

    Args:
        shares: float32 (m, C), see `label_shares`.
        weights: float32 (C,), of the errors on each class.
        smoothing: share of a label's target that is spread over all classes.

    Returns:
        float32 (m, C): the sum over c of shares[c] weights[c] ((1 - smoothing) one-hot(c) +
        smoothing / C)
    """
    of_classes = smoothed(torch.arange(len(weights)), n_classes=len(weights), smoothing=smoothing)
    return shares @ (of_classes * weights.unsqueeze(1))


def smoothed(labels: Tensor, *, n_classes: int, smoothing: float) -> Tensor:
    """Return one-hot rows (..., C) with `smoothing` of the mass spread over all classes."""
    return functional.one_hot(labels, n_classes).float() * (1 - smoothing) + smoothing / n_classes
