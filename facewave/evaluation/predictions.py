"""What a model predicted for the clips of its validation and test part: one row per clip.

A classifier predicts classes, a regression predicts values. Both are files of one format (Parquet)
with one writer and one reader; which of the two a file holds is in its schema's metadata, where it
names either its `classes` or its `targets`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from facewave import __version__
from facewave.splits.baseline import RULE
from facewave.splits.read import METADATA_KEY, SplitTable
from facewave.storage.parquet import parquet_schema, read_parquet, write_parquet

# The last class of a model that answers in words of its own: an answer that names no class. No clip
# is labelled with it, so it always counts as wrong.
INVALID_ANSWER = "(no class named)"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rows:
    """What predictions of classes and of values have in common.

    Attributes:
        NAMES: the attribute, and the key of the file's metadata, that names what is predicted.
        COLUMNS: attributes by column of the file, in the file's order.
        clip_ids: n ids; row i of every array is the clip `clip_ids[i]`.
        parts: n names of parts, `val` or `test`.
        valid: bool (n,), False where no face was tracked: the features hold nothing.
        metadata: the file's metadata (version of facewave, seed, digests of the parts).
    """

    NAMES: ClassVar[str]
    COLUMNS: ClassVar[Mapping[str, str]]
    clip_ids: list[str]
    parts: list[str]
    valid: NDArray[np.bool_]
    metadata: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of what is predicted: classes or targets."""
        names: tuple[str, ...] = getattr(self, self.NAMES)
        return names

    def of_part(self, part: str) -> Self:
        """Return the rows of one part."""
        rows = np.flatnonzero(np.array(self.parts, dtype=object) == part)
        changes: dict[str, Any] = {
            name: value[rows] for name, value in vars(self).items() if isinstance(value, np.ndarray)
        }
        changes["clip_ids"] = [self.clip_ids[row] for row in rows]
        return replace(self, parts=[part] * rows.size, **changes)


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions(_Rows):
    """The classes that one model predicted; `_Rows` describes the other attributes.

    Attributes:
        labels: int64 (n,), indexes into `classes`.
        predicted: int64 (n,), indexes into `classes`.
        probabilities: float32 (n, C).
        classes: C names.
    """

    NAMES = "classes"
    COLUMNS: ClassVar = {
        "clip_id": "clip_ids",
        "part": "parts",
        "label": "labels",
        "predicted": "predicted",
        "valid": "valid",
        "probability": "probabilities",
    }
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    classes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class RegressionPredictions(_Rows):
    """The values that one model predicted; `_Rows` describes the other attributes.

    Attributes:
        truth: float64 (n, m), the true values; NaN where a clip lacks one.
        predicted: float64 (n, m), in the targets' units.
        baseline: float64 (n, m), the mean over the training part of each clip's fold.
        targets: m names.
    """

    NAMES = "targets"
    COLUMNS: ClassVar = {
        "clip_id": "clip_ids",
        "part": "parts",
        "target": "truth",
        "predicted": "predicted",
        "baseline": "baseline",
        "valid": "valid",
    }
    truth: NDArray[np.float64]
    predicted: NDArray[np.float64]
    baseline: NDArray[np.float64]
    targets: tuple[str, ...]


def join_parts(
    tables: Mapping[str, SplitTable],
    probabilities: Mapping[str, NDArray[np.float32]],
    *,
    metadata: Mapping[str, Any],
) -> Predictions:
    """Make predictions out of the probabilities for several parts.

    Args:
        tables: part to its table, all with the same classes; at least one.
        probabilities: part to float32 (n, C); the class with the largest one is predicted (ties:
            the lower index).
        metadata: JSON-serialisable, to be kept in the file, with the rule of the person's baseline
            where features with one were read.

    Raises:
        ValueError: the parts have different classes.
    """
    classes = {table.classes for table in tables.values()}
    if len(classes) != 1:
        raise ValueError(
            f"{', '.join(tables)} have {len(classes)} different class lists: build the splits again"
        )
    joined = np.concatenate([probabilities[part] for part in tables])
    return Predictions(
        clip_ids=[clip for table in tables.values() for clip in table.clip_ids],
        parts=[part for part, table in tables.items() for _ in range(len(table))],
        labels=np.concatenate([table.labels for table in tables.values()]),
        predicted=joined.argmax(axis=1),
        valid=np.concatenate([table.valid for table in tables.values()]),
        probabilities=joined,
        classes=classes.pop(),
        metadata=_with_rule(tables, metadata),
    )


def join_values(
    tables: Mapping[str, SplitTable],
    values: Mapping[str, NDArray[np.float64]],
    *,
    names: tuple[str, ...],
    mean: NDArray[np.float64],
    metadata: Mapping[str, Any],
) -> RegressionPredictions:
    """Make predictions out of the values for several parts.

    Args:
        tables: part to its table, with `targets`; at least one.
        values: part to float64 (n, m).
        names: of the m targets.
        mean: float64 (m,), of the training part.
        metadata: as for `join_parts`.
    """
    predicted = np.concatenate([values[part] for part in tables])
    return RegressionPredictions(
        clip_ids=[clip for table in tables.values() for clip in table.clip_ids],
        parts=[part for part, table in tables.items() for _ in range(len(table))],
        truth=np.concatenate([table.targets for table in tables.values() if len(table)]),
        predicted=predicted,
        baseline=np.tile(mean, (len(predicted), 1)),
        valid=np.concatenate([table.valid for table in tables.values()]),
        targets=names,
        metadata=_with_rule(tables, metadata),
    )


def join_predictions(folds: Sequence[Predictions]) -> Predictions:
    """Join the predictions of one model for several folds, one behind the other.

    Their metadata are those of the first fold, with `fold_clips`: the number of rows of each.
    """
    first = folds[0]
    return replace(
        first,
        clip_ids=[clip for fold in folds for clip in fold.clip_ids],
        parts=[part for fold in folds for part in fold.parts],
        labels=np.concatenate([fold.labels for fold in folds]),
        predicted=np.concatenate([fold.predicted for fold in folds]),
        valid=np.concatenate([fold.valid for fold in folds]),
        probabilities=np.concatenate([fold.probabilities for fold in folds]),
        metadata={**first.metadata, "fold_clips": [len(fold.clip_ids) for fold in folds]},
    )


def _with_rule(tables: Mapping[str, SplitTable], metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    rules = [table.metadata.get(RULE) for table in tables.values() if table.groups]
    return {**metadata, RULE: rules[0]} if any(rules) else metadata


def write_predictions(path: Path, predictions: Predictions | RegressionPredictions) -> None:
    """Write predictions, atomically; equal predictions give equal bytes.

    Columns: `clip_id`, `part` (string) and `valid` (bool); of classes `label`, `predicted` (int32)
    and `probability` (fixed-size list of C float32); of values `target`, `predicted` and
    `baseline` (fixed-size lists of m float64). The schema's metadata hold `classes` or `targets`,
    the version of facewave and what `predictions.metadata` has.
    """
    columns = {
        column: _column(getattr(predictions, name)) for column, name in predictions.COLUMNS.items()
    }
    content = {
        **predictions.metadata,
        predictions.NAMES: list(predictions.names),
        "facewave": __version__,
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False)
    table = pa.table(columns).replace_schema_metadata({METADATA_KEY: text.encode()})
    write_parquet(path, table)


def _column(values: list[str] | NDArray[Any]) -> Any:
    if isinstance(values, list):
        return pa.array(values, pa.string())
    if values.ndim == 2:
        return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
    return pa.array(values, pa.bool_() if values.dtype == bool else pa.int32())


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Return the metadata of a predictions file, whose rows are not read.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not a Parquet file.
    """
    schema = parquet_schema(path)
    metadata: dict[str, Any] = json.loads((schema.metadata or {}).get(METADATA_KEY, b"{}"))
    return metadata


def read_predictions(path: str | Path) -> Predictions | RegressionPredictions:
    """Read what `write_predictions` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not a predictions file, a column is missing, or an index is outside the classes.
    """
    table = read_parquet(path)
    metadata = json.loads((table.schema.metadata or {}).get(METADATA_KEY, b"{}"))
    kind: type[Predictions] | type[RegressionPredictions]
    kind = RegressionPredictions if RegressionPredictions.NAMES in metadata else Predictions
    missing = [name for name in kind.COLUMNS if name not in table.column_names]
    if kind.NAMES not in metadata or missing:
        raise ValueError(
            f"{path}: not a predictions file: lacks {', '.join(missing) or 'metadata'}"
        )
    names = tuple(metadata[kind.NAMES])
    content: dict[str, Any] = {kind.NAMES: names, "metadata": metadata}
    content |= {name: _values(table.column(column)) for column, name in kind.COLUMNS.items()}
    if kind is Predictions:
        for column in ("label", "predicted"):
            _check_indexes(content[kind.COLUMNS[column]], f"{path}: column {column!r}", len(names))
    return kind(**content)


def _values(column: Any) -> list[str] | NDArray[Any]:
    if pa.types.is_string(column.type):
        strings: list[str] = column.to_pylist()
        return strings
    if pa.types.is_fixed_size_list(column.type):
        flat: NDArray[Any] = column.combine_chunks().flatten().to_numpy()
        return flat.reshape(-1, column.type.list_size)
    values: NDArray[Any] = column.to_numpy()
    return values if values.dtype == bool else values.astype(np.int64)


def _check_indexes(values: NDArray[np.int64], column: str, n_classes: int) -> None:
    if values.size and (values.min() < 0 or values.max() >= n_classes):
        raise ValueError(
            f"{column} has {values.min()} to {values.max()}, but the classes are 0 to "
            f"{n_classes - 1}"
        )


def read_class_predictions(path: str | Path) -> Predictions:
    """Read predicted classes.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: as for `read_predictions`, or the file holds predicted values.
    """
    predictions = read_predictions(path)
    if not isinstance(predictions, Predictions):
        raise ValueError(f"{path}: holds values of {', '.join(predictions.targets)}, not classes")
    return predictions
