"""The report's figures: matplotlib without pyplot, as SVG in data URIs."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from facewave.evaluation.figures import plot_confusion
from facewave.evaluation.predictions import RegressionPredictions
from facewave.report.review import Measure
from facewave.report.wavelet import Trace, WaveletExample

# Colours that the page uses too: see page.css.
BLUE, ORANGE, GREY = "#2b6cb0", "#d9730d", "#9aa5b1"
PART_COLOURS = {"train": BLUE, "val": "#7fb2e5", "test": ORANGE}

_HALF_PAGE = (4.8, 2.7)
_THIRD_PAGE = (3.3, 2.1)
_BINS = 24
# A quantity whose largest value is this many times its median gets a logarithmic axis.
_LOG_RATIO = 20.0
_LONG_NAME = 24
_MANY_POINTS = 2000

_STYLE = {
    "axes.edgecolor": "#5f6b7a",
    "axes.labelcolor": "#2d3748",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "white",
    "font.size": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    # Text stays text: small files, and the reader's own fonts for scripts that DejaVu lacks.
    "svg.fonttype": "none",
    # Ids inside the SVG are random without it, and equal input could not give equal bytes.
    "svg.hashsalt": "facewave",
    # Class names and file names are not formulas.
    "text.parse_math": False,
    "xtick.color": "#5f6b7a",
    "ytick.color": "#5f6b7a",
}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure as a data URI, its size in CSS pixels and what it shows in words."""

    uri: str
    width: int
    height: int
    alt: str


class _Sheet:
    """Collects the one figure that a `_sheet` block draws."""

    figure: Figure
    axes: Any
    picture: Picture


@contextmanager
def _sheet(size: tuple[float, float], *, alt: str) -> Iterator[_Sheet]:
    sheet = _Sheet()
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # The browser has the glyphs that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        sheet.figure = Figure(figsize=size, layout="constrained")
        canvas = FigureCanvasSVG(sheet.figure)
        sheet.axes = sheet.figure.add_subplot()
        yield sheet
        text = io.BytesIO()
        # savefig would draw everything twice.
        canvas.print_svg(text, metadata={"Date": None, "Creator": None})
    encoded = base64.b64encode(text.getvalue()).decode("ascii")
    sheet.picture = Picture(
        uri=f"data:image/svg+xml;base64,{encoded}",
        width=round(size[0] * 96),
        height=round(size[1] * 96),
        alt=alt,
    )


def class_bars(classes: Sequence[str], counts: Mapping[str, Sequence[int]]) -> Picture:
    """Draw the clips of each class, stacked by part.

    Args:
        classes: class names.
        counts: part (or another name) to the clips of each class.
    """
    names = [_short(name) for name in classes]
    size = (_HALF_PAGE[0], max(1.6, 0.9 + 0.24 * len(names)))
    with _sheet(size, alt="Bars: clips of each class") as sheet:
        left = np.zeros(len(names))
        for part, values in counts.items():
            colour = PART_COLOURS.get(part, BLUE)
            sheet.axes.barh(range(len(names)), values, left=left, color=colour, label=part)
            left += values
        sheet.axes.set_yticks(range(len(names)), names)
        sheet.axes.invert_yaxis()
        sheet.axes.set_xlabel("clips")
        sheet.axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(counts) > 1:
            sheet.figure.legend(loc="outside upper center", ncols=len(counts))
    return sheet.picture


def histogram(measure: Measure, *, limit: float | None = None) -> Picture:
    """Draw how a quality number is distributed over valid and invalid clips.

    Args:
        measure: with at least one value.
        limit: a threshold to mark.
    """
    values, valid = measure.values, measure.valid
    edges, logarithmic = _edges(measure, limit)
    with _sheet(_THIRD_PAGE, alt=f"Histogram: {measure.name} of the clips") as sheet:
        sheet.axes.hist(
            [values[valid], values[~valid]], bins=edges, stacked=True, color=[BLUE, ORANGE]
        )
        if limit is not None:
            sheet.axes.axvline(limit, color="#2d3748", linestyle="--", linewidth=1)
        if logarithmic:
            sheet.axes.set_xscale("log")
            sheet.axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
            sheet.axes.xaxis.set_minor_formatter(NullFormatter())
        sheet.axes.set_xlabel(f"{measure.name}, {measure.unit}".replace("frames, ", ""))
        sheet.axes.set_ylabel("clips")
        sheet.axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        sheet.axes.yaxis.set_major_formatter("{x:,.0f}")
    return sheet.picture


def _edges(measure: Measure, limit: float | None) -> tuple[Any, bool]:
    values = measure.values
    if measure.unit == "%":
        return np.linspace(0, 100, 21), False
    low, high = float(values.min()), float(values.max())
    if limit is not None:
        low, high = min(low, limit), max(high, limit)
    if low > 0 and high > _LOG_RATIO * float(np.median(values)):
        return np.geomspace(low, high, _BINS + 1), True
    if measure.unit == "frames":
        width = max(1, -(-int(high - low + 1) // _BINS))
        return np.arange(low, high + 2 * width, width) - 0.5, False
    return np.linspace(min(0.0, low), high if high > 0 else 1.0, _BINS + 1), False


class Curves(Protocol):
    """Training curves of one fold; see `facewave.report.training.TrainingRun`."""

    @property
    def curves(self) -> Mapping[str, list[float]]:
        """Column to its value after each epoch."""

    @property
    def kept(self) -> int:
        """Position of the epoch whose weights were kept."""

    @property
    def epochs(self) -> int:
        """Number of epochs."""


def training_curves(runs: Sequence[Curves], *, quantity: str, label: str) -> Picture:
    """Draw training and validation curves of all folds and mark the epoch that was kept.

    Args:
        runs: one per fold.
        quantity: `loss`, `mae` or `uar`; `uar` is drawn in percent.
        label: of the vertical axis.
    """
    factor = 100.0 if quantity == "uar" else 1.0
    faint = {"alpha": max(0.25, 1 / len(runs) ** 0.5), "linewidth": 1.2 if len(runs) < 4 else 0.8}
    with _sheet(_HALF_PAGE, alt=f"Curves: {label} in training and validation") as sheet:
        for run in runs:
            epochs = np.arange(1, run.epochs + 1)
            for part, colour in (("train", GREY), ("val", BLUE)):
                curve = factor * np.array(run.curves[f"{part}_{quantity}"])
                sheet.axes.plot(epochs, curve, color=colour, **faint)
            kept = factor * run.curves[f"val_{quantity}"][run.kept]
            sheet.axes.plot(run.kept + 1, kept, "o", color=ORANGE, markersize=4, zorder=3)
        for name, style in (
            ("training", {"color": GREY}),
            ("validation", {"color": BLUE}),
            ("epoch kept", {"color": ORANGE, "marker": "o", "markersize": 4, "linestyle": ""}),
        ):
            sheet.axes.plot([], [], label=name, **style)
        sheet.figure.legend(loc="outside upper center", ncols=3)
        sheet.axes.set_xlabel("epoch")
        sheet.axes.set_ylabel(label)
        sheet.axes.set_ylim(bottom=0)
        sheet.axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return sheet.picture


def confusion(classes: Sequence[str], counts: Sequence[Sequence[float]]) -> Picture:
    """Draw a confusion matrix: colours are fractions of the true class, numbers are clips."""
    names = [_short(name) for name in classes]
    side = 1.3 + min(0.48, 7.0 / len(names)) * len(names)
    with _sheet((side + 0.9, side), alt="Confusion matrix, numbers of clips") as sheet:
        plot_confusion(sheet.axes, names, counts)
    return sheet.picture


def scatter(tests: Sequence[RegressionPredictions], *, target: str) -> Picture:
    """Draw predicted over true values of a target, of the clips that have it.

    Args:
        tests: test part of each fold, of the first seed.
        target: its name.
    """
    # As an image: the page must not grow with the number of clips.
    many = sum(len(test.clip_ids) for test in tests) > _MANY_POINTS
    with _sheet(_HALF_PAGE, alt=f"Points: predicted over true {target}") as sheet:
        for test in tests:
            place = test.targets.index(target)
            true, predicted = test.truth[:, place], test.predicted[:, place]
            style = {"color": BLUE, "markersize": 3, "alpha": 0.5, "rasterized": many}
            sheet.axes.plot(true, predicted, "o", **style)
        sheet.axes.axline((0, 0), slope=1, color=GREY, linewidth=1)
        sheet.axes.set_xlabel(f"{_short(target)}, true", parse_math=False)
        sheet.axes.set_ylabel("predicted")
    return sheet.picture


def trajectory(example: WaveletExample, trace: Trace) -> Picture:
    """Draw a trajectory over time and its reconstruction from the code."""
    seconds = np.arange(example.frames) / example.fps
    alt = (
        f"Curves: {trace.name} over time, tracked and reconstructed from {example.coefficients} "
        "coefficients"
    )
    with _sheet(_HALF_PAGE, alt=alt) as sheet:
        sheet.axes.plot(seconds, trace.values, color=GREY, label="tracked")
        sheet.axes.plot(seconds, trace.rebuilt, color=BLUE, label="reconstructed from the code")
        sheet.figure.legend(loc="outside upper center", ncols=2)
        sheet.axes.set_ylim(_trace_limits(trace))
        sheet.axes.set_xlabel("time, s")
        sheet.axes.set_ylabel(trace.unit)
    return sheet.picture


def _trace_limits(trace: Trace) -> tuple[float, float]:
    """Return a vertical range that holds a trajectory and its reconstruction."""
    both = np.concatenate([trace.values, trace.rebuilt])
    low, high = float(np.nanmin(both)), float(np.nanmax(both))
    margin = 0.05 * (high - low) or 0.05
    return low - margin, high + margin


def code(example: WaveletExample, trace: Trace) -> Picture:
    """Draw the coefficients of a code."""
    with _sheet(_HALF_PAGE, alt=f"The code of {trace.name}") as sheet:
        numbers = np.arange(1, example.coefficients + 1)
        if example.layout == "pyramid":
            sheet.axes.bar(numbers, trace.code, color=BLUE, width=0.7, label="the code")
            sheet.axes.axhline(0, color="#5f6b7a", linewidth=0.8)
        else:
            # Means in the trajectory's own unit: the same scale as in the figure beside it.
            limits = _trace_limits(trace)
            sheet.axes.vlines(numbers, limits[0], trace.code, color=GREY, linewidth=0.8)
            sheet.axes.plot(numbers, trace.code, "o", color=BLUE, markersize=5, label="the code")
            sheet.axes.set_ylim(limits)
        sheet.figure.legend(loc="outside upper center")
        sheet.axes.set_xlabel("coefficient")
        sheet.axes.set_ylabel(trace.unit)
        sheet.axes.xaxis.set_major_locator(MaxNLocator(16, integer=True))
    return sheet.picture


def _short(name: str) -> str:
    return name if len(name) <= _LONG_NAME else name[: _LONG_NAME - 1] + "…"
