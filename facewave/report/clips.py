"""What the report knows of each clip: manifest and bucket indexes joined; and quality.csv."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facewave.features.encode_bucket import FEATURE_COLUMNS
from facewave.manifest.clips import Clip, read_manifest
from facewave.storage.tables import iter_rows, write_csv
from facewave.tracking.track_index import TRACK_COLUMNS

QUALITY_FILE = "quality.csv"
QUALITY_COLUMNS = (
    "clip_id",
    "file_path",
    "label",
    "subject",
    "valid",
    "reason",
    "frames",
    "frames_announced",
    "detected",
    "coverage",
    "detection_ratio",
    "longest_gap",
    "longest_gap_seconds",
    "trimmed_start",
    "trimmed_end",
    "changes",
    "cuts",
    "jitter",
    "mean_abs_yaw",
    "width",
    "height",
    "fps",
    "max_faces_seen",
    "notes",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportClip:
    """One clip: where it comes from, what was found in it and how good that is.

    Attributes:
        label: class name; empty where it is not known.
        frames, frames_announced: decoded, and stated by the file (0: not stated).
        valid, reason, detected to mean_abs_yaw: see `facewave.features.quality.Quality`; NaN if not
            measured.
        track_key, feature_key: keys of the shards in the store; empty if there is none.
        span_ms: of a segment, its part of the video in ms (from, before); None: the whole video.
        scene: kind of situation, where the dataset names it.
    """

    clip_id: str
    file_path: str
    label: str
    subject: str | None
    valid: bool
    reason: str
    frames: int
    frames_announced: int
    detected: int
    coverage: float
    detection_ratio: float
    longest_gap: int
    longest_gap_seconds: float
    trimmed_start: float
    trimmed_end: float
    changes: int
    cuts: int
    jitter: float
    mean_abs_yaw: float
    width: int
    height: int
    fps: float
    max_faces_seen: int
    notes: str
    track_key: str
    feature_key: str
    span_ms: tuple[int, int] | None = None
    scene: str | None = None

    @property
    def decoded(self) -> bool:
        """Whether any frame of the file could be decoded."""
        return self.frames > 0


def read_clips(
    manifest: Path, track_indexes: Iterable[Path], feature_indexes: Iterable[Path]
) -> list[ReportClip]:
    """Join the manifest with the indexes of all buckets.

    Returns:
        the clips in the manifest's order.

    Raises:
        ValueError: if a clip of the manifest is in no index.
    """
    clips = read_manifest(manifest)
    by_id = {clip.clip_id: clip for clip in clips}
    tracks = {
        row["clip_id"]: _video_values(row)
        for index in track_indexes
        for row in iter_rows(index, TRACK_COLUMNS)
    }
    joined = {
        row["clip_id"]: _report_clip(by_id[row["clip_id"]], row, tracks[row["clip_id"]])
        for index in feature_indexes
        for row in iter_rows(index, FEATURE_COLUMNS)
        if row["clip_id"] in by_id and row["clip_id"] in tracks
    }
    if missing := [clip.clip_id for clip in clips if clip.clip_id not in joined]:
        raise ValueError(
            f"{len(missing)} clips of {manifest} are in no index ({', '.join(missing[:5])}): the "
            "label table changed while the workflow ran, or an index lost rows: run the same "
            "command again with `--forcerun track_faces`, which finds in the store what was tracked"
        )
    return [joined[clip.clip_id] for clip in clips]


def _video_values(row: dict[str, str]) -> dict[str, Any]:
    return {
        "width": int(row["width"]),
        "height": int(row["height"]),
        "fps": float(row["fps"]),
        "frames_announced": int(row["frames_announced"]),
        "max_faces_seen": int(row["max_faces_seen"]),
    }


def _report_clip(clip: Clip, row: dict[str, str], video: dict[str, Any]) -> ReportClip:
    return ReportClip(
        clip_id=clip.clip_id,
        file_path=clip.relative_path,
        label=clip.actual or "",
        subject=clip.subject,
        valid=row["valid"] == "true",
        reason=row["reason"],
        frames=int(row["frames"]),
        detected=int(row["detected"]),
        coverage=float(row["coverage"]),
        detection_ratio=float(row["detection_ratio"]),
        longest_gap=int(row["longest_gap"]),
        longest_gap_seconds=float(row["longest_gap_seconds"]),
        trimmed_start=float(row["trimmed_start"]),
        trimmed_end=float(row["trimmed_end"]),
        changes=int(row["changes"]),
        cuts=int(row["cuts"]),
        jitter=_number(row["jitter"]),
        mean_abs_yaw=_number(row["mean_abs_yaw"]),
        notes=row["notes"],
        track_key=row["track_key"],
        feature_key=row["key"],
        span_ms=clip.span_ms,
        scene=clip.scene,
        **video,
    )


def _number(cell: str) -> float:
    return float(cell) if cell else math.nan


def write_quality_csv(path: Path, clips: Sequence[ReportClip]) -> None:
    """Write the quality of every clip as CSV (UTF-8, `QUALITY_COLUMNS`), atomically.

    What was not measured is an empty cell.
    """
    rows = ([_cell(getattr(clip, name)) for name in QUALITY_COLUMNS] for clip in clips)
    write_csv(path, QUALITY_COLUMNS, rows)


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
