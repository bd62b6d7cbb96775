"""The rows of a clip in a table of landmarks to a trajectory shard, as tracking writes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave import __version__
from facewave.face.point_sets import point_set
from facewave.landmark_tables.layout import TrackTableError
from facewave.landmark_tables.options import TrackTable
from facewave.landmark_tables.read import ClipRows
from facewave.storage.store import write_shard
from facewave.tracking.appearance import PATCH_VALUES
from facewave.tracking.boxes import face_boxes
from facewave.tracking.linking import Linker
from facewave.versions import TRACK_VERSION

# A clip of a day at 100 frames per second; more are numbers that count something else.
_MOST_FRAMES = 10_000_000


def write_table_track(
    rows: ClipRows,
    shard: Path,
    *,
    options: TrackTable,
    fps: float,
    provenance: Mapping[str, Any],
) -> None:
    """Write the trajectory shard of a clip, with the arrays of `facewave.tracking.track_video`.

    A row is a face if none of its values is blank, `success` is not 0 and its confidence is high
    enough; other rows only say that there was a frame. Frame numbers that are left out are frames
    without a face. Of several rows of one face in a frame the most confident one counts.

    Landmarks are stored in fractions of the picture where its size is known, else in the unit of
    the table, as if the picture had one unit on a side. `box` is in fractions of the picture, or
    else of the range in which the clip's faces are.

    Args:
        rows: of the clip.
        shard: to write, atomically.
        options: see `TrackTable`.
        fps: frames per second, where the table names no times.
        provenance: further metadata of the shard, JSON-serialisable.

    Raises:
        TrackTableError: frames and times cannot be made sense of.
    """
    frame, times, notes = _timeline(rows, fps)
    width, height = _size(rows, options)
    good = np.flatnonzero(_usable(rows, options))
    good = good[np.lexsort((-_confidence(rows)[good], frame[good]))]
    landmarks = _in_pictures(rows, width, height)[good]
    if len(good) == 0 and (blank := _blank_columns(rows)):
        notes.append(f"blank in every row: {', '.join(blank)}")
    boxes = _boxes(landmarks, unit=(width, height) == (1, 1))
    person = _persons(frame[good], boxes, None if rows.faces is None else rows.faces[good])
    _, first = np.unique(np.column_stack([frame[good], person]), axis=0, return_index=True)
    kept = np.sort(first)
    arrays: dict[str, NDArray[Any]] = {
        "timestamp_ms": times,
        "face_count": np.bincount(frame[good[kept]], minlength=len(times)).astype(np.uint8),
        "frame": frame[good[kept]].astype(np.int32),
        "person": person[kept].astype(np.int32),
        "cuts": np.zeros(0, np.int32),
        "box": boxes[kept].astype(np.float32),
        "landmarks": landmarks[kept],
    }
    for source in ("blendshapes", "action_units"):
        if source in rows.layout.channels.shapes:
            arrays[source] = getattr(rows, source)[good[kept]]
    seconds = (times[-1] - times[0]) / 1000 if len(times) > 1 else 0.0
    counted = dict.fromkeys(("frames", "frames_decoded", "frames_announced"), len(times))
    metadata = {
        "width": width,
        "height": height,
        "fps": (len(times) - 1) / seconds if seconds else fps,
        **counted,
        "error": "" if len(times) else "the table has no rows of the clip",
        "notes": "; ".join(notes),
        "unseen": "",
        "points": rows.layout.channels.points,
        "channels": str(rows.layout.channels),
        "facewave_version": __version__,
        "track_version": TRACK_VERSION,
        **provenance,
    }
    write_shard(shard, arrays, metadata)


def _confidence(rows: ClipRows) -> NDArray[np.float64]:
    return np.nan_to_num(rows.numbers.get("confidence", np.ones(len(rows))), nan=0.0)


def _usable(rows: ClipRows, options: TrackTable) -> NDArray[np.bool_]:
    good = np.asarray(np.isfinite(rows.landmarks).all(axis=(1, 2)))
    # Trackers that lost the face fill the row with zeros.
    good &= (rows.landmarks != rows.landmarks[:, :1]).any(axis=(1, 2))
    good &= np.isfinite(rows.blendshapes).all(axis=1) & np.isfinite(rows.action_units).all(axis=1)
    if "success" in rows.numbers:
        good &= np.nan_to_num(rows.numbers["success"], nan=0.0) != 0
    if "confidence" in rows.numbers:
        good &= _confidence(rows) >= options.min_confidence
    return good


def _blank_columns(rows: ClipRows) -> list[str]:
    """Return the names of blendshapes and action units that no row with points has."""
    there = np.isfinite(rows.landmarks).all(axis=(1, 2))
    if not there.any():
        return []
    layout = rows.layout
    return [
        name
        for names, values in (
            (layout.blendshapes, rows.blendshapes),
            (layout.action_units, rows.action_units),
        )
        for place, name in enumerate(names)
        if not np.isfinite(values[there, place]).any()
    ]


def _timeline(rows: ClipRows, fps: float) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
    """Return which frame each row is of, the times of all frames in ms, and notes."""
    stated = _milliseconds(rows)
    notes: list[str] = []
    times: NDArray[Any] | None
    if "frame" in rows.numbers:
        numbers, frame = _frames(rows.numbers["frame"])
        step = _step(numbers)
        frame = (numbers[frame] - numbers[0]) // step if len(numbers) else frame
        count = int(frame.max()) + 1 if len(frame) else 0
        if count > _MOST_FRAMES:
            raise TrackTableError(
                f"frames from {numbers[0]} to {numbers[-1]}: more than a clip can have"
            )
        times = _known_times(frame, count, stated)
        if times is None:
            # Numbers of frames count those that were left out as well.
            times = 1000.0 * np.arange(count) * step / fps
            notes.append(f"no times in the table: {fps:g} frames per second assumed")
    elif stated is not None:
        if not np.isfinite(stated).all():
            raise TrackTableError("a row without a time, in a table without numbers of frames")
        times, frame = np.unique(stated, return_inverse=True)
    else:
        frame, times = np.arange(len(rows)), 1000.0 * np.arange(len(rows)) / fps
        notes.append(f"neither frames nor times: one row per frame, {fps:g} per second")
    milliseconds = np.rint(times - times[0] if len(times) else times).astype(np.int64)
    if (np.diff(milliseconds) <= 0).any():
        raise TrackTableError("several frames in one millisecond: times are in seconds")
    return frame.astype(np.int64), milliseconds, notes


def _milliseconds(rows: ClipRows) -> NDArray[np.float64] | None:
    if "time_ms" in rows.numbers:
        return rows.numbers["time_ms"]
    return 1000.0 * rows.numbers["time"] if "time" in rows.numbers else None


def _frames(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if not np.isfinite(values).all() or (values != np.rint(values)).any():
        raise TrackTableError("the number of a frame is blank or not a whole number")
    numbers, frame = np.unique(values.astype(np.int64), return_inverse=True)
    return numbers, frame


def _step(numbers: NDArray[np.int64]) -> int:
    """Return how far apart the numbers of frames are: n where a tracker looked at every n-th."""
    return int(np.gcd.reduce(np.diff(numbers))) if len(numbers) > 1 else 1


def _known_times(
    frame: NDArray[np.int64], count: int, stated: NDArray[np.float64] | None
) -> NDArray[np.float64] | None:
    """Return the times of all frames, those between known ones by their numbers; None if unknown.

    Of pictures in a folder OpenFace writes the same time for all.
    """
    if stated is None or count < 2:
        return None
    known = np.isfinite(stated)
    places, first = np.unique(frame[known], return_index=True)
    times = stated[known][first]
    if len(places) < 2 or (np.diff(times) <= 0).any():
        return None
    pace = (times[-1] - times[0]) / (places[-1] - places[0])
    found = np.interp(np.arange(count), places, times)
    before, after = np.arange(places[0]), np.arange(places[-1] + 1, count)
    found[before] = times[0] - pace * (places[0] - before)
    found[after] = times[-1] + pace * (after - places[-1])
    return found


def _size(rows: ClipRows, options: TrackTable) -> tuple[int, int]:
    """Return width and height of the pictures; 1 and 1 where landmarks are in one unit already."""
    if rows.layout.metric:
        return 1, 1
    size = options.size
    if size is None and {"width", "height"} <= rows.numbers.keys() and len(rows):
        sides = np.column_stack([rows.numbers[name] for name in ("width", "height")])
        known = sides[np.isfinite(sides).all(axis=1)]
        size = (round(known[0, 0]), round(known[0, 1])) if len(known) else None
    if size is None and point_set(rows.layout.channels.points).pictures:
        raise TrackTableError(
            f"points of {rows.layout.channels.points} are in fractions of the picture: give its "
            "size (`size: [640, 480]` in the dataset's options, or columns width and height)"
        )
    return size or (1, 1)


def _in_pictures(rows: ClipRows, width: int, height: int) -> NDArray[np.float32]:
    fractions = point_set(rows.layout.channels.points).pictures and not rows.layout.pixels
    if rows.layout.metric or fractions:
        return rows.landmarks
    unit = np.array([width, height, width], np.float32)[: rows.landmarks.shape[2]]
    return rows.landmarks / unit


def _boxes(landmarks: NDArray[np.float32], *, unit: bool) -> NDArray[np.float64]:
    if not len(landmarks):
        return np.empty((0, 4))
    boxes = face_boxes(landmarks)
    if unit:
        low = np.tile(boxes[:, :2].min(axis=0), 2)
        high = np.tile(boxes[:, 2:].max(axis=0), 2)
        boxes = (boxes - low) / np.maximum(high - low, 1e-12)
    return boxes


def _persons(
    frame: NDArray[np.int64], boxes: NDArray[np.float64], faces: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """Return who each row is: as the table says, else linked by overlap from frame to frame."""
    if faces is not None:
        return faces
    person = np.zeros(len(frame), np.int64)
    if len(np.unique(frame)) == len(frame):
        return person
    linker = Linker()
    unknown = np.zeros(PATCH_VALUES, np.float32)
    for number in np.unique(frame):
        chosen = np.flatnonzero(frame == number)
        # At one and the same time: without a picture, a face goes on wherever it was seen last.
        person[chosen] = linker.add(int(number), 0, boxes[chosen], lambda _: unknown)
    return person
