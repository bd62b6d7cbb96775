"""What a model answered, as a Parquet file: one row a clip."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from facewave import __version__
from facewave.splits.read import METADATA_KEY, SplitTable
from facewave.storage.atomic import atomic_path

# Last class of a model that answers in words of its own: what was no class's name. No clip has it
# as its label, so that it is always wrong.
INVALID_ANSWER = "(no class named)"
_COLUMNS = ("clip_id", "part", "label", "predicted", "valid", "probability")


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """Answers of one model; row i of every array is the clip `clip_ids[i]`.

    Attributes:
        clip_ids: n ids.
        parts: n names of parts, `val` or `test`.
        labels: int64 (n,), indexes into `classes`.
        predicted: int64 (n,), indexes into `classes`.
        valid: bool (n,), False where the features held nothing.
        probabilities: float32 (n, C).
        classes: C names.
        metadata: the file's metadata (facewave's version, seed, digests of the parts).
    """

    clip_ids: list[str]
    parts: list[str]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    valid: NDArray[np.bool_]
    probabilities: NDArray[np.float32]
    classes: tuple[str, ...]
    metadata: dict[str, Any]

    def of_part(self, part: str) -> Predictions:
        """Return the rows of one part."""
        rows = np.flatnonzero(np.array(self.parts, dtype=object) == part)
        return Predictions(
            clip_ids=[self.clip_ids[i] for i in rows],
            parts=[part] * rows.size,
            labels=self.labels[rows],
            predicted=self.predicted[rows],
            valid=self.valid[rows],
            probabilities=self.probabilities[rows],
            classes=self.classes,
            metadata=self.metadata,
        )


def join_parts(
    tables: Mapping[str, SplitTable],
    probabilities: Mapping[str, NDArray[np.float32]],
    *,
    metadata: Mapping[str, Any],
) -> Predictions:
    """Make predictions out of the probabilities for several parts.

    Args:
        tables: part to its table, all with the same classes; at least one.
        probabilities: part to float32 (n, C); the answer is the largest (ties: the lower index).
        metadata: JSON-serialisable, to be kept in the file.

    Raises:
        ValueError: the parts have different classes.
    """
    classes = {table.classes for table in tables.values()}
    if len(classes) != 1:
        raise ValueError(f"{', '.join(tables)} must have one class list, but have {len(classes)}")
    joined = np.concatenate([probabilities[part] for part in tables])
    return Predictions(
        clip_ids=[clip for table in tables.values() for clip in table.clip_ids],
        parts=[part for part, table in tables.items() for _ in range(len(table))],
        labels=np.concatenate([table.labels for table in tables.values()]),
        predicted=joined.argmax(axis=1),
        valid=np.concatenate([table.valid for table in tables.values()]),
        probabilities=joined,
        classes=classes.pop(),
        metadata=dict(metadata),
    )


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write predictions, atomically; equal predictions give equal bytes.

    Columns: `clip_id`, `part` (string), `label`, `predicted` (int32), `valid` (bool),
    `probability` (fixed-size list of C float32). The schema's metadata hold `classes`, the version
    of facewave and what `predictions.metadata` has.
    """
    width = len(predictions.classes)
    flat = pa.array(np.ascontiguousarray(predictions.probabilities, np.float32).ravel())
    content = {
        **predictions.metadata,
        "classes": list(predictions.classes),
        "facewave": __version__,
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False)
    table = pa.table(
        [
            pa.array(predictions.clip_ids, pa.string()),
            pa.array(predictions.parts, pa.string()),
            pa.array(predictions.labels, pa.int32()),
            pa.array(predictions.predicted, pa.int32()),
            pa.array(predictions.valid, pa.bool_()),
            pa.FixedSizeListArray.from_arrays(flat, width),
        ],
        names=_COLUMNS,
    ).replace_schema_metadata({METADATA_KEY: text.encode()})
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_predictions(path: str | Path) -> Predictions:
    """Read what `write_predictions` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is none, lacks a column or holds an index outside of the classes.
    """
    path = Path(path)
    try:
        table = pq.read_table(path, use_threads=False)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: not a readable Parquet file: {error}") from error
    raw = (table.schema.metadata or {}).get(METADATA_KEY)
    missing = [name for name in _COLUMNS if name not in table.column_names]
    if raw is None or missing:
        raise ValueError(
            f"{path}: not a predictions file: lacks {', '.join(missing) or 'metadata'}"
        )
    metadata = json.loads(raw)
    classes = tuple(metadata["classes"])
    labels, predicted = (_indexes(table, name, classes, path) for name in ("label", "predicted"))
    probabilities = table.column("probability").combine_chunks().flatten().to_numpy()
    return Predictions(
        clip_ids=table.column("clip_id").to_pylist(),
        parts=table.column("part").to_pylist(),
        labels=labels,
        predicted=predicted,
        valid=table.column("valid").to_numpy(),
        probabilities=probabilities.reshape(-1, len(classes)),
        classes=classes,
        metadata=metadata,
    )


def _indexes(table: Any, name: str, classes: Sequence[str], path: Path) -> NDArray[np.int64]:
    values: NDArray[np.int64] = table.column(name).to_numpy().astype(np.int64)
    if values.size and (values.min() < 0 or values.max() >= len(classes)):
        raise ValueError(f"{path}: column {name!r} leaves the classes 0 to {len(classes) - 1}")
    return values


_REGRESSION_COLUMNS = ("clip_id", "part", "target", "predicted", "valid")


@dataclass(frozen=True, kw_only=True, eq=False)
class RegressionPredictions:
    """Answers of one model; row i of every array is the clip `clip_ids[i]`.

    Attributes:
        clip_ids: n ids.
        parts: n names of parts, `val` or `test`.
        targets: float64 (n, m), what was to be met.
        predicted: float64 (n, m), in the targets' units.
        baseline: float64 (n, m), the mean over the training part of each clip's fold.
        valid: bool (n,), False where no face was tracked.
        names: m names of the targets.
        metadata: the file's metadata.
    """

    clip_ids: list[str]
    parts: list[str]
    targets: NDArray[np.float64]
    predicted: NDArray[np.float64]
    baseline: NDArray[np.float64]
    valid: NDArray[np.bool_]
    names: tuple[str, ...]
    metadata: Mapping[str, Any]


def write_regression(path: Path, answers: RegressionPredictions) -> None:
    """Write predicted numbers, atomically; the columns of numbers are lists of m doubles."""
    width = len(answers.names)
    content = {**answers.metadata, "targets": list(answers.names), "facewave": __version__}
    columns = {
        name: pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(a).ravel()), width)
        for name, a in (
            ("target", answers.targets),
            ("predicted", answers.predicted),
            ("baseline", answers.baseline),
        )
    }
    table = pa.table(
        {
            "clip_id": pa.array(answers.clip_ids, pa.string()),
            "part": pa.array(answers.parts, pa.string()),
            **columns,
            "valid": pa.array(answers.valid, pa.bool_()),
        }
    ).replace_schema_metadata(
        {METADATA_KEY: json.dumps(content, sort_keys=True, allow_nan=False).encode()}
    )
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_regression(path: str | Path) -> RegressionPredictions:
    """Read what `write_regression` wrote.

    Raises:
        ValueError: the file is none, or lacks a column.
    """
    try:
        table = pq.read_table(path, use_threads=False)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: not a readable Parquet file: {error}") from error
    raw = (table.schema.metadata or {}).get(METADATA_KEY)
    missing = [name for name in _REGRESSION_COLUMNS if name not in table.column_names]
    if raw is None or missing:
        raise ValueError(f"{path}: not predicted numbers: lacks {', '.join(missing) or 'metadata'}")
    metadata = json.loads(raw)
    names = tuple(metadata["targets"])

    def numbers(name: str) -> NDArray[np.float64]:
        flat = table.column(name).combine_chunks().flatten().to_numpy()
        return np.asarray(flat, np.float64).reshape(-1, len(names))

    return RegressionPredictions(
        clip_ids=table.column("clip_id").to_pylist(),
        parts=table.column("part").to_pylist(),
        targets=numbers("target"),
        predicted=numbers("predicted"),
        baseline=numbers("baseline"),
        valid=table.column("valid").to_numpy(),
        names=names,
        metadata=metadata,
    )
