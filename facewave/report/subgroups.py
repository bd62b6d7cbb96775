"""Scores of groups of test clips: by sex, turn of the head, coverage, scene and length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from facewave.datasets.sex import sex_of
from facewave.evaluation.resampling import score_intervals
from facewave.evaluation.units import Origin, units_of
from facewave.report.clips import ReportClip
from facewave.report.scores import csv_rows
from facewave.storage.tables import write_rows

# Lower limits of the groups of a measured value, from the second group on.
_YAW = (10.0, 20.0, 30.0)
_COVERAGE = (0.5, 0.9, 1.0)
_SECONDS = (2.0, 4.0, 8.0)
# Scenes with fewer clips than the most frequent ones are one group.
_SCENES = 12
OTHERS = "others"


@dataclass(frozen=True, kw_only=True)
class SubgroupRow:
    """Scores of the test clips of one group; fractions from 0 to 1.

    Attributes:
        kind: what the groups differ in.
        group: the clips of this row.
        clips, classes: their number, and that of the classes among them.
        fewest: clips of the rarest of these classes: with a handful the UAR says little.
        units, unit: number and kind of what the intervals are over.
        uar, war: means over the seeds; the UAR is over the classes that occur here.
        uar_low, uar_high, war_low, war_high: 95 % bootstrap intervals.
    """

    kind: str
    group: str
    clips: int
    classes: int
    fewest: int
    units: int
    unit: str
    uar: float
    uar_low: float
    uar_high: float
    war: float
    war_low: float
    war_high: float


def read_subgroups(
    predictions: Path,
    clips: Sequence[ReportClip],
    origins: Mapping[str, Origin],
    *,
    adapter: str,
    seed: int,
) -> list[SubgroupRow]:
    """Score the groups of each kind of which there is more than one.

    Args:
        predictions: the table of all test clips (see `facewave.evaluation.clip_table`).
        clips: of the dataset.
        origins: of the clips.
        adapter: of the dataset, which decides whether the subjects' sex is known.
        seed: of the intervals.
    """
    rows = csv_rows(predictions)
    by_id = {clip.clip_id: clip for clip in clips}
    tested = [by_id[row["clip_id"]] for row in rows]
    names = sorted({row["truth"] for row in rows})
    labels = np.array([names.index(row["truth"]) for row in rows])
    right = np.array([float(row["right"]) for row in rows])
    found = []
    for kind, groups in _kinds(tested, adapter).items():
        of_clip = np.array(groups, dtype=object)
        present = _in_order(groups)
        if len(present) < 2:
            continue
        for group in present:
            chosen = np.flatnonzero(of_clip == group)
            # Labels are counted from 0 without gaps, so that no absent class has a recall.
            own = np.unique(labels[chosen], return_inverse=True)[1]
            units = units_of([tested[row].clip_id for row in chosen], origins)
            intervals = score_intervals(own, right[chosen], units=units, seed=seed)
            counts = np.bincount(own)
            recalls = np.bincount(own, right[chosen]) / counts
            found.append(
                SubgroupRow(
                    kind=kind,
                    group=group,
                    clips=chosen.size,
                    classes=recalls.size,
                    fewest=int(counts.min()),
                    units=units.count,
                    unit=units.kind,
                    uar=float(recalls.mean()),
                    uar_low=intervals["uar"][0],
                    uar_high=intervals["uar"][1],
                    war=float(right[chosen].mean()),
                    war_low=intervals["war"][0],
                    war_high=intervals["war"][1],
                )
            )
    return found


def write_subgroups(path: Path, rows: Sequence[SubgroupRow]) -> None:
    """Write the rows as CSV, atomically."""
    write_rows(path, SubgroupRow, rows)


def _kinds(clips: Sequence[ReportClip], adapter: str) -> dict[str, list[str | None]]:
    """Return the group of each clip by kind; None where it is not known."""
    return {
        "sex": [sex_of(adapter, clip.subject) for clip in clips],
        "turn of the head, degrees": [_place(clip.mean_abs_yaw, _YAW) for clip in clips],
        "frames with the face, fraction": [
            _place(clip.coverage, _COVERAGE) if clip.decoded else None for clip in clips
        ],
        "scene": _scenes(clips),
        "length, seconds": [
            _place(clip.frames / clip.fps, _SECONDS) if clip.fps > 0 and clip.decoded else None
            for clip in clips
        ],
    }


def _place(value: float, limits: Sequence[float]) -> str | None:
    if np.isnan(value):
        return None
    return _names(limits)[int(np.searchsorted(limits, value, side="right"))]


def _names(limits: Sequence[float]) -> list[str]:
    between = [f"{low:g} to {high:g}" for low, high in pairwise(limits)]
    return [f"below {limits[0]:g}", *between, f"{limits[-1]:g} and more"]


def _scenes(clips: Sequence[ReportClip]) -> list[str | None]:
    counts: dict[str, int] = {}
    for clip in clips:
        if clip.scene is not None:
            counts[clip.scene] = counts.get(clip.scene, 0) + 1
    kept = set(sorted(counts, key=lambda name: (-counts[name], name))[:_SCENES])
    return [clip.scene if clip.scene is None or clip.scene in kept else OTHERS for clip in clips]


def _in_order(groups: Sequence[str | None]) -> list[str]:
    """Return the groups that occur: of measured values from low to high, else by name."""
    present = {group for group in groups if group is not None}
    for limits in (_YAW, _COVERAGE, _SECONDS):
        if present <= set(_names(limits)):
            return [name for name in _names(limits) if name in present]
    return sorted(present, key=lambda name: (name == OTHERS, name))


def by_kind(rows: Sequence[SubgroupRow]) -> Iterator[tuple[str, list[SubgroupRow]]]:
    """Yield the rows of each kind together."""
    for kind in dict.fromkeys(row.kind for row in rows):
        yield kind, [row for row in rows if row.kind == kind]
