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
from facewave.face.point_sets import MEDIAPIPE, REGIONS, PointSet, point_set
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
# The point of a region from which a line goes to its name, in MediaPipe's mesh and in dlib's set.
_ANCHORS = {
    "forehead": 67,
    "brows": 334,
    "eyes": 130,
    "nose": 278,
    "cheeks": 50,
    "mouth": 291,
    "jaw": 150,
}
_DLIB_ANCHORS = {"brows": 24, "eyes": 36, "nose": 35, "mouth": 54, "jaw": 5}
# Sides of the triangles between points are shorter than this, in centimetres.
_LONGEST = 4.0
# Sizes of the dots: the points of a set without a mesh are large.
_DOT, _LARGE_DOT = 5, 45
# Sets of more points than this cover the face.
_MESH = 200


def draw_importance(
    path: Path, found: Sequence[Importance], *, title: str, points: str = MEDIAPIPE
) -> None:
    """Draw a face with its regions, and bars of scales and blendshapes, as PNG, atomically.

    Action units take the place of blendshapes; without either there is no such panel. Equal input
    gives equal bytes with the same version of matplotlib.

    Args:
        path: to write.
        found: importances of all kinds.
        title: a line above.
        points: name of the set of points of the face.
    """
    kinds = {kind: [row for row in found if row.kind == kind] for kind in ("region", "scale")}
    single = "action units" if any(row.kind == "action unit" for row in found) else "blendshapes"
    shapes = sorted(
        (row for row in found if row.kind == single.removesuffix("s")),
        key=lambda row: -row.uar_drop,
    )[:_BLENDSHAPES]
    with matplotlib.rc_context({"text.parse_math": False, "font.size": 9}):
        figure = Figure(figsize=(13.5 if shapes else 10.0, 6.0), layout="constrained")
        FigureCanvasAgg(figure)
        face, scales, *others = figure.subplots(
            1, 3 if shapes else 2, width_ratios=[1.7, 1, 1][: 3 if shapes else 2]
        )
        _draw_face(figure, face, {row.name: row for row in kinds["region"]}, point_set(points))
        _draw_bars(scales, kinds["scale"], "time scales")
        if shapes:
            _draw_bars(others[0], shapes, f"{single}, the {len(shapes)} first")
        figure.suptitle(title, fontsize=10)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=130, metadata={"Software": None})


def _draw_face(figure: Figure, axes: Any, regions: dict[str, Importance], face: PointSet) -> None:
    points = face.canonical[:, :2]
    values, names = _landmark_values(regions, face)
    # A triangle that touches two regions gets the colour of that which most of its corners are in.
    triangles = Triangulation(points[:, 0], points[:, 1])
    corners = np.sort(names[triangles.triangles], axis=1)
    # Few points are no mesh: what lies between two regions stays open.
    meshed = len(points) > _MESH
    mixed = corners[:, 0] != corners[:, 2]
    triangles.set_mask(_outside(points, triangles.triangles) | (mixed & (not meshed)))
    colours = _value_of(corners[:, 1], regions)
    top = max([0.01, *(row.uar_drop for row in regions.values())])
    scale = Normalize(0, 100 * top)
    mesh = axes.tripcolor(
        triangles, facecolors=colours, cmap=_COLOURS, norm=scale, edgecolors="white", linewidth=0.3
    )
    colour_map = matplotlib.colormaps[_COLOURS]
    axes.scatter(
        *points.T,
        s=_DOT if meshed else _LARGE_DOT,
        c=colour_map(scale(values[: len(points)])),
        edgecolors="#4a5568",
        linewidths=0.3,
        zorder=3,
    )
    if "irises" in regions and len(face.regions["irises"]):
        for pair in _EYES:
            centre = points[list(pair)].mean(axis=0)
            shade = colour_map(scale(100 * regions["irises"].uar_drop))
            axes.add_patch(
                matplotlib.patches.Circle(
                    centre, _IRIS_RADIUS, facecolor=shade, edgecolor="#4a5568", zorder=4
                )
            )
    for name, row in regions.items():
        _write_name(axes, name, row, _target(name, face))
    axes.set_xlim(-13.5, 13.5)
    axes.set_ylim(-9.8, 8.8)
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set_title("regions of the face, with all that is measured of them", fontsize=10)
    bar = figure.colorbar(mesh, ax=axes, orientation="horizontal", shrink=0.5, pad=0.02, aspect=30)
    bar.set_label("UAR lost when permuted, points")


def _landmark_values(
    regions: dict[str, Importance], face: PointSet
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the value of each landmark's region and the number of that region."""
    names = np.zeros(face.count, np.int64)
    for number, landmarks in enumerate(face.regions.values()):
        names[landmarks] = number
    return _value_of(names, regions), names


def _value_of(numbers: NDArray[np.int64], regions: dict[str, Importance]) -> NDArray[np.float64]:
    values = [100 * regions[name].uar_drop if name in regions else 0.0 for name in REGIONS]
    found: NDArray[np.float64] = np.array(values)[numbers]
    return found


def _outside(points: NDArray[np.float64], triangles: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the long triangles, with which the triangulation fills hollows of the outline."""
    corners = points[triangles]
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    far: NDArray[np.bool_] = sides.max(axis=1) > _LONGEST
    return far


def _target(name: str, face: PointSet) -> NDArray[np.float64]:
    """Return the place to which a region's name points; a region without points has its label."""
    anchors = _DLIB_ANCHORS if face.name == "dlib_68" else _ANCHORS
    if name in anchors:
        return face.canonical[anchors[name], :2]
    if face.name == "dlib_68":
        return np.array(_LABELS[name])
    middle: NDArray[np.float64] = face.canonical[list(_EYES[1]), :2].mean(axis=0)
    return middle


def _write_name(axes: Any, name: str, row: Importance, target: NDArray[np.float64]) -> None:
    place = _LABELS[name]
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
