"""Feature groups: the arrays of a feature shard, and the options that determine them.

A source is a set of trajectories of a clip: its landmarks (aligned or not), its blendshapes or
action units, if it has any, and, where wanted, the pose of its head. The code, the detail energies
and the statistics of each source are groups of their own, so that a model can be given any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facewave.face.channels import VIDEO, Channels
from facewave.features import energy, wavelets
from facewave.features import energy as trajectory_statistics
from facewave.features.alignment import METHODS, POSE_NAMES

ENERGY_SCALES = ("dyadic", "seconds", "both")


@dataclass(frozen=True)
class WaveletOptions:
    """How trajectories are coded (config section `wavelet`).

    Attributes:
        layout: one of `facewave.features.wavelets.LAYOUTS`.
        coefficients: K.
        energy: whether there are groups of detail energy.
        energy_scales: `dyadic` (fractions of the clip), `seconds` or `both`.
        statistics: names from `facewave.features.energy.STATISTICS`; without any, no such groups.
    """

    layout: str = "segments"
    coefficients: int = 10
    energy: bool = False
    energy_scales: str = "seconds"
    statistics: Sequence[str] = ()


@dataclass(frozen=True)
class FaceOptions:
    """Which trajectories are coded, and how they are aligned (config section `features`).

    Attributes:
        align: one of `facewave.features.alignment.METHODS`.
        head_pose: whether yaw, pitch, roll and position are a source as well.
        shuffle_time: a control experiment: the frames of each clip in random order.
    """

    align: str = "none"
    head_pose: bool = False
    shuffle_time: bool = False

    def __post_init__(self) -> None:
        """Refuse an unknown method.

        Raises:
            ValueError: naming the known ones.
        """
        if self.align not in METHODS:
            raise ValueError(
                f"features.align: expected one of {', '.join(METHODS)}, got {self.align!r}"
            )


class _Kind(NamedTuple):
    suffix: str
    rows: int
    make: Callable[[NDArray[np.float32], float], NDArray[Any]]


# How the names of the other groups of a source begin.
SOURCES = {
    "landmarks": "landmark",
    "blendshapes": "blendshape",
    "action_units": "action_unit",
    "pose": "pose",
}


def source_shapes(face: FaceOptions, channels: Channels = VIDEO) -> dict[str, tuple[int, ...]]:
    """Return the sources that are coded, in the order of the shard, and the shape of one frame."""
    pose = {"pose": (len(POSE_NAMES),)} if face.head_pose else {}
    return {**channels.shapes, **pose}


def feature_shapes(
    wavelet: WaveletOptions, face: FaceOptions | None = None, channels: Channels = VIDEO
) -> dict[str, tuple[int, ...]]:
    """Return the shape of each feature group of a clip.

    The code of a source has its name (`landmarks`, `blendshapes`, `action_units`, `pose`); energies
    and statistics are `landmark_energy`, `landmark_statistics` and so on. The first axis is that of
    the rows.
    """
    return {
        group: (rows, *shape)
        for name, shape in source_shapes(face or FaceOptions(), channels).items()
        for group, rows in _groups(name, wavelet).items()
    }


def code_columns(
    trajectories: NDArray[np.float32], *, source: str, wavelet: WaveletOptions, fps: float
) -> dict[str, NDArray[np.float32]]:
    """Return some columns of all groups of a source.

    Args:
        trajectories: float32 (T, m), without NaN.
        source: one of `SOURCES`.
        wavelet: see `WaveletOptions`.
        fps: frames per second, > 0.

    Returns:
        name of the group to float32 (rows, m).
    """
    return {
        _group_name(source, kind): kind.make(trajectories, fps).astype(np.float32, copy=False)
        for kind in _kinds(wavelet)
    }


def split_group(group: str) -> tuple[str, str]:
    """Return source and kind of a feature group: `landmarks` and `energy` of `landmark_energy`.

    The kind is empty for the code of a source.

    Raises:
        ValueError: there is no such group.
    """
    if group in SOURCES:
        return group, ""
    stem, _, kind = group.rpartition("_")
    for source, name in SOURCES.items():
        if stem == name and kind in ("energy", "statistics"):
            return source, kind
    raise ValueError(
        f"{group!r} is not a feature group: expected {', '.join(SOURCES)} or a name like "
        "landmark_energy or pose_statistics"
    )


def _groups(source: str, wavelet: WaveletOptions) -> dict[str, int]:
    return {_group_name(source, kind): kind.rows for kind in _kinds(wavelet)}


def _group_name(source: str, kind: _Kind) -> str:
    return f"{SOURCES[source]}_{kind.suffix}" if kind.suffix else source


def _kinds(wavelet: WaveletOptions) -> Iterator[_Kind]:
    layout, count = wavelet.layout, wavelet.coefficients
    yield _Kind(
        "",
        wavelets.count_rows(layout, count),
        lambda values, fps: wavelets.encode(values, layout=layout, coefficients=count),
    )
    if wavelet.energy:
        yield _Kind("energy", _energy_rows(wavelet), _energy(wavelet.energy_scales))
    if names := wavelet.statistics:
        yield _Kind(
            "statistics",
            trajectory_statistics.count_rows(names),
            lambda values, fps: trajectory_statistics.statistics(values, names=names),
        )


def _energy_rows(wavelet: WaveletOptions) -> int:
    counts = {"dyadic": energy.DYADIC_LEVELS, "seconds": len(energy.SECONDS)}
    return counts.get(wavelet.energy_scales, sum(counts.values()))


def _energy(scales: str) -> Callable[[NDArray[np.float32], float], NDArray[Any]]:
    def make(values: NDArray[np.float32], fps: float) -> NDArray[Any]:
        parts = []
        if scales != "seconds":
            parts.append(energy.dyadic_energy(values))
        if scales != "dyadic":
            parts.append(energy.seconds_energy(values, fps=fps))
        return energy.logarithm(np.concatenate(parts))

    return make
