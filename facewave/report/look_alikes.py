"""Clips of a dataset that look like clips of others, from the table of `near_duplicates`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from facewave.splits.near_duplicates import PAIR_COLUMNS
from facewave.storage.tables import iter_rows


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of two clips that look alike; `part` is its official fold or split, where it has one."""

    dataset: str
    clip_id: str
    label: str
    part: str


@dataclass(frozen=True, kw_only=True)
class LookAlike:
    """A pair of clips; `distance` is the mean number of bits (of 64) that differ in a frame."""

    clip: Side
    other: Side
    frames_alike: int
    distance: float


def read_look_alikes(table: Path, datasets: Collection[str]) -> list[LookAlike]:
    """Return the pairs in which a dataset takes part, the nearest first.

    Args:
        table: `near_duplicates.tsv`.
        datasets: names of the dataset and, of a joint one, of those that it joins.
    """
    pairs = []
    for row in iter_rows(table, PAIR_COLUMNS):
        sides = [_side(row, "a"), _side(row, "b")]
        if sides[0].dataset not in datasets:
            sides.reverse()
        if sides[0].dataset in datasets:
            pairs.append(
                LookAlike(
                    clip=sides[0],
                    other=sides[1],
                    frames_alike=int(row["frames_alike"]),
                    distance=float(row["distance"]),
                )
            )
    return sorted(pairs, key=lambda pair: (pair.distance, -pair.frames_alike))


def _side(row: Mapping[str, str], name: str) -> Side:
    fold, split = row[f"fold_{name}"], row[f"split_{name}"]
    return Side(
        dataset=row[f"dataset_{name}"],
        clip_id=row[f"clip_{name}"],
        label=row[f"actual_{name}"],
        part=f"fold {fold}" if fold else split,
    )
