"""Read one part (train, val, test) of a split from Parquet into arrays."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from facewave.splits.disk_arrays import DiskArray, JoinedArray
from facewave.storage.parquet import open_parquet, read_parquet

METADATA_KEY = b"facewave"
VOTES = "label_distribution"
# Clips decoded at a time: what is held beside the result is this many clips.
BATCH_CLIPS = 256


@dataclass(frozen=True, kw_only=True, eq=False)
class SplitTable:
    """One part of a split; row i of every array is the clip `clip_ids[i]`.

    Attributes:
        clip_ids: (n,) ids
        labels: int64 (n,), indexes into `classes`
        valid: bool (n,), False where no usable face was tracked (the features are then zeros)
        groups: name of a feature group to C-contiguous float32 (n, d), d = product of its shape;
            or to what is indexed by row numbers like it (`facewave.splits.disk_arrays`)
        classes: class names
        shapes: name of a feature group to the shape of one clip's array, e.g. (10, 478, 3)
        metadata: the file's metadata as written (feature options, versions, digest)
        label_distributions: float32 (n, C), fraction of the votes for each class, NaN for a clip
            without votes; None if no clip has any
        targets: float64 (n, m), real values to predict, NaN where a clip lacks one; None unless
            they were read beside the part (`facewave.manifest.targets.read_target_values`)
    """

    clip_ids: list[str]
    labels: NDArray[np.int64]
    valid: NDArray[np.bool_]
    groups: dict[str, NDArray[np.float32]]
    classes: tuple[str, ...]
    shapes: dict[str, tuple[int, ...]]
    metadata: dict[str, Any]
    label_distributions: NDArray[np.float32] | None = None
    targets: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.clip_ids)

    def take(self, rows: NDArray[np.intp]) -> "SplitTable":
        """Return some rows as a table of their own; the arrays are copies."""
        votes = self.label_distributions
        return replace(
            self,
            clip_ids=[self.clip_ids[row] for row in rows],
            labels=self.labels[rows],
            valid=self.valid[rows],
            groups={name: group[rows] for name, group in self.groups.items()},
            label_distributions=None if votes is None else votes[rows],
            targets=None if self.targets is None else self.targets[rows],
        )

    def joined(self, other: "SplitTable") -> "SplitTable":
        """Return the rows of this table and, behind them, of another with the same groups.

        Features are not copied; classes, shapes and metadata are those of this table.
        """
        votes = np.concatenate(
            [
                np.full((len(table), len(table.classes)), np.nan, np.float32)
                if table.label_distributions is None
                else table.label_distributions
                for table in (self, other)
            ]
        )
        groups = {
            name: JoinedArray(first, other.groups[name]) for name, first in self.groups.items()
        }
        targets = None
        if self.targets is not None and other.targets is not None:
            targets = np.concatenate([self.targets, other.targets])
        return replace(
            self,
            clip_ids=self.clip_ids + other.clip_ids,
            labels=np.concatenate([self.labels, other.labels]),
            valid=np.concatenate([self.valid, other.valid]),
            groups=cast(dict[str, NDArray[np.float32]], groups),
            label_distributions=None if np.isnan(votes).all() else votes,
            targets=targets,
        )


def read_split(
    path: str | Path, *, groups: Sequence[str], scratch: Path | None = None
) -> SplitTable:
    """Read ids, labels, votes, validity and the named feature groups of a split.

    Memory: the result and the clips of one batch; other groups in the file are not read.

    Args:
        path: the Parquet file of one part
        groups: names of the feature groups to read; empty for labels only
        scratch: a folder for unnamed files that hold the features in place of memory; they take as
            many bytes there as the arrays would

    Raises:
        FileNotFoundError: there is no such file
        ValueError: the file is not a split, lacks a column, or a column does not hold what it
            should; the message names the file and the column
    """
    path = Path(path)
    # Buffering ahead would hold the compressed columns as well, as much again as the result.
    with open_parquet(path, pre_buffer=False) as file:
        return _read(file, path, tuple(groups), scratch)


def read_subjects(path: str | Path) -> dict[str, str | None]:
    """Return the subject of each clip of a split, None where it is not known.

    Raises:
        FileNotFoundError: there is no such file
        ValueError: the file is not a split
    """
    table = read_parquet(path, ["clip_id", "subject"])
    ids, subjects = (table.column(name).to_pylist() for name in ("clip_id", "subject"))
    return dict(zip(ids, subjects, strict=True))


def _read(file: Any, path: Path, names: tuple[str, ...], scratch: Path | None) -> SplitTable:
    schema = file.schema_arrow
    metadata = _metadata(schema, path)
    shapes = {name: tuple(shape) for name, shape in metadata["shapes"].items()}
    _check_columns(schema, path, names, shapes)
    count, classes = file.metadata.num_rows, tuple(metadata["classes"])
    clip_ids: list[str] = []
    labels = np.empty(count, np.int64)
    valid = np.empty(count, np.bool_)
    arrays = {name: _array((count, math.prod(shapes[name])), scratch) for name in names}
    shares = np.full((count, len(classes)), np.nan, np.float32)
    votes = [VOTES] if VOTES in schema.names else []
    start = 0
    # One thread: the workflow counts a job's threads, and Arrow's pool would not be among them.
    for batch in file.iter_batches(
        BATCH_CLIPS, columns=["clip_id", "label", "valid", *votes, *names], use_threads=False
    ):
        rows = slice(start, start + batch.num_rows)
        clip_ids.extend(_column(batch, "clip_id", path).to_pylist())
        labels[rows] = _column(batch, "label", path).to_numpy(zero_copy_only=False)
        valid[rows] = _column(batch, "valid", path).to_numpy(zero_copy_only=False)
        if votes:
            shares[rows] = _distributions(batch.column(VOTES), len(classes), path)
        for name, array in arrays.items():
            array[rows] = _feature_values(batch, name, path).reshape(batch.num_rows, -1)
        start = rows.stop
    _check_labels(labels, clip_ids, classes, path)
    return SplitTable(
        clip_ids=clip_ids,
        labels=labels,
        valid=valid,
        groups=arrays,
        classes=classes,
        shapes={name: shapes[name] for name in names},
        metadata=metadata,
        label_distributions=None if np.isnan(shares).all() else shares,
    )


def _array(shape: tuple[int, int], scratch: Path | None) -> NDArray[np.float32]:
    if scratch is None:
        return np.empty(shape, np.float32)
    return cast(NDArray[np.float32], DiskArray(scratch, shape))


def _metadata(schema: Any, path: Path) -> dict[str, Any]:
    raw = (schema.metadata or {}).get(METADATA_KEY)
    if raw is None:
        raise ValueError(
            f"{path}: no metadata under {METADATA_KEY.decode()!r}: not a split of facewave"
        )
    metadata: dict[str, Any] = json.loads(raw)
    missing = [key for key in ("classes", "shapes") if key not in metadata]
    if missing:
        raise ValueError(f"{path}: the metadata lack {', '.join(missing)}")
    return metadata


def _check_columns(
    schema: Any, path: Path, names: tuple[str, ...], shapes: dict[str, tuple[int, ...]]
) -> None:
    for name in ("clip_id", "label", "valid"):
        if name not in schema.names:
            raise ValueError(f"{path}: no column {name!r}; there are: {', '.join(schema.names)}")
    for name in names:
        if name not in schema.names or name not in shapes:
            raise ValueError(
                f"{path}: no feature group {name!r}; there are: "
                f"{', '.join(sorted(shapes)) or 'none'}"
            )
        kind, width = schema.field(name).type, math.prod(shapes[name])
        if not pa.types.is_fixed_size_list(kind) or kind.value_type != pa.float32():
            raise ValueError(f"{path}: column {name!r} is {kind}, not a fixed-size list of float32")
        if kind.list_size != width:
            raise ValueError(
                f"{path}: column {name!r} has {kind.list_size} values per clip, but its shape "
                f"{shapes[name]} has {width}"
            )


def _column(batch: Any, name: str, path: Path) -> Any:
    column = batch.column(name)
    if column.null_count:
        raise ValueError(f"{path}: column {name!r} has empty cells")
    return column


def _feature_values(batch: Any, name: str, path: Path) -> NDArray[np.float32]:
    """Return the values of a feature column of an Arrow batch, float32 (clips x width,), no copy.

    Raises:
        ValueError: a cell or a value is empty
    """
    # flatten() drops the values of null clips, hence the check in _column before it.
    values = _column(batch, name, path).flatten()
    if values.null_count:
        raise ValueError(f"{path}: column {name!r} has empty values")
    array: NDArray[np.float32] = values.to_numpy(zero_copy_only=True)
    return array


def _distributions(column: Any, n_classes: int, path: Path) -> NDArray[np.float32]:
    """Return the fractions of the classes, float32 (n, C), NaN in the rows that are null."""
    fractions = np.full((len(column), n_classes), np.nan, np.float32)
    given = np.asarray(column.is_valid())
    lists = column.drop_null()
    wide = set(np.asarray(lists.value_lengths()).tolist())
    if wide - {n_classes}:
        raise ValueError(
            f"{path}: column {VOTES!r} has lists of {sorted(wide)} values; there are {n_classes} "
            "classes"
        )
    values = lists.flatten().to_numpy(zero_copy_only=False).reshape(-1, n_classes)
    good = (values >= 0).all(axis=1) & np.isclose(values.sum(axis=1), 1.0, atol=1e-4)
    if not good.all():
        raise ValueError(
            f"{path}: column {VOTES!r}: expected fractions that sum to 1, found "
            f"{values[~good][0].tolist()}"
        )
    fractions[given] = values
    return fractions


def _check_labels(
    labels: NDArray[np.int64], clip_ids: list[str], classes: tuple[str, ...], path: Path
) -> None:
    wrong = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if wrong.size:
        first = int(wrong[0])
        raise ValueError(
            f"{path}: column 'label' is {labels[first]} for clip {clip_ids[first]!r}; "
            f"the classes are 0 to {len(classes) - 1}"
        )
