"""Statistics of trajectories over time: what remains of a clip without its order."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUANTILES = (0.1, 0.5, 0.9)
# Name to number of rows.
STATISTICS = {"mean": 1, "std": 1, "quantiles": len(QUANTILES)}


def count_rows(names: Sequence[str]) -> int:
    """Return the number of rows that `statistics` has for these names."""
    return sum(STATISTICS[name] for name in names)


def statistics(trajectories: NDArray[Any], *, names: Sequence[str]) -> NDArray[np.float32]:
    """Return statistics over time.

    Args:
        trajectories: (T, ...) real, T >= 1, without NaN.
        names: of `STATISTICS`; `std` divides by T, `quantiles` are those of `QUANTILES`.

    Returns:
        float32 (rows, ...) in the order of the names.
    """
    rows = [np.empty((0, *trajectories.shape[1:]))]
    for name in names:
        if name == "mean":
            rows.append(trajectories.mean(axis=0, dtype=np.float64, keepdims=True))
        elif name == "std":
            rows.append(trajectories.std(axis=0, dtype=np.float64, keepdims=True))
        else:
            rows.append(np.quantile(trajectories, QUANTILES, axis=0))
    return np.concatenate(rows).astype(np.float32)
