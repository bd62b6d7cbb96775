"""Which column of a table of landmarks is what, found by the names that trackers give.

- Points: `x_0` … (OpenFace 2, py-feat; `X_0` … are OpenFace's in three dimensions, millimetres),
  `pt1.x`, `landmark_0_x`, `0_x` and the like, counted from 0 or 1.
- Blendshapes by MediaPipe's names, action units as `AU01_r` (OpenFace) or `AU01` (py-feat).
- Other columns: `_NAMES`.

Blanks around names, which OpenFace writes, do not count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facewave.face.blendshapes import BLENDSHAPES
from facewave.face.channels import ACTION_UNIT, Channels
from facewave.face.point_sets import POINT_SETS, set_of_count
from facewave.landmark_tables.options import TrackTable
from facewave.messages import did_you_mean, listed

_NAMES = {
    "clip": ("clip", "clip_id", "fname", "input"),
    "frame": ("frame", "frame_ct", "frame_index", "frame_number"),
    "time": ("timestamp", "time", "seconds"),
    "time_ms": ("timestamp_ms", "time_ms"),
    "face": ("face_id", "face", "person", "Identity"),
    "confidence": ("confidence", "FaceScore"),
    "success": ("success",),
    "width": ("width", "image_width"),
    "height": ("height", "image_height"),
}
_AXIS_FIRST = re.compile(r"([xyzXYZ])[_. -]?([0-9]+)")
_AXIS_LAST = re.compile(
    r"(?:(?:pt|point|p|landmark|lm|face)[_. -]?)?([0-9]+)[_. -]?([xyz])", re.IGNORECASE
)
_INTENSITY = "_r"


class TrackTableError(ValueError):
    """A table of landmarks cannot be used; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where the values of a table stand.

    Attributes:
        names: role to the name of its column, for those that the table has.
        points: names of the columns of each point's coordinates, N * d, point by point.
        blendshapes, action_units: names of their columns, in the order of the channels.
        channels: what the trajectory will hold.
        metric: whether the points are lengths in space (OpenFace's `X_0`), not places in pictures.
    """

    names: Mapping[str, str]
    points: tuple[str, ...]
    blendshapes: tuple[str, ...]
    action_units: tuple[str, ...]
    channels: Channels
    metric: bool

    @property
    def numbers(self) -> list[str]:
        """Names of the columns that hold numbers."""
        others = [name for role, name in self.names.items() if role not in ("clip", "face")]
        return [*others, *self.points, *self.blendshapes, *self.action_units]

    @property
    def words(self) -> list[str]:
        """Names of the columns that hold text."""
        return [self.names[role] for role in ("clip", "face") if role in self.names]


def find_layout(header: Sequence[str], options: TrackTable) -> Layout:
    """Find the columns by their names.

    Args:
        header: names without blanks around them.
        options: of the dataset.

    Raises:
        TrackTableError: a column that the options name is missing, or there are no points.
    """
    places = _find_points(header)
    kind, count, dimensions = _choose(places, options)
    points = tuple(
        places[kind][axis][number] for number in range(count) for axis in range(dimensions)
    )
    scores = set(BLENDSHAPES) <= set(header) and options.blendshapes
    units = _action_units(header) if options.action_units else {}
    return Layout(
        names=_roles(header, options),
        points=points,
        blendshapes=BLENDSHAPES if scores else (),
        action_units=tuple(units.values()),
        channels=Channels(set_of_count(count) or "", dimensions, scores, tuple(units)),
        metric=kind == "XYZ",
    )


def _roles(header: Sequence[str], options: TrackTable) -> dict[str, str]:
    named = dict(options.columns)
    for role, name in named.items():
        if name not in header:
            raise TrackTableError(
                f"no column {name!r} (columns.{role}){did_you_mean(name, list(header))}"
            )
    usual = {
        role: next((name for name in names if name in header), None)
        for role, names in _NAMES.items()
    }
    return {role: name for role, name in usual.items() if name is not None} | named


def _find_points(header: Sequence[str]) -> dict[str, list[list[str]]]:
    """Return the columns of points by kind (`xyz` or `XYZ`) and axis, in the order of numbers."""
    found: dict[str, list[dict[int, str]]] = {"xyz": [{}, {}, {}], "XYZ": [{}, {}, {}]}
    for name in header:
        if match := _AXIS_FIRST.fullmatch(name):
            axis, number = match[1], int(match[2])
        elif match := _AXIS_LAST.fullmatch(name):
            axis, number = match[2].lower(), int(match[1])
        else:
            continue
        kind = "xyz" if axis in "xyz" else "XYZ"
        found[kind][kind.index(axis)].setdefault(number, name)
    return {
        kind: [[names[number] for number in sorted(names)] for names in axes]
        for kind, axes in found.items()
    }


def _choose(places: Mapping[str, list[list[str]]], options: TrackTable) -> tuple[str, int, int]:
    """Return which points are used: their kind, number and dimensions."""
    whole = {
        kind: max((d for d in (2, 3) if len({len(a) for a in axes[:d]}) == 1), default=0)
        for kind, axes in places.items()
        if axes[0] and axes[1]
    }
    wanted = options.dimensions
    # OpenFace has points in the picture and in space: the former, unless the latter are wanted.
    order = ("XYZ", "xyz") if wanted == 3 else ("xyz", "XYZ")
    kind = next((kind for kind in order if whole.get(kind, 0) >= (wanted or 2)), None)
    if kind is None:
        what = "three-dimensional points" if wanted == 3 and whole else "points"
        raise TrackTableError(
            f"no {what}: expected columns such as x_0, y_0 to x_67, y_67, counted without gaps "
            "(docs/datasets.md lists the names)"
        )
    count = len(places[kind][0])
    if set_of_count(count) is None:
        sets = listed([f"{name}: {number}" for name, number in POINT_SETS.items()])
        raise TrackTableError(f"found {count} points, expected those of a known set ({sets})")
    return kind, count, wanted or whole[kind]


def _action_units(header: Sequence[str]) -> dict[str, str]:
    """Return the columns of the action units by their names; intensities where there are any."""
    marked = {
        name.removesuffix(_INTENSITY): name
        for name in header
        if name.endswith(_INTENSITY) and ACTION_UNIT.fullmatch(name.removesuffix(_INTENSITY))
    }
    plain = {name: name for name in header if ACTION_UNIT.fullmatch(name)}
    return dict(sorted((marked or plain).items()))
