"""The figure of importances: regions on a face, bars of time scales and blendshapes beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.tri import Triangulation
from numpy.typing import NDArray

from facewave.explain.permutation_importance import Importance
from facewave.face.canonical_mesh import N_VERTICES, canonical_face
from facewave.face.regions import region_landmarks
from facewave.storage.atomic import atomic_path

_BLENDSHAPES = 15
_COLOURS = "YlOrRd"
# Corners of the eyes in MediaPipe's mesh; the irises, which are not part of it, lie between them.
_EYES = ((33, 133), (362, 263))
_IRIS_RADIUS = 0.55
# Where the name of a region is written, in centimetres: beside the face, so as not to hide it.
_LABELS = {
    "forehead": (-9.0, 8.0),
    "brows": (9.0, 6.2),
    "eyes": (-9.0, 3.6),
    "irises": (9.0, 3.6),
    "nose": (9.0, 0.6),
    "cheeks": (-9.0, 0.2),
    "mouth": (9.0, -3.8),
    "jaw": (-9.0, -6.5),
}
# The landmark of a region from which a line goes to its name.
_ANCHORS = {
    "forehead": 67,
    "brows": 334,
    "eyes": 130,
    "nose": 278,
    "cheeks": 50,
    "mouth": 291,
    "jaw": 150,
}


def draw_importance(path: Path, found: Sequence[Importance], *, title: str) -> None:
    """Draw a face with its regions, and bars of scales and blendshapes, as PNG, atomically.

    Equal input gives equal bytes with the same version of matplotlib. A panel stays empty if the
    model's inputs have no such part.

    Args:
        path: to write.
        found: importances of all kinds.
        title: a line above.
    """
    kinds = {kind: [row for row in found if row.kind == kind] for kind in ("region", "scale")}
    shapes = sorted(
        (row for row in found if row.kind == "blendshape"), key=lambda row: -row.uar_drop
    )[:_BLENDSHAPES]
    with matplotlib.rc_context({"text.parse_math": False, "font.size": 9}):
        figure = Figure(figsize=(13.5, 6.0), layout="constrained")
        FigureCanvasAgg(figure)
        face, scales, blendshapes = figure.subplots(1, 3, width_ratios=[1.7, 1, 1])
        _draw_face(figure, face, {row.name: row for row in kinds["region"]})
        _draw_bars(scales, kinds["scale"], "time scales")
        _draw_bars(blendshapes, shapes, f"blendshapes, the {len(shapes)} first")
        figure.suptitle(title, fontsize=10)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=130, metadata={"Software": None})


def _draw_face(figure: Figure, axes: Any, regions: dict[str, Importance]) -> None:
    points = canonical_face().points[:, :2]
    values, names = _landmark_values(regions)
    # A triangle that touches two regions gets the colour of that which most of its corners are in.
    triangles = Triangulation(points[:, 0], points[:, 1])
    triangles.set_mask(_outside(points, triangles.triangles))
    corners = np.sort(names[triangles.triangles], axis=1)
    colours = _value_of(corners[:, 1], regions)
    top = max([0.01, *(row.uar_drop for row in regions.values())])
    scale = Normalize(0, 100 * top)
    mesh = axes.tripcolor(
        triangles, facecolors=colours, cmap=_COLOURS, norm=scale, edgecolors="white", linewidth=0.3
    )
    colour_map = matplotlib.colormaps[_COLOURS]
    axes.scatter(
        *points.T,
        s=5,
        c=colour_map(scale(values[:N_VERTICES])),
        edgecolors="#4a5568",
        linewidths=0.3,
        zorder=3,
    )
    if "irises" in regions:
        for pair in _EYES:
            centre = points[list(pair)].mean(axis=0)
            shade = colour_map(scale(100 * regions["irises"].uar_drop))
            axes.add_patch(
                matplotlib.patches.Circle(
                    centre, _IRIS_RADIUS, facecolor=shade, edgecolor="#4a5568", zorder=4
                )
            )
    for name, row in regions.items():
        _write_name(axes, name, row, points)
    axes.set_xlim(-13.5, 13.5)
    axes.set_ylim(-9.8, 8.8)
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set_title("regions of the face: landmarks and blendshapes", fontsize=10)
    bar = figure.colorbar(mesh, ax=axes, orientation="horizontal", shrink=0.5, pad=0.02, aspect=30)
    bar.set_label("UAR lost when permuted, points")


def _landmark_values(
    regions: dict[str, Importance],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the value of each landmark's region and the number of that region."""
    names = np.zeros(N_VERTICES + 10, np.int64)
    for number, landmarks in enumerate(region_landmarks().values()):
        names[landmarks] = number
    return _value_of(names, regions), names


def _value_of(numbers: NDArray[np.int64], regions: dict[str, Importance]) -> NDArray[np.float64]:
    values = [
        100 * regions[name].uar_drop if name in regions else 0.0 for name in region_landmarks()
    ]
    found: NDArray[np.float64] = np.array(values)[numbers]
    return found


def _outside(points: NDArray[np.float64], triangles: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the long triangles, with which the triangulation fills hollows of the outline."""
    corners = points[triangles]
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    far: NDArray[np.bool_] = sides.max(axis=1) > 4.0
    return far


def _write_name(axes: Any, name: str, row: Importance, points: NDArray[np.float64]) -> None:
    place = _LABELS[name]
    target = points[_ANCHORS[name]] if name in _ANCHORS else points[list(_EYES[1])].mean(axis=0)
    axes.annotate(
        f"{name}\n{100 * row.uar_drop:.1f} [{100 * row.low:.1f}, {100 * row.high:.1f}]",
        xy=target,
        xytext=place,
        ha="right" if place[0] < 0 else "left",
        va="center",
        fontsize=8,
        arrowprops={"arrowstyle": "-", "color": "#4a5568", "linewidth": 0.7},
        zorder=5,
    )


def _draw_bars(axes: Any, rows: Sequence[Importance], title: str) -> None:
    places = np.arange(len(rows))
    drops = np.array([100 * row.uar_drop for row in rows])
    low = np.array([100 * row.low for row in rows])
    high = np.array([100 * row.high for row in rows])
    axes.barh(places, drops, color="#7fb2e5")
    axes.hlines(places, low, high, color="#2d3748", linewidth=1)
    axes.axvline(0, color="#5f6b7a", linewidth=0.8)
    axes.set_yticks(places, [row.name for row in rows])
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel("UAR lost, points; line: 95 % interval")
    axes.set_title(title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
