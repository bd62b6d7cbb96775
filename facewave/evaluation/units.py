"""What scores are uncertain over: the people, recordings or clips that could have been others.

Clips of one person, or cut from one recording, are right and wrong together. Drawn or exchanged as
if they were independent, they make intervals too narrow and p too small; so whole units are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facewave.storage.parquet import read_parquet

SUBJECTS, SOURCES, VIDEOS, CLIPS = "subjects", "source videos", "videos", "clips"


class Origin(NamedTuple):
    """Where a clip comes from: its person and recording, None where not known, and its file."""

    subject: str | None
    source: str | None
    file_path: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Units:
    """The units that clips belong to.

    Attributes:
        kind: what they are, in the plural: `subjects`, `source videos`, `videos` (of which clips
            are windows) or `clips`; several joined by `and` where not all clips have the same.
        of_clip: int64 (n,), the unit of each clip, from 0.
    """

    kind: str
    of_clip: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Their number."""
        return int(self.of_clip.max(initial=-1)) + 1


def read_origins(files: Iterable[str | Path]) -> dict[str, Origin]:
    """Read where clips come from, by clip id.

    Args:
        files: manifests, or parts of splits (Parquet).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file lacks one of the columns.
    """
    found: dict[str, Origin] = {}
    columns = ["clip_id", *Origin._fields]
    for path in files:
        table = read_parquet(path, columns)
        if missing := [name for name in columns if name not in table.column_names]:
            raise ValueError(f"{path}: lacks the columns {', '.join(missing)}: make it again")
        cells = (table.column(name).to_pylist() for name in columns)
        found.update({row[0]: Origin(*row[1:]) for row in zip(*cells, strict=True)})
    return found


def units_of(clip_ids: Sequence[str], origins: Mapping[str, Origin]) -> Units:
    """Return the units that test clips are drawn with.

    A clip's unit is its subject, else the recording that it was cut from, else its video file,
    which several windows can share. Where that makes a single unit, over which nothing could be
    drawn, the next smaller kind is taken.

    Args:
        clip_ids: n ids.
        origins: of the clips; one that is missing is a unit of its own.
    """
    lines = [origins.get(clip_id, Origin(None, None, clip_id)) for clip_id in clip_ids]
    files = Counter(line.file_path for line in lines)
    units: Units | None = None
    for level in range(len(Origin._fields)):
        names = [_unit(line, level, files) for line in lines]
        units = _numbered(names)
        if units.count > 1:
            return units
    return Units(kind=CLIPS, of_clip=np.arange(len(clip_ids)))


def _unit(line: Origin, level: int, files: Mapping[str, int]) -> tuple[str, str]:
    """Return the kind and the name of a clip's unit, passing over the first `level` kinds."""
    known = [(SUBJECTS, line.subject), (SOURCES, line.source)]
    for kind, name in known[level:]:
        if name is not None:
            return kind, name
    return (VIDEOS if files[line.file_path] > 1 else CLIPS), line.file_path


def _numbered(names: Sequence[tuple[str, str]]) -> Units:
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    kinds = dict.fromkeys(kind for kind, _ in numbers)
    if set(kinds) == {VIDEOS, CLIPS}:  # a video with a single window is a video as well
        kinds = {VIDEOS: None}
    return Units(
        kind=" and ".join(kinds),
        of_clip=np.array([numbers[name] for name in names], np.int64),
    )


def videos_of(
    clip_ids: Sequence[str], labels: NDArray[np.int64], origins: Mapping[str, Origin]
) -> NDArray[np.int64] | None:
    """Return the number of each clip's video file, int64 (n,), where clips are windows of videos.

    Args:
        clip_ids: n ids.
        labels: int64 (n,), of the clips.
        origins: of the clips.

    Returns:
        None if every clip is a file of its own, or if windows of one video have different labels:
        one answer per video would then mean nothing.
    """
    numbers: dict[str, int] = {}
    videos = np.array(
        [
            numbers.setdefault(origins[c].file_path if c in origins else c, len(numbers))
            for c in clip_ids
        ],
        np.int64,
    )
    if len(numbers) == len(clip_ids):
        return None
    first = np.zeros(len(numbers), np.int64)
    first[videos[::-1]] = labels[::-1]
    return videos if np.array_equal(first[videos], labels) else None


def join_windows(
    probabilities: NDArray[np.float32], valid: NDArray[np.bool_], videos: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return one answer per video: the mean probabilities of its windows.

    Args:
        probabilities: (n, C) of the windows.
        valid: (n,), False for windows without a face, which count only where a video has no others.
        videos: (n,), the video of each window, from 0 without gaps.

    Returns:
        (V, C)
    """
    weights = np.where(valid, 1.0, 0.0)
    alone = np.bincount(videos, weights) == 0
    weights[alone[videos]] = 1.0
    sums = np.zeros((alone.size, probabilities.shape[1]))
    np.add.at(sums, videos, probabilities * weights[:, np.newaxis])
    return sums / np.bincount(videos, weights)[:, np.newaxis]
