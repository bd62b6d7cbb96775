"""Which face of a clip is followed: linked over time by overlap, nearest to the image centre."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Two boxes that overlap at least this much (intersection over union) are taken for one person.
MIN_OVERLAP = 0.2
# Only tracks with at least this fraction of the longest track's frames are considered, so that a
# false detection of a few frames in the image centre does not win over a person.
MIN_LENGTH_FRACTION = 0.5


@dataclass
class FaceTrack:
    """One person over a clip.

    Attributes:
        box: last box, float64 (4,): x0, y0, x1, y1 in normalised image coordinates.
        rows: number of each detection among all detections of the clip.
        frames: frame index of each detection.
        distances: of each box's centre from the image centre, in normalised image coordinates.
    """

    box: NDArray[np.float64]
    rows: list[int] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)

    def add(self, row: int, frame: int, box: NDArray[np.float64]) -> None:
        """Append a detection."""
        self.box = box
        self.rows.append(row)
        self.frames.append(frame)
        self.distances.append(float(np.hypot(*((box[:2] + box[2:]) / 2 - 0.5))))


def face_boxes(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the boxes (n, 4) as x0, y0, x1, y1 around landmarks (n, 478, 3)."""
    points = landmarks[..., :2].astype(np.float64)
    return np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)


def overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the intersection over union of two boxes, 0 to 1."""
    size = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0.0, None)
    shared = float(np.prod(size))
    union = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - shared
    return shared / union if union > 0.0 else 0.0


def link_faces(
    tracks: list[FaceTrack], boxes: NDArray[np.float64], *, frame: int, first_row: int
) -> None:
    """Add each face of a frame to the track that it overlaps most; the others begin new tracks.

    A track keeps its last box however long its person is out of sight: a face that comes back to
    the same place is taken for the same person, one that appears elsewhere is not.

    Args:
        tracks: all tracks of the clip so far; changed in place.
        boxes: float64 (n, 4), normalised.
        frame: index of the frame.
        first_row: row of the frame's first face; the others follow.
    """
    pairs = sorted(
        (
            (overlap(track.box, box), t, b)
            for t, track in enumerate(tracks)
            for b, box in enumerate(boxes)
        ),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    used_tracks: set[int] = set()
    used_boxes: set[int] = set()
    for shared, t, b in pairs:
        if shared < MIN_OVERLAP or t in used_tracks or b in used_boxes:
            continue
        tracks[t].add(first_row + b, frame, boxes[b])
        used_tracks.add(t)
        used_boxes.add(b)
    for b in range(len(boxes)):
        if b not in used_boxes:
            track = FaceTrack(boxes[b])
            track.add(first_row + b, frame, boxes[b])
            tracks.append(track)


def primary_person(person: NDArray[np.integer[Any]], box: NDArray[Any]) -> int | None:
    """Return the person who is nearest to the image centre on average; None without a face.

    Persons who are there for less than `MIN_LENGTH_FRACTION` of the longest are left out.

    Args:
        person: (R,), who each face is, in the order of the frames.
        box: (R, 4), x0, y0, x1, y1 in normalised image coordinates.
    """
    if not len(person):
        return None
    people, first, faces = np.unique(person, return_index=True, return_inverse=True)
    counts = np.bincount(faces)
    middle = (box[:, :2].astype(np.float64) + box[:, 2:]) / 2 - 0.5
    distance = np.bincount(faces, weights=np.hypot(*middle.T)) / counts
    distance[counts < MIN_LENGTH_FRACTION * counts.max()] = np.inf
    return int(people[min(range(len(people)), key=lambda i: (distance[i], first[i]))])
