"""Clips of different datasets that show the same pictures: MAFW took 1,097 clips from DFEW."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

PAIR_COLUMNS = (
    "dataset_a", "clip_a", "actual_a", "fold_a", "split_a",
    "dataset_b", "clip_b", "actual_b", "fold_b", "split_b",
    "frames_alike", "distance",
)  # fmt: skip

# Comparisons at once: 8 bytes each.
_BLOCK = 4_000_000


@dataclass(frozen=True)
class Pair:
    """Two clips that look alike.

    Attributes:
        a, b: clip ids, of the first and of the second dataset.
        frames_alike: frames of the one that have a like in the other.
        distance: mean number of bits in which these differ from their likes, 0 to 64.
    """

    a: str
    b: str
    frames_alike: int
    distance: float


def find_pairs(
    a: Mapping[str, Sequence[int]],
    b: Mapping[str, Sequence[int]],
    *,
    min_frames: int,
    max_distance: int,
) -> Iterator[Pair]:
    """Yield the pairs of a clip of `a` and a clip of `b` that look alike.

    Any frame may be like any other, since clips are cut at other places in other datasets; but as
    many frames of each side need a like. A clip with fewer frames needs them all.

    Args:
        a, b: clip id to 64-bit hashes of frames (see `facewave.frame_hashes`).
        min_frames: frames that must be alike.
        max_distance: bits that may differ between two frames that are alike.
    """
    ids_a, hashes_a, there_a = _matrix(a)
    ids_b, hashes_b, there_b = _matrix(b)
    if not ids_a or not ids_b:
        return
    needed_b = np.minimum(min_frames, there_b.sum(1))
    step = max(1, _BLOCK // (hashes_a.shape[1] * hashes_b.size))
    for start in range(0, len(ids_a), step):
        block, there = hashes_a[start : start + step], there_a[start : start + step]
        distance = np.bitwise_count(block[:, :, None, None] ^ hashes_b[None, None])
        alike = (distance <= max_distance) & there[:, :, None, None] & there_b[None, None]
        of_a, of_b = alike.any(3).sum(1), alike.any(1).sum(2)  # both (block, clips of b)
        needed = np.minimum(needed_b[None], np.minimum(min_frames, there.sum(1))[:, None])
        for row, column in np.argwhere((of_a >= needed) & (of_b >= needed)):
            near = np.where(alike[row, :, column], distance[row, :, column], 65).min(1)
            yield Pair(
                ids_a[start + row],
                ids_b[column],
                int(of_a[row, column]),
                float(near[near <= max_distance].mean()),
            )


def compare_datasets(
    hashes: Mapping[str, Mapping[str, Sequence[int]]],
    about: Mapping[str, Mapping[str, Mapping[str, str | None]]],
    *,
    min_frames: int,
    max_distance: int,
) -> Iterator[dict[str, object]]:
    """Yield a row (`PAIR_COLUMNS`) for each pair of clips of two datasets that look alike.

    Args:
        hashes: dataset to clip id to hashes.
        about: dataset to clip id to `actual`, `fold` and `split`.
        min_frames, max_distance: see `find_pairs`.
    """
    for first, second in combinations(hashes, 2):
        pairs = find_pairs(
            hashes[first], hashes[second], min_frames=min_frames, max_distance=max_distance
        )
        for pair in pairs:
            row: dict[str, object] = {"frames_alike": pair.frames_alike}
            row["distance"] = f"{pair.distance:.1f}"
            for side, dataset, clip in (("a", first, pair.a), ("b", second, pair.b)):
                known = about[dataset].get(clip, {})
                row |= {f"dataset_{side}": dataset, f"clip_{side}": clip}
                row |= {f"{name}_{side}": known.get(name) for name in ("actual", "fold", "split")}
            yield row


def _matrix(
    hashes: Mapping[str, Sequence[int]],
) -> tuple[list[str], NDArray[np.uint64], NDArray[np.bool_]]:
    """Return ids, hashes (clips, frames) and which are there; clips without any are left out."""
    kept = {clip: values for clip, values in hashes.items() if values}
    width = max(map(len, kept.values()), default=0)
    matrix = np.zeros((len(kept), width), np.uint64)
    there = np.zeros((len(kept), width), bool)
    for row, values in enumerate(kept.values()):
        matrix[row, : len(values)] = values
        there[row, : len(values)] = True
    return list(kept), matrix, there
