"""The trajectory of a clip: one person of a tracked video, in a span of its time.

A video is tracked once, with every face that is found; its shard is shared by all clips that are
cut from it. A `Trajectory` is a view of that shard: the frames of the clip, and in each of them the
face of the person that the clip follows, or none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.face.channels import VIDEO, Channels
from facewave.storage.store import check_whole, read_rows, read_shard
from facewave.tracking.people import FaceRows, Person, clip_people, ghosts, people_in
from facewave.video.decode import holes

_CHUNK = 1024
_SMALL = ("timestamp_ms", "face_count", "frame", "person", "box", "cuts")


@dataclass(frozen=True, kw_only=True, eq=False)
class Trajectory:
    """One person in one clip of T frames.

    Attributes:
        shard: of the whole video.
        width, height: pixels of its frames.
        fps: mean frames per second of the video.
        timestamp_ms: int64 (T,), times of the clip's frames since the first frame of the video.
        rows: int64 (T,), which face of the shard is the person's in each frame; -1: none.
        face_count: uint8 (T,), faces of anybody in each frame.
        announced, decoded: frames that the video stream holds in the clip's span, and how many of
            these could be decoded; both count frames that `max_fps` leaves out.
        changes: how often another person takes the place of one.
        cuts: of the picture, between the first face and the last.
        error: why there is no trajectory; empty if there is one.
        notes: oddities of the video in words.
        unseen: why hardly any face was found in the video, as far as a second look could tell.
        channels: what is known of a face: set of points, blendshapes, action units.
        from_table: whether the clip is a table of landmarks, without any picture.
    """

    shard: Path
    width: int
    height: int
    fps: float
    timestamp_ms: NDArray[np.int64]
    rows: NDArray[np.int64]
    face_count: NDArray[np.uint8]
    announced: int
    decoded: int
    changes: int
    cuts: int
    error: str
    notes: str
    unseen: str
    channels: Channels
    from_table: bool = False

    @property
    def detected(self) -> NDArray[np.bool_]:
        """Whether the person's face was found, bool (T,)."""
        return self.rows >= 0

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.rows)

    def iter(
        self, name: str, *, chunk: int = _CHUNK, frames: slice | None = None
    ) -> Iterator[NDArray[np.float32]]:
        """Yield values of the person's face in chunks of frames, NaN where it is missing.

        Args:
            name: `landmarks`, (n, N, d) normalised image coordinates; `blendshapes`, (n, 52);
                `action_units`, (n, a); `transform`, (n, 4, 4), of videos only; or `box`, (n, 4)
                x0, y0, x1, y1.
            chunk: most frames at a time.
            frames: range of the clip's frames; None: all of them.

        Raises:
            DamagedShardError: if the shard is damaged.
        """
        start, stop, _ = (frames or slice(None)).indices(len(self))
        for first in range(start, stop, chunk):
            yield self.at(name, self.rows[first : min(first + chunk, stop)])

    def at(self, name: str, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the values of faces by their rows, float32 (n, ...), NaN for rows of -1."""
        seen = np.flatnonzero(rows >= 0)
        first, last = (int(rows[seen[0]]), int(rows[seen[-1]])) if len(seen) else (0, -1)
        values = read_rows(self.shard, name, first, last + 1)
        dense = np.full((len(rows), *values.shape[1:]), np.nan, np.float32)
        dense[seen] = values[rows[seen] - first]
        return dense


def people_of(shard: Path, span_ms: tuple[int, int] | None = None) -> list[Person]:
    """Return everybody in a clip, in order of their numbers; `open_trajectory` takes a number.

    A number is the same in all clips of a video: it holds while the person is covered, out of the
    picture or in another shot, as far as their face looks the same (`facewave.tracking.linking`).

    Args:
        shard: of the clip's video.
        span_ms: the clip's part of the video, from the first time on and before the second, in ms;
            None: the whole video.

    Returns:
        One entry per person with a face in the span; empty without any.

    Raises:
        DamagedShardError: if the shard is missing, truncated or altered.
    """
    _, small = _open_small(shard)
    faces, times = _face_rows(small), small["timestamp_ms"]
    nobody = _ghosts_of(shard, *_status(shard))
    return people_in(faces, times, _frames_of(times, span_ms), nobody=nobody)


def open_trajectory(
    shard: Path, *, span_ms: tuple[int, int] | None = None, person: int | None = None
) -> Trajectory:
    """Open the trajectory of one person in a clip.

    Args:
        shard: of its video.
        span_ms: the clip's part of the video, from the first time on and before the second, in ms;
            None: the whole video.
        person: number of the person (`people_of`), who may be seen in no frame of the clip; there
            are no `changes` then. None: the one whom the clip follows
            (`facewave.tracking.people.primary_person`).

    Raises:
        DamagedShardError: if the shard is missing, truncated or altered.
        ValueError: if the video has no person of this number.
    """
    metadata, small = _open_small(shard)
    times = small["timestamp_ms"]
    first, end = _frames_of(times, span_ms)
    announced, decoded = metadata["frames_announced"], metadata["frames_decoded"]
    if span_ms is not None:
        decoded, announced = end - first, end - first + _lost(times[first:end], times, span_ms)
    faces = _face_rows(small)
    if person is not None:
        faces = _alone(faces, person, shard)
    people = clip_people(faces, small["cuts"], (first, end))
    rows = np.full(end - first, -1, np.int64)
    if people.primary is not None:
        inside = slice(*np.searchsorted(small["frame"], (first, end)))
        mine = np.flatnonzero(small["person"][inside] == people.primary) + inside.start
        rows[small["frame"][mine] - first] = mine
    return Trajectory(
        shard=shard,
        width=metadata["width"],
        height=metadata["height"],
        fps=metadata["fps"],
        timestamp_ms=times[first:end],
        rows=rows,
        face_count=small["face_count"][first:end],
        announced=announced,
        decoded=decoded,
        changes=people.changes,
        cuts=people.cuts,
        error=metadata["error"],
        notes=metadata["notes"],
        unseen=metadata["unseen"],
        from_table="table" in metadata,
        channels=Channels.parse(metadata.get("channels", str(VIDEO))),
    )


def _lost(inside: NDArray[np.int64], times: NDArray[np.int64], span_ms: tuple[int, int]) -> int:
    """Return about how many frames are missing in a span, at its ends as well."""
    usual = holes(times)[0]
    edges = np.concatenate([[span_ms[0] - usual], inside, [span_ms[1]]])
    return holes(edges, usual=usual)[1] if usual else 0


def _frames_of(times: NDArray[np.int64], span_ms: tuple[int, int] | None) -> tuple[int, int]:
    """Return the first frame of a span of time, and one after its last."""
    if span_ms is None:
        return 0, len(times)
    first, end = np.searchsorted(times, span_ms)
    return int(first), int(end)


def _face_rows(small: dict[str, NDArray[Any]]) -> FaceRows:
    return FaceRows(small["frame"], small["person"], small["box"], small["blendshapes"])


def _alone(faces: FaceRows, person: int, shard: Path) -> FaceRows:
    """Return the rows of one person."""
    mine = faces.person == person
    if not mine.any():
        there = ", ".join(map(str, np.unique(faces.person))) or "none"
        raise ValueError(f"{shard}: no person {person}; there are {there} (`people_of` lists them)")
    return FaceRows(faces.frame[mine], faces.person[mine], faces.box[mine], faces.blendshapes[mine])


def _status(shard: Path) -> tuple[int, int]:
    status = shard.stat()
    return status.st_mtime_ns, status.st_size


def _open_small(shard: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return metadata and small arrays of a shard that is whole."""
    check_whole(shard)
    return _read_small(shard, *_status(shard))


@lru_cache(maxsize=4)
def _ghosts_of(shard: Path, *status: int) -> frozenset[int]:
    _, small = _read_small(shard, *status)
    return ghosts(_face_rows(small), small["timestamp_ms"])


@lru_cache(maxsize=4)
def _read_small(shard: Path, *status: int) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the metadata and the arrays that every clip of a video needs."""
    del status
    small, metadata = read_shard(shard, _SMALL)
    channels = Channels.parse(metadata.get("channels", str(VIDEO)))
    has_blendshapes = "blendshapes" in channels.shapes
    none = np.zeros((len(small["frame"]), 0), np.float32)
    small["blendshapes"] = read_rows(shard, "blendshapes", 0, 1 << 62) if has_blendshapes else none
    return metadata, small
