"""Feature arrays that lie in a file in place of memory, and arrays that continue each other.

Both are indexed by row numbers, as NumPy arrays are, and answer with a copy of those rows: code
that takes some rows at a time does not see where they come from.
"""

from __future__ import annotations

import tempfile
import weakref
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class DiskArray:
    """A float32 array (n, d) in an unnamed file, which goes when the array or the process ends.

    Attributes:
        shape: (n, d).
    """

    def __init__(self, folder: Path, shape: tuple[int, int]) -> None:
        """Make the file.

        Args:
            folder: on a disk with 4 n d bytes to spare; made if it is not there.
            shape: (n, d).
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.shape = shape
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as this
        weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.shape[0]

    def __setitem__(self, rows: slice, values: NDArray[np.float32]) -> None:
        """Write consecutive rows, float32 (m, d)."""
        self._file.seek(rows.start * 4 * self.shape[1])
        self._file.write(np.ascontiguousarray(values, np.float32).data)

    def __getitem__(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Read rows, float32 (len(rows), d), in the order of `rows`.

        Raises:
            OSError: a row was never written.
        """
        found = np.empty((rows.size, self.shape[1]), np.float32)
        if not found.size:
            return found
        starts = [0, *(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), rows.size]
        for start, end in pairwise(starts):
            self._file.seek(int(rows[start]) * 4 * self.shape[1])
            if self._file.readinto(found[start:end].data.cast("B")) != found[start:end].nbytes:
                raise OSError(f"rows up to {rows[end - 1]} of {len(self)} were not all written")
        return found


class JoinedArray:
    """The rows of one array and, behind them, those of another; nothing is copied.

    Attributes:
        shape: (n + m, d).
    """

    def __init__(self, first: NDArray[np.float32], second: NDArray[np.float32]) -> None:
        """Join arrays (n, d) and (m, d) of any kind that is indexed by row numbers."""
        self._first, self._second = first, second
        self.shape = (len(first) + len(second), first.shape[1])

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.shape[0]

    def __getitem__(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return a copy of rows, float32 (len(rows), d), in the order of `rows`."""
        found = np.empty((rows.size, self.shape[1]), np.float32)
        inside = rows < len(self._first)
        found[inside] = self._first[rows[inside]]
        found[~inside] = self._second[rows[~inside] - len(self._first)]
        return found
