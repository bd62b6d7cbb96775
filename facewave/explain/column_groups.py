"""Groups of input columns whose importance is measured, such as regions and time scales."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.face.blendshapes import BLENDSHAPES
from facewave.face.channels import VIDEO, Channels, action_unit_region
from facewave.face.regions import REGIONS, region_blendshapes, region_landmarks
from facewave.features import energy, wavelets
from facewave.features.groups import split_group

KINDS = ("everything", "input", "scale", "region", "blendshape", "action unit")


@dataclass(frozen=True, kw_only=True, eq=False)
class ColumnGroup:
    """Columns that are permuted together.

    Attributes:
        kind: one of `KINDS`. Groups of one kind do not overlap, those of two kinds do.
        name: of the group.
        columns: input of the model to positions in its flattened array, int64, not empty.
    """

    kind: str
    name: str
    columns: dict[str, NDArray[np.int64]]

    @property
    def size(self) -> int:
        """Number of columns."""
        return sum(chosen.size for chosen in self.columns.values())


def column_groups(
    shapes: Mapping[str, tuple[int, ...]], wavelet: Mapping[str, Any], channels: Channels = VIDEO
) -> list[ColumnGroup]:
    """Return all groups of columns of a model's inputs.

    - `everything`: all columns: what is left is what the model answers without its input.
    - `input`: each feature group.
    - `scale`: of all but the head pose, the approximation (all coefficients, if the layout has
      no scales), each level of details, the energy at each scale, the statistics; and the head
      pose with all that is computed from it.
    - `region`: landmarks, blendshapes and action units of a region of the face, with all that is
      computed from them.
    - `blendshape`, `action unit`: a single one with all that is computed from it.

    Args:
        shapes: input of the model to the shape of one clip's array, rows first.
        wavelet: the section of the configuration that the features were made with.
        channels: what the trajectories hold.

    Raises:
        ValueError: an input is not a feature group of facewave.
    """
    everything = {name: np.arange(int(np.prod(shape))) for name, shape in shapes.items()}
    groups = [ColumnGroup(kind="everything", name="everything", columns=everything)]
    groups += [
        ColumnGroup(kind="input", name=name, columns={name: everything[name]}) for name in shapes
    ]
    groups += _scales(shapes, wavelet)
    for region in REGIONS:
        chosen = {
            "landmarks": _points(region, channels),
            "blendshapes": region_blendshapes()[region],
            "action_units": _units(region, channels),
        }
        groups += _of_channels("region", region, shapes, chosen)
    for index, name in enumerate(BLENDSHAPES):
        groups += _of_channels("blendshape", name, shapes, {"blendshapes": np.array([index])})
    for index, name in enumerate(channels.action_units):
        groups += _of_channels("action unit", name, shapes, {"action_units": np.array([index])})
    return groups


def _points(region: str, channels: Channels) -> NDArray[np.int64]:
    axes, points = channels.dimensions, region_landmarks(channels.points)[region]
    return (points[:, np.newaxis] * axes + np.arange(axes)).ravel()


def _units(region: str, channels: Channels) -> NDArray[np.int64]:
    regions = [action_unit_region(name) for name in channels.action_units]
    return np.array([i for i, name in enumerate(regions) if name == region], np.int64)


def _of_channels(
    kind: str,
    name: str,
    shapes: Mapping[str, tuple[int, ...]],
    chosen: Mapping[str, NDArray[np.int64]],
) -> Iterator[ColumnGroup]:
    """Yield the group of some trajectories of each source, over all rows, unless it is empty."""
    columns = {
        group: _flat(shape, np.arange(shape[0]), chosen[source])
        for group, shape in shapes.items()
        if (source := split_group(group)[0]) in chosen and chosen[source].size
    }
    if columns:
        yield ColumnGroup(kind=kind, name=name, columns=columns)


def _scales(shapes: Mapping[str, tuple[int, ...]], wavelet: Mapping[str, Any]) -> list[ColumnGroup]:
    found: dict[str, dict[str, NDArray[np.int64]]] = {}
    for group, shape in shapes.items():
        source, kind = split_group(group)
        columns = np.arange(int(np.prod(shape[1:])))
        if source == "pose":
            whole = _flat(shape, np.arange(shape[0]), columns)
            found.setdefault("head pose", {})[group] = whole
            continue
        for name, rows in _bands(kind, shape[0], wavelet):
            found.setdefault(name, {})[group] = _flat(shape, rows, columns)
    # The head pose comes last, whatever the order of the inputs.
    names = sorted(found, key=lambda name: name == "head pose")
    return [ColumnGroup(kind="scale", name=name, columns=found[name]) for name in names]


def _bands(kind: str, rows: int, wavelet: Mapping[str, Any]) -> list[tuple[str, NDArray[np.int64]]]:
    if kind == "":
        bands = wavelets.code_bands(wavelet["layout"], wavelet["coefficients"])
        return [(name, np.arange(rows)[chosen]) for name, chosen in bands]
    if kind == "energy":
        names = energy.scale_names(wavelet["energy_scales"])
        return [(f"energy, {name}", np.array([row])) for row, name in enumerate(names)]
    return [(kind, np.arange(rows))]


def _flat(
    shape: tuple[int, ...], rows: NDArray[np.int64], channels: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the positions of some channels of some rows in the flattened array."""
    width = int(np.prod(shape[1:]))
    return (rows[:, np.newaxis] * width + channels).ravel()
