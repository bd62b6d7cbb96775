"""Parquet files that tell when they were damaged: checksums of pages, and a digest of the whole.

The Snakefile imports what imports this module, so pyarrow is imported by the functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from facewave.storage.atomic import atomic_path
from facewave.storage.seals import DamagedFileError, check_parquet, seal_parquet


@contextmanager
def parquet_writer(path: Path, schema: Any, **options: Any) -> Iterator[Any]:
    """Yield a `pyarrow.parquet.ParquetWriter` of a file that appears whole or not at all.

    Args:
        path: of the file; its folder is made.
        schema: a `pyarrow.Schema`.
        options: of the writer; compression is zstd.
    """
    import pyarrow.parquet as pq

    with atomic_path(path) as temporary:
        with (
            temporary.open("wb") as handle,
            pq.ParquetWriter(
                handle, schema, compression="zstd", write_page_checksum=True, **options
            ) as writer,
        ):
            yield writer
        seal_parquet(temporary)


def write_parquet(path: Path, table: Any) -> None:
    """Write a `pyarrow.Table`, whole or not at all; equal tables give equal bytes."""
    with parquet_writer(path, table.schema) as writer:
        writer.write_table(table)


@contextmanager
def open_parquet(path: str | Path, **options: Any) -> Iterator[Any]:
    """Yield a `pyarrow.parquet.ParquetFile` whose digests and checksums are compared.

    Args:
        path: of the file.
        options: of `ParquetFile`.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedFileError: it is no Parquet file or not as it was written, found here or when the
            block reads it.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    check_parquet(path)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True, **options) as file:
            yield file
    except DamagedFileError:
        raise
    # Arrow says of damage whatever the bytes make it stumble over; OSError of a wrong checksum.
    except (pa.ArrowException, OSError) as error:
        raise DamagedFileError(path, f"not a readable Parquet file: {error}") from error


def read_parquet(path: str | Path, columns: Sequence[str] | None = None) -> Any:
    """Read a file, or those of some columns that it has, as a `pyarrow.Table` with its metadata.

    Raises:
        FileNotFoundError, DamagedFileError: as for `open_parquet`.
    """
    with open_parquet(path) as file:
        # One thread: the workflow counts a job's threads, and Arrow's pool would not be among them.
        return file.read(columns=None if columns is None else list(columns), use_threads=False)


def parquet_schema(path: str | Path) -> Any:
    """Return a file's `pyarrow.Schema` with its metadata; no row is read.

    Raises:
        FileNotFoundError, DamagedFileError: as for `open_parquet`.
    """
    with open_parquet(path) as file:
        return file.schema_arrow
