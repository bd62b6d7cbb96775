"""A split whose features stay in its Parquet file and are read row group by row group.

`stream_split` returns a `SplitTable` like `read_split`, but its groups are `StreamedColumn`s: they
are indexed by row numbers as arrays are, and hold the row group that was asked for last: what goes
through rows in their order reads each row group once. So does what goes through them in the order
of `shuffled_rows`, which lets the columns hold two blocks of row groups.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from facewave.splits.read import SplitTable, feature_values, read_split

# Clips of an epoch are shuffled within blocks of row groups of about this size, drawn at random.
BLOCK_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, eq=False)
class _File:
    """An open Parquet file, whose rows begin at `first` of the table's."""

    path: Path
    parquet: Any
    first: int

    @property
    def ends(self) -> list[int]:
        """One after the last row of each row group."""
        metadata = self.parquet.metadata
        counts = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        return [int(end) for end in self.first + np.cumsum(counts)]


class StreamedColumn:
    """A feature group (n, d) that is read from Parquet when rows of it are asked for.

    Attributes:
        shape: (n, d).
        ends: int64, one after the last row of each row group.
        block: row groups of a block of `shuffled_rows`.
        most_held: row groups that are held at most.
    """

    def __init__(self, files: Sequence[_File], name: str, *, width: int, block: int) -> None:
        """Take the files one behind the other; no feature is read yet."""
        self._groups = [(file, i) for file in files for i in range(len(file.ends))]
        self.ends = np.array([end for file in files for end in file.ends], np.int64)
        self.shape = (int(self.ends[-1]) if self.ends.size else 0, width)
        self.name = name
        self.block, self.most_held = block, 1
        self._held: OrderedDict[int, NDArray[np.float32]] = OrderedDict()
        self._files = list(files)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.shape[0]

    def __getitem__(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return a copy of some rows, float32 (len(rows), d), in the order asked for.

        Raises:
            ValueError: a row holds empty values.
        """
        found = np.empty((rows.size, self.shape[1]), np.float32)
        group_of = np.searchsorted(self.ends, rows, side="right")
        for group in np.unique(group_of):
            places = np.flatnonzero(group_of == group)
            start = self.ends[group - 1] if group else 0
            found[places] = self._values(int(group))[rows[places] - start]
        return found

    def then(self, other: StreamedColumn) -> StreamedColumn:
        """Return the rows of this column and, behind them, of another."""
        moved = [_File(f.path, f.parquet, f.first + len(self)) for f in other._files]
        block = max(self.block, other.block)
        return StreamedColumn([*self._files, *moved], self.name, width=self.shape[1], block=block)

    def _values(self, group: int) -> NDArray[np.float32]:
        if group in self._held:
            self._held.move_to_end(group)
            return self._held[group]
        file, index = self._groups[group]
        while len(self._held) >= self.most_held:
            self._held.popitem(last=False)
        table = file.parquet.read_row_group(index, columns=[self.name], use_threads=False)
        batch = table.combine_chunks().to_batches()[0]
        values = feature_values(batch, self.name, file.path).reshape(batch.num_rows, -1)
        self._held[group] = values
        return values


def stream_split(path: str | Path, *, groups: Sequence[str]) -> SplitTable:
    """Read ids, labels and validity of a split; its features stay in the file.

    Args:
        path: the Parquet file of one part.
        groups: names of the feature groups that will be asked for.

    Raises:
        FileNotFoundError, ValueError: as `split_table.read_split`.
    """
    path = Path(path)
    table = read_split(path, groups=groups, features=False)
    try:
        # Buffering ahead would hold the compressed columns of the whole file.
        file = _File(path, pq.ParquetFile(path, pre_buffer=False), 0)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: not a readable Parquet file: {error}") from error
    widths = {name: math.prod(table.shapes[name]) for name in groups}
    block = _block_groups(file.ends, sum(widths.values()))
    columns = {
        name: StreamedColumn([file], name, width=width, block=block)
        for name, width in widths.items()
    }
    table.groups.update(cast(dict[str, NDArray[np.float32]], columns))
    return table


def _block_groups(ends: Sequence[int], width: int) -> int:
    largest = int(np.diff([0, *ends]).max(initial=1))
    return max(1, BLOCK_BYTES // max(1, largest * width * 4))


def shuffled_rows(
    table: SplitTable,
    inputs: Sequence[str],
    rows: NDArray[np.intp],
    permutation: Callable[[int], NDArray[np.int64]],
) -> NDArray[np.int64]:
    """Return a random order of `rows` in which batches can be read: positions in it, each once.

    For an array any order will do. For a column in a file the row groups are brought into random
    order and taken in blocks, and the rows of a block are shuffled: the order depends on the file
    and on the random numbers alone, not on when what is read.

    Args:
        table: whose clips they are.
        inputs: the groups that the batches are made of; at least one.
        rows: increasing row numbers.
        permutation: given n, a random order of 0 to n - 1.
    """
    columns = [table.groups[name] for name in inputs]
    for column in columns:
        if isinstance(column, StreamedColumn):
            # A batch can lie across the border of two blocks.
            column.most_held = 2 * column.block
    column = columns[0]
    if not isinstance(column, StreamedColumn):
        return permutation(rows.size)
    place = np.empty(column.ends.size, np.int64)
    place[permutation(column.ends.size)] = np.arange(column.ends.size)
    block_of = place[np.searchsorted(column.ends, rows, side="right")] // column.block
    by_block = np.argsort(block_of, kind="stable")
    borders = np.flatnonzero(np.diff(block_of[by_block])) + 1
    return np.concatenate([block[permutation(block.size)] for block in np.split(by_block, borders)])


def is_streamed(table: SplitTable) -> bool:
    """Tell whether a table's features stay in its file."""
    return any(isinstance(group, StreamedColumn) for group in table.groups.values())


def join_columns(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a group's rows of two tables, both of which are streamed or neither."""
    if isinstance(first, StreamedColumn) and isinstance(second, StreamedColumn):
        return cast(NDArray[np.float32], first.then(second))
    return np.concatenate([first, second])
