"""Numbers that a model predicted, as a Parquet file: one row a clip."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from facewave import __version__
from facewave.atomic import atomic_path
from facewave.split_table import METADATA_KEY

_COLUMNS = ("clip_id", "part", "target", "predicted", "valid")


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
    missing = [name for name in _COLUMNS if name not in table.column_names]
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
