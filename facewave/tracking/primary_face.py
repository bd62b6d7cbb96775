"""Which of the faces in a clip is followed: linked over time by overlap, nearest to the centre."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

# Overlap (intersection over union) from which two boxes are taken for one person.
MIN_OVERLAP = 0.2
# A track competes for primary face with at least this share of the longest track's frames, so
# that a false detection of a few frames in the image centre cannot win over a person.
MIN_LENGTH_SHARE = 0.5


@dataclass
class FaceTrack:
    """One person over a clip.

    Attributes:
        rows: positions of its detections in the order in which they were added.
        frames: frame index of each.
        distances: distance of each box's centre from the image centre, in image widths/heights.
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
    """Add the faces of a frame to the tracks that they overlap most; the others begin new ones.

    A track keeps its last box however long its person is not seen: whoever comes back to the
    same place is the same person, and whoever appears elsewhere is not.

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
    for share, t, b in pairs:
        if share < MIN_OVERLAP or t in used_tracks or b in used_boxes:
            continue
        tracks[t].add(first_row + b, frame, boxes[b])
        used_tracks.add(t)
        used_boxes.add(b)
    for b in range(len(boxes)):
        if b not in used_boxes:
            track = FaceTrack(boxes[b])
            track.add(first_row + b, frame, boxes[b])
            tracks.append(track)


def primary_track(tracks: list[FaceTrack]) -> FaceTrack | None:
    """Return the track nearest to the image centre among the long ones; None without a face."""
    if not tracks:
        return None
    longest = max(len(track.frames) for track in tracks)
    rivals = [track for track in tracks if len(track.frames) >= MIN_LENGTH_SHARE * longest]
    return min(rivals, key=lambda track: (float(np.mean(track.distances)), track.frames[0]))
