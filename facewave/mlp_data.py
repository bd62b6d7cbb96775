"""Where training reads its parts from: memory, or row group by row group the Parquet files."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from facewave.memory import fits
from facewave.mlp_options import MlpOptions
from facewave.split_stream import stream_split
from facewave.split_table import SplitTable, read_split

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
