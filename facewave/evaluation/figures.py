"""Figures of an evaluation: the confusion matrix of classes, predicted over true values.

Equal input gives equal bytes with the same matplotlib.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from facewave.evaluation.predictions import RegressionPredictions
from facewave.storage.atomic import atomic_path

_DARK, _GREY = "#2d3748", "#9aa5b1"
# Without the version of matplotlib in the file, as equal images should be equal files.
_METADATA = {"Software": None}


def draw_confusion(path: Path, metrics: Mapping[str, Any], *, title: str) -> None:
    """Draw a confusion matrix as PNG, atomically.

    Args:
        path: to write.
        metrics: of `facewave.evaluation.metrics.evaluate`, in its JSON form.
        title: a line above, to which UAR, WAR and the number of clips are added.
    """
    names = [entry["name"] for entry in metrics["per_class"]]
    side = 2.6 + 0.62 * len(names)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    plot_confusion(axes, names, metrics["confusion"])
    scores = f"UAR {metrics['uar']:.1%}, WAR {metrics['war']:.1%}, {metrics['n']} clips"
    axes.set_title(f"{title}\n{scores}", fontsize=10, parse_math=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150, metadata=_METADATA)


def plot_confusion(axes: Any, names: Sequence[str], confusion: Sequence[Sequence[float]]) -> None:
    """Plot a confusion matrix into axes of matplotlib.

    Colours are fractions of a row (of the true class), the numbers are clips; a class without a
    clip stays white.

    Args:
        axes: to plot into; its figure gets a colour bar.
        names: of the C classes.
        confusion: counts (C, C), or their means; rows are the true classes.
    """
    counts = np.array(confusion, dtype=np.float64)
    totals = counts.sum(axis=1, keepdims=True)
    fractions = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    mesh = axes.pcolormesh(fractions, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=1)
    bar = axes.figure.colorbar(mesh, ax=axes, shrink=0.7, label="fraction of the true class")
    bar.outline.set_visible(False)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if fractions[row, column] > 0.5 else _DARK if count else _GREY
        centre = (column + 0.5, row + 0.5)
        axes.text(
            *centre,
            f"{count:.1f}".removesuffix(".0"),
            ha="center",
            va="center",
            color=colour,
            fontsize=9,
        )
    ticks = np.arange(len(names)) + 0.5
    turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(ticks, names, **turned, parse_math=False)
    axes.set_yticks(ticks, names, parse_math=False)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_aspect("equal")
    axes.invert_yaxis()


def draw_scatter(path: Path, tests: Sequence[RegressionPredictions], *, title: str) -> None:
    """Draw predicted over true values of all test clips as PNG, one panel per target, atomically.

    Args:
        path: to write.
        tests: predictions of the test part of each fold.
        title: a line above.
    """
    targets = tests[0].targets
    figure = Figure(figsize=(3.6 * len(targets), 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, parse_math=False)
    for place, axes in enumerate(figure.subplots(1, len(targets), squeeze=False)[0]):
        for test in tests:
            true, predicted = test.truth[:, place], test.predicted[:, place]
            axes.plot(true, predicted, "o", color="tab:blue", markersize=3, alpha=0.5)
        axes.axline((0, 0), slope=1, color="0.6", linewidth=1)
        axes.set_xlabel(f"{targets[place]}, true", parse_math=False)
        axes.set_ylabel("predicted")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, metadata=_METADATA)
