"""The clips of all parts of a split as one table of rows, and which rows each stage trains on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewave.manifest.subsets import in_turns
from facewave.splits.read import SplitTable, read_split
from facewave.vlm.faces.batch import Example
from facewave.vlm.faces.model import FaceVlm
from facewave.vlm.faces.options import ModelOptions
from facewave.vlm.faces.statistics import face_arrays
from facewave.vlm.inputs.clip_reader import ClipFrames, ClipReader
from facewave.vlm.plan import STAGES
from facewave.vlm.training.batches import MakeBatch, Rows

# Returns the images of a clip, each uint8 (H, W, 3), their features, or frames with their timing.
Images = Callable[[str], Sequence[NDArray[np.uint8]] | NDArray[np.uint8] | Tensor | ClipFrames]


@dataclass(frozen=True, kw_only=True, eq=False)
class Clips:
    """The parts of a split, one after the other; rows are numbered through all of them.

    Attributes:
        tables: part to its table, with the feature groups that the model reads.
        faces: int64 (n,), the row whose face is shown with each row: its own, or another's.
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

    def find(self, row: int) -> tuple[SplitTable, int]:
        """Return the table of a row, and the row's number in it."""
        for table in self.tables.values():
            if row < len(table):
                return table, row
            row -= len(table)
        raise IndexError(row)


def read_clips(
    splits: Mapping[str, str | Path],
    *,
    groups: Sequence[str],
    shuffle_faces: bool,
    seed: int,
    texts: Mapping[str, str | None] | None = None,
    targets: Mapping[str, Sequence[float]] | None = None,
) -> Clips:
    """Read the parts of a split.

    Args:
        splits: part to its Parquet file.
        groups: feature groups that the model reads.
        shuffle_faces: whether every clip gets the face of another clip of its part.
        seed: of that.
        texts, targets: see `Clips`.
    """
    tables = {part: read_split(path, groups=groups) for part, path in splits.items()}
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
    """Return another clip for each of `clips` clips, int64: no clip twice, none for itself.

    A single clip has no other: it keeps itself.
    """
    order = np.random.default_rng(list(seed)).permutation(clips)
    chosen = np.empty(clips, np.int64)
    chosen[order] = np.roll(order, 1)
    return chosen


def example(clips: Clips, row: int, *, images: Images | None) -> Example:
    """Return what a model is shown of a row."""
    table, number = clips.find(row)
    face_table, face_number = clips.find(int(clips.faces[row]))
    clip_id = table.clip_ids[number]
    shown: dict[str, Any] = {}
    if images is not None:
        found = images(clip_id)
        kinds = {np.ndarray: "images", list: "images", ClipFrames: "frames"}
        shown = {kinds.get(type(found), "image_features"): found}
    return Example(
        clip_id=clip_id,
        face=face_arrays(face_table, face_number),
        valid=bool(face_table.valid[face_number]),
        text=clips.texts.get(clip_id),
        label=None if clips.targets else int(table.labels[number]),
        target=clips.targets.get(clip_id),
        **shown,
    )


def shown_images(
    reader: ClipReader,
    options: ModelOptions,
    *,
    cached: Callable[[ClipReader], Images] | None = None,
) -> Images | None:
    """Return what gives the images of a clip, as a model takes them; None if it looks at none.

    Args:
        reader: of the clips.
        options: of the model.
        cached: gives the features of a reader's images in their place (PaliGemma 2).
    """
    if not options.use_image:
        return None
    image = options.image
    if options.family == "qwen":
        return replace(reader, image="beside" if image == "both" else image).frames
    readers = [
        replace(reader, image=kind) for kind in (("frame", "face") if image == "both" else (image,))
    ]
    sources = [cached(one) if cached else one.images for one in readers]
    return sources[0] if len(sources) == 1 else partial(_one_after_the_other, sources)


def _one_after_the_other(sources: Sequence[Images], clip_id: str) -> Any:
    """Return the images of several sources, which may be of different size, or their features."""
    found: list[Any] = [source(clip_id) for source in sources]
    if isinstance(found[0], Tensor):
        return torch.cat(found)
    return [image for images in found for image in images]


def batch_maker(
    clips: Clips, model: FaceVlm, *, images: Images | None, weights: Tensor | None = None
) -> MakeBatch:
    """Return the function that makes the batch of some rows.

    Args:
        clips: see `Clips`.
        model: whose batches they are.
        images: returns those of a clip; None if the model looks at none.
        weights: float32 (C,), of each class in the loss; None: all equal.
    """

    def make_batch(rows: Rows) -> dict[str, Tensor]:
        examples = [example(clips, int(row), images=images) for row in rows]
        batch = model.collate(examples)
        if weights is not None and "labels" in batch:
            batch["weights"] = weights[batch["labels"]]
        return batch

    return make_batch


def stage_rows(
    clip_ids: Sequence[str],
    labels: Sequence[int],
    *,
    shares: Mapping[str, float],
    seed: int,
) -> dict[str, Rows]:
    """Return the rows of the training part that each stage is trained on.

    Stratified and seeded (see `facewave.manifest.subsets`). Adaptation takes the beginning of the
    order and fine-tuning its end: with a larger share a stage keeps the clips that it had, and no
    clip is in both.

    Args:
        clip_ids, labels: of the training part, n each.
        shares: fraction of the training part for each stage (`adaptation`, `fine_tuning`); the
            second may be missing where only the first is wanted.
        seed: decides which clips a stage gets.

    Returns:
        int64 rows by stage, ascending; at least one for each.

    Raises:
        ValueError: the fractions add up to more than 1, or there are too few clips.
    """
    adaptation, fine_tuning = STAGES
    first, second = shares[adaptation], shares.get(fine_tuning, 0.0)
    if first + second > 1.0 + 1e-9:
        raise ValueError(
            f"vlm.stages: adaptation {first} and fine_tuning {second} take more than the whole "
            "training part; lower one `share`"
        )
    order = in_turns(clip_ids, labels, seed=seed)
    head = max(1, round(first * len(order)))
    tail = max(1, min(round(second * len(order)), len(order) - head))
    if head + tail > len(order):
        raise ValueError(
            f"{len(order)} training clips are too few for two stages: add clips or choose another "
            "split.protocol"
        )
    return {
        adaptation: np.sort(np.array(order[:head], np.int64)),
        fine_tuning: np.sort(np.array(order[len(order) - tail :], np.int64)),
    }
