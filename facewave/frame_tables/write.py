"""Write columns in chunks as CSV or Parquet, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from facewave.frame_tables.plain import Columns
from facewave.storage.atomic import atomic_path


def write_frames(path: Path, chunks: Iterable[Columns], *, metadata: Mapping[str, Any]) -> None:
    """Write a table.

    Numbers have as many digits as it takes to read back the same; NaN is an empty cell or null.

    Args:
        path: to write; a Parquet file if its suffix says so, else CSV (UTF-8, commas).
        chunks: columns of consecutive rows, at least one chunk, all with the same names.
        metadata: JSON-serialisable; of the Parquet file's schema, key `facewave`.
    """
    with atomic_path(path) as temporary:
        if path.suffix == ".parquet":
            _write_parquet(temporary, chunks, metadata)
        else:
            _write_csv(temporary, chunks)


def _batch(columns: Columns, metadata: Mapping[str, Any] | None = None) -> Any:
    import pyarrow as pa

    arrays = [pa.array(values, from_pandas=True) for values in columns.values()]
    text = None if metadata is None else {"facewave": json.dumps(dict(metadata), sort_keys=True)}
    return pa.record_batch(arrays, names=list(columns), metadata=text)


def _write_parquet(path: Path, chunks: Iterable[Columns], metadata: Mapping[str, Any]) -> None:
    import pyarrow.parquet as pq

    batches = (_batch(columns, metadata) for columns in chunks)
    first = next(batches)
    with pq.ParquetWriter(path, first.schema, compression="zstd", use_dictionary=False) as writer:
        for batch in chain([first], batches):
            writer.write_batch(batch)


def _write_csv(path: Path, chunks: Iterable[Columns]) -> None:
    from pyarrow import csv

    batches = map(_batch, chunks)
    first = next(batches)
    options = csv.WriteOptions(include_header=False)
    with path.open("wb") as file:
        # Arrow would put names into quotes, which some programs take for part of them.
        file.write((",".join(first.schema.names) + "\n").encode())
        with csv.CSVWriter(file, first.schema, write_options=options) as writer:
            for batch in chain([first], batches):
                writer.write_batch(batch)
