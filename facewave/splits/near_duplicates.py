"""Clips of different datasets that show the same images: MAFW took 1,097 clips from DFEW.

Each clip is reduced to perceptual hashes of a few frames, which hardly change when a video is
coded again or scaled. Pairs of clips with similar hashes are then looked up.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewave.jobs.clip_errors import ClipErrors
from facewave.storage.buckets import read_key_file
from facewave.storage.tables import iter_rows, write_index
from facewave.video.decode import Limits, UnreadableVideoError, Video
from facewave.video.isolated import Read, read_here
from facewave.video.open import open_video

HASH_COLUMNS = ("clip_id", "hashes")
PAIR_COLUMNS = (
    "dataset_a", "clip_a", "actual_a", "fold_a", "split_a",
    "dataset_b", "clip_b", "actual_b", "fold_b", "split_b",
    "frames_alike", "distance",
)  # fmt: skip

_log = logging.getLogger("facewave")
# Frames that vary less than this (of 255) hold nothing to compare: black ones are all alike.
_FLAT = 4.0
# Hashes of a clip that are kept before every other one is dropped.
_MOST_KEPT = 512
# Comparisons at a time, few enough for the processor's cache.
_BLOCK = 100_000
# Clips of the first dataset that are looked up at a time.
_CLIPS = 4096
# Hashes are looked up by this many parts of so many bits, in which at most so many bits may differ.
_PARTS, _PART_BITS, _MOST_FLIPS = 4, 16, 2


def dhash(frame: NDArray[np.uint8]) -> int | None:
    """Return the 64-bit difference hash of a frame, None for one without contrast.

    The image is reduced to 9x8 grey pixels; each bit says whether a pixel is brighter than its left
    neighbour. Size, compression and brightness hardly change the hash.

    Args:
        frame: uint8 (height, width, 3) RGB.
    """
    import cv2

    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA).astype(np.int16)
    if small.std() < _FLAT:
        return None
    bits = np.packbits(small[:, 1:] > small[:, :-1])
    return int.from_bytes(bits.tobytes(), "big")


def clip_hashes(
    path: Path,
    *,
    frames: int,
    fps: float,
    span_ms: tuple[int, int] | None = None,
    limits: Limits | None = None,
) -> list[int]:
    """Return the hashes of frames spread evenly over a clip.

    In place of a frame without contrast the next one with contrast is taken.

    Args:
        path: a video or a folder of frames.
        frames: most hashes to return.
        fps: frames per second where the file gives no rate.
        span_ms: of a segment, its part of the video in ms (from, before); None: all of it.
        limits: see `open_video`.

    Returns:
        up to `frames` 64-bit hashes.

    Raises:
        UnreadableVideoError: if the clip cannot be decoded.
    """
    with open_video(path, default_fps=fps, limits=limits) as video:
        return _spread_hashes(video, frames, span_ms)


def _spread_hashes(video: Video, frames: int, span_ms: tuple[int, int] | None) -> list[int]:
    """Return the hashes of frames spread over a video, whose length is known only at its end."""
    start, end = span_ms or (0, math.inf)
    kept: list[tuple[int, int]] = []
    every, index, ms = 1, 0, 0
    for index, frame in enumerate(video.frames(start_ms=start, end_ms=end)):
        ms = frame.ms
        if index % every:
            continue
        value = dhash(frame.image)
        if value is None:
            continue
        kept.append((ms, value))
        if len(kept) == _MOST_KEPT:
            kept, every = kept[::2], 2 * every
    if not kept:
        return []
    times = np.array([time for time, _ in kept])
    end = ms + (ms - start) / max(index, 1)
    wanted = start + (np.arange(frames) + 0.5) / frames * (end - start)
    places = np.maximum(np.searchsorted(times, wanted, side="right") - 1, 0)
    return [kept[place][1] for place in dict.fromkeys(places.tolist())]


def hash_bucket(
    key_file: Path, *, table: Path, frames: int, default_fps: float, read: Read = read_here
) -> None:
    """Write the hashes of a bucket's clips as TSV: clip id, then hashes of 16 hex digits each.

    A clip that cannot be decoded has none.

    Args:
        key_file: the bucket's clips (see `facewave.storage.buckets`).
        table: the file that is written.
        frames: most hashes of one clip.
        default_fps: frames per second where neither container nor manifest gives a rate.
        read: calls what opens a video, possibly in another process.

    Raises:
        RunFaultError, SameErrorError, WorkerError, OSError, MemoryError: see
            `facewave.jobs.clip_errors.ClipErrors`; no table is written.
    """
    errors, rows = ClipErrors(), []
    for row in read_key_file(key_file):
        hashes: list[int] = []
        try:
            hashes = read(
                clip_hashes,
                path=Path(row.file_path),
                frames=frames,
                fps=row.fps_hint or default_fps,
                span_ms=row.span_ms,
            )
        except UnreadableVideoError as error:
            _log.warning("%s: %s", row.file_path, error)
        except Exception as error:
            errors.reason(row.file_path, error)
        text = " ".join(f"{value:016x}" for value in hashes)
        rows.append({"clip_id": row.clip_id, "hashes": text})
    errors.fail()
    write_index(table, HASH_COLUMNS, rows)


def read_hashes(tables: Sequence[Path]) -> dict[str, list[int]]:
    """Return the hashes of each clip from the tables that `hash_bucket` wrote, by clip id."""
    return {
        row["clip_id"]: [int(value, 16) for value in row["hashes"].split()]
        for table in tables
        for row in iter_rows(table, HASH_COLUMNS)
    }


@dataclass(frozen=True)
class Pair:
    """Two clips that look alike.

    Attributes:
        a, b: clip ids, of the first and of the second dataset.
        frames_alike: frames of `a` that look like a frame of `b`.
        distance: mean number of bits in which their hashes differ from the nearest, 0 to 64.
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

    Any frame may look like any other, since every dataset cuts its clips at other places; but
    `min_frames` frames of either clip must look like one of the other, or all if there are fewer.

    Args:
        a, b: clip id to 64-bit hashes of frames (see `dhash`).
        min_frames: fewest frames that look alike.
        max_distance: most bits in which the hashes of two frames that look alike differ.
    """
    ids_a, ids_b = list(a), list(b)
    hashes_b, clips_b = _flat(b.values())
    if not hashes_b.size:
        return
    frames_b = np.bincount(clips_b, minlength=len(b))
    index = _Lookup(hashes_b, max_distance)
    for start in range(0, len(ids_a), _CLIPS):
        block = ids_a[start : start + _CLIPS]
        hashes_a, clips_a = _flat([a[clip] for clip in block])
        frames_a = np.bincount(clips_a, minlength=len(block))
        of_a, of_b, distance = index.near(hashes_a)
        pair = clips_a[of_a] * len(b) + clips_b[of_b]
        places, alike_a, mean = _by_pair(pair, of_a, distance)
        _, alike_b, _ = _by_pair(pair, of_b, distance)
        rows, columns = np.divmod(places, len(b))
        needed = np.minimum(min_frames, np.minimum(frames_a[rows], frames_b[columns]))
        for found in np.flatnonzero((alike_a >= needed) & (alike_b >= needed)):
            yield Pair(
                block[rows[found]], ids_b[columns[found]], int(alike_a[found]), float(mean[found])
            )


class _Lookup:
    """Finds hashes by their parts: if two differ in few bits, some part of them hardly differs.

    Reference: M. Norouzi, A. Punjani, D. J. Fleet, "Fast search in Hamming space with multi-index
    hashing", CVPR 2012.
    """

    def __init__(self, hashes: NDArray[np.uint64], max_distance: int) -> None:
        """Index hashes, uint64 (n,); for a large `max_distance` all of them will be compared."""
        self._size, self._most = hashes.size, max_distance
        # Bits that are nearly always 0, or 1, tell little: they are dealt evenly to the parts.
        self._bits = np.argsort(np.abs(_as_bits(hashes).mean(axis=0) - 0.5), kind="stable")
        # If every part differed in one bit more than this, the total would exceed `max_distance`.
        flips = [(max_distance + 1 + part) // _PARTS - 1 for part in range(_PARTS)]
        width = _PART_BITS if max(flips) <= _MOST_FLIPS else 0
        self._mask = np.uint64(2**width - 1)
        self._parts = []
        for part, most in enumerate(flips if width else [0]):
            if most >= 0:
                shift = np.uint64(part * width)
                dealt = self._dealt(hashes)
                order = np.argsort(dealt >> shift & self._mask, kind="stable")
                keys = (dealt >> shift & self._mask)[order]
                starts = np.searchsorted(keys, np.arange(2**width + 1, dtype=np.uint64))
                self._parts.append((shift, _masks(width, most), order, dealt[order], starts))

    def _dealt(self, hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
        dealt = np.concatenate([self._bits[part::_PARTS] for part in range(_PARTS)])
        packed = np.packbits(_as_bits(hashes)[:, dealt], axis=1)
        return np.ascontiguousarray(packed).view(">u8").ravel().astype(np.uint64)

    def near(
        self, hashes: NDArray[np.uint64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the pairs that differ in few bits: positions here and in the index, and bits."""
        found = [np.empty((3, 0), np.int64), *self._found(self._dealt(hashes))]
        here, there, bits = np.concatenate(found, axis=1)
        # A pair is found once for each part that it has in common.
        _, once = np.unique(here * self._size + there, return_index=True)
        return here[once], there[once], bits[once]

    def _found(self, hashes: NDArray[np.uint64]) -> Iterator[NDArray[np.int64]]:
        for shift, masks, order, theirs, starts in self._parts:
            key = hashes >> shift & self._mask
            for mask in masks:
                wanted = (key ^ mask).astype(np.int64)
                first, counts = starts[wanted], starts[wanted + 1] - starts[wanted]
                for rows in _blocks(counts):
                    ends = np.cumsum(counts[rows])
                    skip = np.repeat(first[rows] - ends + counts[rows], counts[rows])
                    places = np.arange(ends[-1]) + skip
                    other = np.repeat(hashes[rows], counts[rows]) ^ theirs[places]
                    bits = np.bitwise_count(other)
                    near = np.flatnonzero(bits <= self._most)
                    here = rows.start + np.searchsorted(ends, near, side="right")
                    yield np.stack([here, order[places[near]], bits[near].astype(np.int64)])


def _as_bits(hashes: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Return the bits of hashes, (n, 64), the highest first."""
    return np.unpackbits(hashes.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1)


def _masks(width: int, most: int) -> list[np.uint64]:
    return [
        np.uint64(sum(1 << bit for bit in chosen))
        for count in range(min(most, width) + 1)
        for chosen in combinations(range(width), count)
    ]


def _blocks(counts: NDArray[np.int64]) -> Iterator[slice]:
    """Yield ranges of rows with at most `_BLOCK` comparisons in all, or of a single row."""
    ends, start = np.cumsum(counts), 0
    while start < counts.size:
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _BLOCK, side="right")))
        yield slice(start, stop)
        start = stop


def _by_pair(
    pair: NDArray[np.int64], frame: NDArray[np.int64], bits: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return each pair of clips, its number of frames that look alike, and their mean distance."""
    order = np.lexsort((bits, frame, pair))
    pair, frame, bits = pair[order], frame[order], bits[order]
    # The first entry of a frame is that with the fewest bits.
    nearest = np.flatnonzero(np.r_[True, (np.diff(pair) != 0) | (np.diff(frame) != 0)][: pair.size])
    places, first, counts = np.unique(pair[nearest], return_index=True, return_counts=True)
    sums = np.add.reduceat(bits[nearest].astype(np.float64), first) if places.size else np.empty(0)
    return places, counts, sums / counts


def compare_datasets(
    hashes: Mapping[str, Mapping[str, Sequence[int]]],
    about: Mapping[str, Mapping[str, Mapping[str, str | None]]],
    *,
    min_frames: int,
    max_distance: int,
) -> Iterator[dict[str, object]]:
    """Yield one row (`PAIR_COLUMNS`) for each pair of clips of two datasets that look alike.

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


def _flat(
    clips: Collection[Sequence[int]],
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return all hashes one after the other, uint64 (n,), and the position of each one's clip."""
    hashes = np.array([value for values in clips for value in values], np.uint64)
    return hashes, np.repeat(np.arange(len(clips)), [len(values) for values in clips])
