"""A bucket's index of its trajectories, one row per clip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from facewave.storage.fingerprint import Tracked
from facewave.storage.tables import TableError, iter_rows

TRACK_COLUMNS = (
    "clip_id", "file_path", "key", "fingerprint", "content_sha256", "start_ms", "end_ms",
    "width", "height", "fps", "frames", "frames_decoded", "frames_announced", "detected",
    "max_faces_seen", "error", "notes",
)  # fmt: skip


def span_of(row: Mapping[str, str]) -> tuple[int, int] | None:
    """Return a segment's part of its video in ms, from a row of an index; None: the whole video."""
    return (int(row["start_ms"]), int(row["end_ms"])) if row["end_ms"] else None


def read_tracked(indexes: Iterable[Path], clip_ids: Iterable[str]) -> Mapping[str, Tracked]:
    """Return what the indexes say about these clips, by clip id.

    An index that is missing, is damaged or was written by another version is passed over.
    """
    wanted = set(clip_ids)
    found = {}
    for index in indexes:
        try:
            for row in iter_rows(index, TRACK_COLUMNS):
                if row["clip_id"] in wanted:
                    found[row["clip_id"]] = Tracked(row["fingerprint"], row["content_sha256"])
        except (FileNotFoundError, TableError):
            continue
    return found
