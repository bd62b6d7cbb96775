"""The rows of a run's tables: one per video and person, one per window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pyarrow as pa

from facewave.storage.parquet import write_parquet

# The person that a clip follows where only one is followed.
PRIMARY = "primary"


@dataclass(frozen=True, kw_only=True)
class WindowRow:
    """One window of a video, or a whole video where it was not divided.

    Attributes:
        video: id of the video.
        person: whom the window follows.
        start_seconds, end_seconds: of the window, since the first frame of the video.
        answer: the class with the largest probability; empty if the window is not valid.
        probabilities: of the classes; empty if the window is not valid.
        prediction_set: the classes that cannot be excluded.
        trusted: whether to trust the answer.
        why: why the window is not valid, or why not to trust its answer.
    """

    video: str
    person: str
    start_seconds: float
    end_seconds: float
    answer: str = ""
    probabilities: Sequence[float] = ()
    prediction_set: Sequence[str] = ()
    trusted: bool = False
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class VideoRow:
    """One person of a video; attributes not named here are those of `WindowRow`.

    Attributes:
        path: of the file.
        distance: percentile, see `facewave.predict.model.Answers`; None if nothing is valid.
        frames, detected_frames: of the video, and those with the person's face.
        coverage: the second over the first.
        duration_seconds: length of the video.
        calibrated: `no`, or `yes` and on what the person's baseline rests.
        model: name and the first twelve digits of its SHA-256.
    """

    video: str
    path: str
    person: str
    answer: str = ""
    probabilities: Sequence[float] = ()
    prediction_set: Sequence[str] = ()
    trusted: bool = False
    why: str = ""
    distance: float | None = None
    frames: int = 0
    detected_frames: int = 0
    coverage: float = 0.0
    duration_seconds: float = 0.0
    calibrated: str = "no"
    model: str = ""


Row = VideoRow | WindowRow


@dataclass
class RowBuffer:
    """Rows of one kind, gathered as columns, so that thousands of windows take little memory."""

    kind: type[Row]
    classes: Sequence[str]
    rows: list[Row] = field(default_factory=list)

    def table(self) -> Any:
        """Return the rows as an Arrow table: what the CSV files hold, with real types."""
        names = column_names(self.kind, self.classes)
        cells = [_cells(row, self.classes) for row in self.rows]
        columns = list(zip(*cells, strict=True)) if cells else [()] * len(names)
        types = [_type(name) for name in names]
        arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
        return pa.Table.from_arrays(arrays, names=names)


def column_names(kind: type[Row], classes: Sequence[str]) -> list[str]:
    """Return the columns of a table; the probabilities are `p_` and the class."""
    found: list[str] = []
    for attribute in fields(kind):
        one = attribute.name != "probabilities"
        found += [attribute.name] if one else [f"p_{name}" for name in classes]
    return found


def _cells(row: Row, classes: Sequence[str]) -> list[Any]:
    found: list[Any] = []
    for attribute in fields(row):
        value = getattr(row, attribute.name)
        if attribute.name == "probabilities":
            found += [float(p) for p in value] if len(value) else [None] * len(classes)
        elif attribute.name == "prediction_set":
            found.append("|".join(value))
        elif isinstance(value, bool):
            found.append("yes" if value else "no")
        else:
            found.append(value)
    return found


_REALS = ("start_seconds", "end_seconds", "distance", "coverage", "duration_seconds")


def _type(name: str) -> Any:
    if name.startswith("p_"):
        return pa.float32()
    if name in _REALS:
        return pa.float64()
    return pa.int64() if name in ("frames", "detected_frames") else pa.string()


def write_part(path: Path, buffer: RowBuffer) -> None:
    """Write the rows of a bucket as Parquet, atomically."""
    write_parquet(path, buffer.table())
