"""The dataset in the report: folds, parts, and clips that look like those of other datasets."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facewave.splits.near_duplicates import PAIR_COLUMNS
from facewave.splits.partition import PARTS
from facewave.splits.read import METADATA_KEY
from facewave.storage.parquet import open_parquet
from facewave.storage.tables import iter_rows


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part (train, val or test) of a fold, in numbers.

    Attributes:
        clips, valid: number of clips, and of these the valid ones.
        per_class: clips of each class, in the order of the class list.
        subjects: the subjects that are known.
        data_sha256: digest of the part's clip ids, labels and features.
    """

    clips: int
    valid: int
    per_class: tuple[int, ...]
    subjects: frozenset[str]
    data_sha256: str


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One fold: its parts by name."""

    name: str
    classes: tuple[str, ...]
    parts: dict[str, Part]

    @property
    def shared_subjects(self) -> int:
        """Number of subjects that are in more than one part."""
        counts = Counter(subject for part in self.parts.values() for subject in part.subjects)
        return sum(count > 1 for count in counts.values())


def read_folds(splits: Mapping[str, Mapping[str, Path]]) -> list[Fold]:
    """Count the clips of every part of every fold; features are not read.

    Args:
        splits: fold to part to Parquet file.
    """
    return [_read_fold(name, paths) for name, paths in splits.items()]


def _read_fold(name: str, paths: Mapping[str, Path]) -> Fold:
    parts = {part: _read_part(paths[part]) for part in PARTS}
    with open_parquet(paths[PARTS[0]]) as file:
        classes = _metadata(file)["classes"]
    return Fold(name=name, classes=tuple(classes), parts=parts)


def _metadata(file: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = json.loads(file.schema_arrow.metadata[METADATA_KEY])
    return metadata


def _read_part(path: Path) -> Part:
    with open_parquet(path) as file:
        metadata = _metadata(file)
        table = file.read(columns=["label", "valid", "subject"], use_threads=False)
    labels = Counter(table.column("label").to_pylist())
    subjects = table.column("subject").unique().to_pylist()
    return Part(
        clips=table.num_rows,
        valid=sum(table.column("valid").to_pylist()),
        per_class=tuple(labels[index] for index in range(len(metadata["classes"]))),
        subjects=frozenset(subject for subject in subjects if subject is not None),
        data_sha256=metadata["data_sha256"],
    )


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of two clips that look alike; `part` is its official fold or split, where it has one."""

    dataset: str
    clip_id: str
    label: str
    part: str


@dataclass(frozen=True, kw_only=True)
class LookAlike:
    """A pair of clips.

    Attributes:
        clip, other: the clip of this dataset, and that of another one.
        frames_alike: number of frames that match.
        distance: mean number of bits (of 64) by which the hashes of matching frames differ.
    """

    clip: Side
    other: Side
    frames_alike: int
    distance: float


def read_look_alikes(table: Path, datasets: Collection[str]) -> list[LookAlike]:
    """Return the pairs with a clip of this dataset, the most similar first.

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
