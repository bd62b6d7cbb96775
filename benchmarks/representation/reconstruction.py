"""How well the trajectories of a dataset can be rebuilt from their codes, layout by layout.

python benchmarks/representation/reconstruction.py results/NAME [--layouts NAME ...]
                                                   [--coefficients K ...] [--processes N]
                                                   [--output FOLDER]

Reads the trajectories that `snakemake features` left in a dataset's results folder and aligns them
as its features were aligned. Writes `reconstruction.csv` and `reconstruction.png`, and prints a
Markdown table for docs/representation.md.
"""

import argparse
import json
import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from facewave.features import wavelets  # noqa: E402
from facewave.features.encode_clip import (  # noqa: E402
    clip_clock,
    coded_trajectories,
    judge_clip,
)
from facewave.features.groups import FaceOptions  # noqa: E402
from facewave.features.quality import QualityOptions, face_span  # noqa: E402
from facewave.storage.store import shard_path  # noqa: E402
from facewave.storage.tables import iter_rows, write_rows  # noqa: E402
from facewave.tracking.track_index import TRACK_COLUMNS, span_of  # noqa: E402
from facewave.tracking.trajectory import Trajectory, open_trajectory  # noqa: E402

# A clip is rebuilt in groups of columns of at most this many bytes (float64).
_GROUP_BYTES = 32 * 1024 * 1024
_RESAMPLES = 2000
# The workflow's own layouts come first, then those to compare with.
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


class _Signal(NamedTuple):
    source: str
    first: int
    last: int


# Each is measured separately: errors in different units cannot be added.
SIGNALS: dict[str, _Signal] = {
    "landmarks": _Signal("landmarks", 0, 3 * 478),
    "blendshapes": _Signal("blendshapes", 0, 52),
    "head angles": _Signal("pose", 0, 3),
    "head position": _Signal("pose", 3, 6),
}


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """How one code rebuilds one clip.

    Attributes:
        signal: a key of `SIGNALS`.
        layout, coefficients: the code; 1 coefficient for `mean`.
        lost: fraction of the frames that the code does not hold (`paper`); they are rebuilt as the
            last frame that it holds.
        error: root mean square of the difference over all frames and trajectories of the signal,
            over the root mean square of their deviation from their mean: 0 is perfect, 1 is no
            better than the mean. NaN where nothing moves.
    """

    signal: str
    layout: str
    coefficients: int
    lost: float
    error: float


@dataclass(frozen=True, kw_only=True)
class LayoutError:
    """How a code rebuilds all clips.

    Attributes:
        signal, layout, coefficients: see `Rebuilt`.
        clips: number of those that have an error (something moves).
        error: mean over the clips.
        low, high: 95 % bootstrap interval of the mean over clips.
        lost: mean fraction of the frames that the code does not hold.
    """

    signal: str
    layout: str
    coefficients: int
    clips: int
    error: float
    low: float
    high: float
    lost: float


def wanted_codes(layouts: Sequence[str], coefficients: Sequence[int]) -> list[tuple[str, int]]:
    """Return the codes to compare: every layout with every K, but `mean` only once."""
    codes = [(layout, 1 if layout == "mean" else k) for layout in layouts for k in coefficients]
    return list(dict.fromkeys(codes))


def rebuild(
    trajectories: NDArray[np.float32], *, layout: str, coefficients: int
) -> tuple[NDArray[np.float64], float]:
    """Code trajectories and rebuild them.

    Args:
        trajectories: (T, m), without NaN.
        layout, coefficients: the code.

    Returns:
        float64 (T, m), lost frames filled with the last one that the code holds; their fraction.
    """
    # In float64, so that errors come from the code and not from rounding.
    values = trajectories.astype(np.float64)
    code = wavelets.encode(values, layout=layout, coefficients=coefficients)
    rebuilt = wavelets.decode(code, layout=layout, frames=len(values))
    lost = np.isnan(rebuilt).any(axis=1)
    rebuilt[lost] = rebuilt[np.flatnonzero(~lost)[-1]]
    return rebuilt, float(lost.mean())


def measure_clip(
    clip: Trajectory,
    *,
    codes: Sequence[tuple[str, int]],
    face: FaceOptions,
    quality: QualityOptions,
) -> list[Rebuilt]:
    """Measure how codes rebuild a clip; an invalid clip gives nothing.

    Args:
        clip: its trajectory.
        codes: layouts and numbers of coefficients.
        face: how landmarks are aligned.
        quality: which clips are valid, and whether ends without a face are cut off.

    Raises:
        DamagedShardError: if the trajectory shard is missing, truncated or altered.
    """
    if not judge_clip(clip, quality).valid:
        return []
    span = face_span(clip.detected) if quality.trim_ends else slice(0, len(clip))
    steps = clip_clock(clip).of_frames(span).steps
    rows = []
    for name, signal in SIGNALS.items():
        squares, variance, lost = np.zeros(len(codes)), 0.0, np.zeros(len(codes))
        for chosen in _column_groups(signal, frames=steps):
            values = coded_trajectories(
                clip, source=signal.source, chosen=chosen, face=face, trim_ends=quality.trim_ends
            )
            centred = values - values.mean(axis=0, dtype=np.float64)
            variance += float(np.sum(centred**2))
            for place, (layout, coefficients) in enumerate(codes):
                rebuilt, lost[place] = rebuild(values, layout=layout, coefficients=coefficients)
                squares[place] += np.sum((values - rebuilt) ** 2)
        errors = np.sqrt(squares / variance) if variance > 0 else np.full(len(codes), np.nan)
        rows += [
            Rebuilt(
                signal=name,
                layout=layout,
                coefficients=coefficients,
                lost=float(lost[place]),
                error=float(errors[place]),
            )
            for place, (layout, coefficients) in enumerate(codes)
        ]
    return rows


def _measure_span(place: tuple[Path, tuple[int, int] | None], **options: Any) -> list[Rebuilt]:
    shard, span_ms = place
    return measure_clip(open_trajectory(shard, span_ms=span_ms), **options)


def _column_groups(signal: _Signal, *, frames: int) -> list[slice]:
    # Aligned landmarks come in threes.
    width = max(3, _GROUP_BYTES // (8 * frames) // 3 * 3)
    starts = range(signal.first, signal.last, width)
    return [slice(start, min(start + width, signal.last)) for start in starts]


def summarise(clips: Iterable[Sequence[Rebuilt]], *, seed: int = 0) -> list[LayoutError]:
    """Average the errors of all clips, in the order of the first clip's rows.

    Args:
        clips: what `measure_clip` returned for each.
        seed: of the bootstrap.

    Raises:
        ValueError: no clip is valid.
    """
    errors: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    lost: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    for row in (row for rows in clips for row in rows):
        code = (row.signal, row.layout, row.coefficients)
        lost[code].append(row.lost)
        if not math.isnan(row.error):
            errors[code].append(row.error)
    if not lost:
        raise ValueError("no clip is valid: the report says why (quality)")
    return [_layout_error(code, errors[code], lost[code], seed=seed) for code in lost]


def _layout_error(
    code: tuple[str, str, int], errors: Sequence[float], lost: Sequence[float], *, seed: int
) -> LayoutError:
    values = np.array(errors)
    low = high = mean = math.nan
    if values.size:
        mean = float(values.mean())
        random = np.random.default_rng(seed)
        drawn = [
            values[random.integers(values.size, size=values.size)].mean() for _ in range(_RESAMPLES)
        ]
        low, high = map(float, np.quantile(drawn, [0.025, 0.975]))
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
    """Draw error over K, one panel per signal, as PNG; equal input gives equal bytes."""
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
    figure.savefig(path, dpi=130, metadata={"Software": None})


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


def markdown(rows: Sequence[LayoutError], *, signal: str) -> str:
    """Return the errors of a signal: one line per layout, one column per K."""
    errors = {(row.layout, row.coefficients): row.error for row in rows if row.signal == signal}
    counts = sorted({k for layout, k in errors if layout != "mean"})
    lines = [[f"{signal}, K", *map(str, counts)], ["---"] * (len(counts) + 1)]
    for layout in dict.fromkeys(layout for layout, _ in errors if layout != "mean"):
        lines.append([f"`{layout}`", *(f"{errors[layout, k]:.3f}" for k in counts)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="folder of a dataset, such as results/demo")
    parser.add_argument("--layouts", nargs="+", choices=_COLOURS, default=list(_COLOURS))
    parser.add_argument("--coefficients", type=int, nargs="+", default=[8, 10, 16, 32])
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--output", type=Path, help="default: RESULTS/reconstruction")
    args = parser.parse_args()
    options = json.loads((args.results / "keys" / "features.json").read_text())
    measure = partial(
        _measure_span,
        codes=wanted_codes(args.layouts, args.coefficients),
        face=FaceOptions(**options["features"]),
        quality=QualityOptions(**options["quality"]),
    )
    shards = [
        (shard_path(args.results.parent / "store", "tracks", row["key"]), span_of(row))
        for index in sorted((args.results / "tracks").glob("*.tsv"))
        for row in iter_rows(index, TRACK_COLUMNS)
        if row["key"]
    ]
    with ProcessPoolExecutor(args.processes) as pool:
        rows = summarise(pool.map(measure, shards, chunksize=8))
    output = args.output or args.results / "reconstruction"
    output.mkdir(parents=True, exist_ok=True)
    write_rows(output / "reconstruction.csv", LayoutError, rows)
    draw_errors(output / "reconstruction.png", rows)
    print("\n".join(markdown(rows, signal=signal) for signal in SIGNALS))


if __name__ == "__main__":
    main()
