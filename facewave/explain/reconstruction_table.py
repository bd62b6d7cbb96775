"""Reconstruction errors of all clips in one table and one picture."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from facewave.evaluation.resampling import stratified_interval
from facewave.explain.reconstruction import REBUILT_COLUMNS, SIGNALS
from facewave.storage.atomic import atomic_path
from facewave.storage.tables import iter_rows

# Behind the layouts of the workflow's own come those to compare with.
_COLOURS = {
    "paper": "tab:red",
    "segments": "tab:blue",
    "pyramid": "tab:green",
    "db2": "tab:purple",
    "sym4": "tab:pink",
    "dct": "tab:orange",
    "uniform": "tab:gray",
    "mean": "black",
}


@dataclass(frozen=True, kw_only=True)
class LayoutError:
    """How a code rebuilds the clips.

    Attributes:
        signal, layout, coefficients: see `facewave.explain.reconstruction.Rebuilt`.
        clips: those that have an error (something moves).
        error: mean over the clips.
        low, high: 95 % bootstrap interval of the mean over clips.
        lost: mean share of the frames that the code does not hold.
    """

    signal: str
    layout: str
    coefficients: int
    clips: int
    error: float
    low: float
    high: float
    lost: float


def summarise(tables: Iterable[Path], *, seed: int) -> list[LayoutError]:
    """Average the errors of all clips, in the order of the first clip's rows.

    Args:
        tables: of `facewave.explain.reconstruction.measure_bucket`.
        seed: of the bootstrap.

    Raises:
        TableError: a file is no such table.
        ValueError: no clip was measured.
    """
    errors: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    lost: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    for table in tables:
        for row in iter_rows(table, REBUILT_COLUMNS):
            code = (row["signal"], row["layout"], int(row["coefficients"]))
            if row["error"]:
                errors[code].append(float(row["error"]))
            lost[code].append(float(row["lost"]))
    if not lost:
        raise ValueError(
            "no clip was rebuilt: none is valid; the report says why (quality), or set other "
            "thresholds under `quality`"
        )
    # By signal first, as the rows of one clip are; clips may lack none of them.
    return [_layout_error(code, errors[code], lost[code], seed=seed) for code in lost]


def _layout_error(
    code: tuple[str, str, int], errors: Sequence[float], lost: Sequence[float], *, seed: int
) -> LayoutError:
    values = np.array(errors)
    low = high = mean = math.nan
    if values.size:
        mean = float(values.mean())
        one = np.zeros(values.size, np.int64)
        low, high = stratified_interval(values / values.size, one, seed=seed)
    signal, layout, coefficients = code
    return LayoutError(
        signal=signal,
        layout=layout,
        coefficients=coefficients,
        clips=values.size,
        error=mean,
        low=low,
        high=high,
        lost=float(np.mean(lost)),
    )


def draw_errors(path: Path, rows: Sequence[LayoutError]) -> None:
    """Draw error over K, a panel a signal, as PNG; equal input gives equal bytes."""
    signals = [name for name in SIGNALS if any(row.signal == name for row in rows)]
    figure = Figure(figsize=(2.9 * len(signals) + 1.6, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(signals), sharey=True, squeeze=False)[0]
    layouts = [name for name in _COLOURS if any(row.layout == name for row in rows)]
    counts = sorted({row.coefficients for row in rows if row.layout != "mean"})
    for axes, signal in zip(panels, signals, strict=True):
        for layout in layouts:
            _line(axes, [row for row in rows if (row.signal, row.layout) == (signal, layout)])
        axes.set_title(signal, fontsize=10)
        axes.set_xscale("log", base=2)
        axes.set_xticks(counts, [str(count) for count in counts])
        axes.set_xlabel("K")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("error / deviation from the mean")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper", frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=130, metadata={"Software": None})


def _line(axes: Any, rows: Sequence[LayoutError]) -> None:
    layout, colour = rows[0].layout, _COLOURS[rows[0].layout]
    if layout == "mean":
        axes.axhline(rows[0].error, color=colour, linestyle=":", label=layout)
        return
    places = [row.coefficients for row in rows]
    axes.plot(places, [row.error for row in rows], "o-", color=colour, label=layout, markersize=3)
    axes.fill_between(
        places, [row.low for row in rows], [row.high for row in rows], color=colour, alpha=0.15
    )
