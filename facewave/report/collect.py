"""Splits, training curves and scores, as the report needs them."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from facewave.splits.partition import PARTS
from facewave.splits.read import METADATA_KEY

CURVES = ("train_loss", "val_loss", "train_uar", "val_uar", "val_war")


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part (train, val or test) of a fold, in numbers.

    Attributes:
        clips, valid: number of clips, and of these the valid ones.
        per_class: clips of each class, in the order of the class list.
        subjects: the subjects that are known.
        data_sha256: digest of the part's clip ids, labels and features.
    """

    clips: int
    valid: int
    per_class: tuple[int, ...]
    subjects: frozenset[str]
    data_sha256: str


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One fold: its parts by name."""

    name: str
    classes: tuple[str, ...]
    parts: dict[str, Part]

    @property
    def shared_subjects(self) -> int:
        """Number of subjects that are in more than one part."""
        counts = Counter(subject for part in self.parts.values() for subject in part.subjects)
        return sum(count > 1 for count in counts.values())


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """The training of one fold.

    Attributes:
        curves: name of a column (`CURVES`) to its value after each epoch.
        best: position of the epoch whose weights were kept; the epochs count from 1.
    """

    fold: str
    curves: dict[str, list[float]]
    best: int

    @property
    def epochs(self) -> int:
        """Number of epochs that were run."""
        return len(self.curves["val_uar"])


def read_folds(splits: Mapping[str, Mapping[str, Path]]) -> list[Fold]:
    """Count the clips of every part of every fold; features are not read.

    Args:
        splits: fold to part to Parquet file.
    """
    return [_read_fold(name, paths) for name, paths in splits.items()]


def _read_fold(name: str, paths: Mapping[str, Path]) -> Fold:
    parts = {part: _read_part(paths[part]) for part in PARTS}
    with pq.ParquetFile(paths[PARTS[0]]) as file:
        classes = _metadata(file)["classes"]
    return Fold(name=name, classes=tuple(classes), parts=parts)


def _metadata(file: pq.ParquetFile) -> dict[str, Any]:
    metadata: dict[str, Any] = json.loads(file.schema_arrow.metadata[METADATA_KEY])
    return metadata


def _read_part(path: Path) -> Part:
    with pq.ParquetFile(path) as file:
        metadata = _metadata(file)
        table = file.read(columns=["label", "valid", "subject"], use_threads=False)
    labels = Counter(table.column("label").to_pylist())
    subjects = table.column("subject").unique().to_pylist()
    return Part(
        clips=table.num_rows,
        valid=sum(table.column("valid").to_pylist()),
        per_class=tuple(labels[index] for index in range(len(metadata["classes"]))),
        subjects=frozenset(subject for subject in subjects if subject is not None),
        data_sha256=metadata["data_sha256"],
    )


def read_training(paths: Mapping[str, Path]) -> list[TrainingRun]:
    """Read the training curves of every fold.

    Args:
        paths: fold to its `metrics.csv`.

    Raises:
        ValueError: if a file has no epoch or lacks a column.
    """
    return [_read_run(fold, path) for fold, path in paths.items()]


def _read_run(fold: str, path: Path) -> TrainingRun:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not set(CURVES) <= set(rows[0]):
        raise ValueError(f"{path}: no epoch, or not the columns of a training: train again")
    curves = {name: [float(row[name]) for row in rows] for name in CURVES}
    # The rule of facewave.training.EarlyStopping, whose import would bring in PyTorch. `max`
    # returns the first of equals: the earlier epoch.
    best = max(range(len(rows)), key=lambda i: (curves["val_uar"][i], -curves["val_loss"][i]))
    return TrainingRun(fold=fold, curves=curves, best=best)


def read_scores(path: Path) -> dict[str, Any]:
    """Read `metrics.json`; see `facewave.evaluation.evaluate.evaluate_folds` for what is in it."""
    scores: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return scores
