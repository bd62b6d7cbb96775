"""The clips of all parts of a split as one table of rows: what a model is shown of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from facewave.splits.read import SplitTable, read_split
from facewave.vlm.paligemma.batch import Example, collate
from facewave.vlm.paligemma.options import ModelOptions
from facewave.vlm.paligemma.statistics import FACE_GROUPS, face_arrays
from facewave.vlm.training.prefetch import Feed
from facewave.vlm.training.schedule import Rows

# Pictures of a clip, uint8 (n, H, W, 3), or their features.
Pictures = Callable[[str], NDArray[np.uint8] | Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class Clips:
    """The parts of a split, one after the other; a row counts through all of them.

    Attributes:
        tables: part to its table, with landmarks and blendshapes.
        faces: int64 (n,), the row whose face a row is shown with: its own, or another's.
        texts: clip id to caption or transcript; empty to show none.
        targets: clip id to the real values of a regression; empty for classes.
    """

    tables: dict[str, SplitTable]
    faces: Rows
    texts: Mapping[str, str | None]
    targets: Mapping[str, Sequence[float]]

    def rows(self, part: str) -> Rows:
        """Return the rows of a part, ascending."""
        start = 0
        for name, table in self.tables.items():
            if name == part:
                return np.arange(start, start + len(table))
            start += len(table)
        raise KeyError(part)

    @property
    def clip_ids(self) -> list[str]:
        """The ids of all rows."""
        return [clip_id for table in self.tables.values() for clip_id in table.clip_ids]

    @property
    def labels(self) -> NDArray[np.int64]:
        """The labels of all rows, int64 (n,)."""
        return np.concatenate([table.labels for table in self.tables.values()])

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Which rows have a usable face, bool (n,)."""
        return np.concatenate([table.valid for table in self.tables.values()])

    def place(self, row: int) -> tuple[SplitTable, int]:
        """Return the table that a row lies in, and where."""
        for table in self.tables.values():
            if row < len(table):
                return table, row
            row -= len(table)
        raise IndexError(row)


def read_clips(
    splits: Mapping[str, str | Path],
    *,
    shuffle_faces: bool,
    seed: int,
    texts: Mapping[str, str | None] | None = None,
    targets: Mapping[str, Sequence[float]] | None = None,
) -> Clips:
    """Read the parts of a split.

    Args:
        splits: part to its Parquet file.
        shuffle_faces: whether every clip is shown with the face of another one of its part.
        seed: of that.
        texts, targets: see `Clips`.
    """
    tables = {part: read_split(path, groups=FACE_GROUPS) for part, path in splits.items()}
    faces = []
    start = 0
    for number, table in enumerate(tables.values()):
        own = np.arange(len(table))
        chosen = others(len(table), seed=[seed, number]) if shuffle_faces else own
        faces.append(start + chosen)
        start += len(table)
    return Clips(
        tables=tables, faces=np.concatenate(faces), texts=texts or {}, targets=targets or {}
    )


def others(clips: int, *, seed: Sequence[int]) -> Rows:
    """Return for each of `clips` clips another one, int64: no clip twice, none itself.

    Of a single clip there is no other one: it keeps itself.
    """
    order = np.random.default_rng(list(seed)).permutation(clips)
    chosen = np.empty(clips, np.int64)
    chosen[order] = np.roll(order, 1)
    return chosen


def example(clips: Clips, row: int, *, pictures: Pictures | None) -> Example:
    """Return what a model is shown of a row."""
    table, place = clips.place(row)
    face_table, face_place = clips.place(int(clips.faces[row]))
    face = face_arrays(face_table, face_place)
    clip_id = table.clip_ids[place]
    shown: dict[str, Any] = {}
    if pictures is not None:
        found = pictures(clip_id)
        shown = {"frames" if isinstance(found, np.ndarray) else "image_features": found}
    return Example(
        clip_id=clip_id,
        landmarks=face["landmarks"],
        blendshapes=face["blendshapes"],
        valid=bool(face_table.valid[face_place]),
        text=clips.texts.get(clip_id),
        label=None if clips.targets else int(table.labels[place]),
        target=clips.targets.get(clip_id),
        **shown,
    )


def make_feed(
    clips: Clips,
    *,
    processor: Any,
    options: ModelOptions,
    pictures: Pictures | None,
    weights: Tensor | None = None,
) -> Feed:
    """Return what makes the batch of some rows.

    Args:
        clips: see `Clips`.
        processor: of the model.
        options: of the model.
        pictures: of a clip; None where the model looks at none.
        weights: float32 (C,), of each class in the loss; None: all alike.
    """

    def feed(rows: Rows) -> dict[str, Tensor]:
        examples = [example(clips, int(row), pictures=pictures) for row in rows]
        batch = collate(examples, processor, options)
        if weights is not None and "labels" in batch:
            batch["weights"] = weights[batch["labels"]]
        return batch

    return feed
