"""One bucket of clips to trajectory shards in the store, and the bucket's index."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from facewave.jobs.log import Progress
from facewave.jobs.memory import KilledForMemoryError
from facewave.storage.atomic import atomic_path
from facewave.storage.buckets import KeyRow, read_key_file
from facewave.storage.fingerprint import MISSING, Tracked, stat_text
from facewave.storage.frame_files import clip_sha256
from facewave.storage.store import (
    content_key,
    is_whole,
    read_metadata,
    shard_path,
)
from facewave.storage.tables import TableError, format_rows, iter_rows, write_text
from facewave.tracking.landmarker import LandmarkerOptions
from facewave.tracking.model_file import check_model
from facewave.tracking.track_clip import TrackJob, TrackSummary, track_clip
from facewave.versions import TRACK_VERSION
from facewave.video.decode import UnreadableVideoError, check_clip, check_frame_rate

_log = logging.getLogger("facewave")

TrackClip = Callable[[TrackJob], TrackSummary]

# After this many clips for which memory did not suffice, it is no longer a matter of the clips.
_STARVED = 3

_SUMMARY_COLUMNS = tuple(TrackSummary.__dataclass_fields__)
TRACK_COLUMNS = ("clip_id", "file_path", "key", "fingerprint", "content_sha256", *_SUMMARY_COLUMNS)


@dataclass(frozen=True)
class TrackOptions:
    """Everything but the video that determines a trajectory.

    Attributes:
        landmarker: options of the landmarker.
        default_fps: frames per second where neither container nor manifest gives a rate.
        model_sha256: SHA-256 of the model bundle.
    """

    landmarker: LandmarkerOptions
    default_fps: float
    model_sha256: str

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> TrackOptions:
        """Return the options from what Snakemake hands to a job."""
        return cls(
            LandmarkerOptions(**params["landmarker"]),
            float(params["default_fps"]),
            params["model_sha256"],
        )


def track_key(
    content_sha256: str,
    *,
    fps: float,
    options: TrackOptions,
    frames: tuple[int, int] | None = None,
) -> str:
    """Return the key of the trajectory of a video, or of a range of its frames.

    Args:
        content_sha256: of the video's bytes.
        fps: assumed where the container gives no rate.
        options: see `TrackOptions`.
        frames: range of frames (first, one after the last); None for the whole video.
    """
    segment = {} if frames is None else {"frames": list(frames)}
    return content_key(
        stage="tracks",
        content=content_sha256,
        model=options.model_sha256,
        landmarker=options.landmarker.in_keys(),
        default_fps=float(fps),
        version=TRACK_VERSION,
        **segment,
    )


def track_bucket(
    key_file: Path,
    *,
    index: Path,
    store: Path,
    model: Path,
    options: TrackOptions,
    track: TrackClip = track_clip,
) -> None:
    """Track every clip of a bucket that is not in the store yet, then write the bucket's index.

    A clip that cannot be tracked gets a row with `error`; it never stops the others. If memory did
    not suffice for a clip, the others are tracked but no index is written.

    Args:
        key_file: the bucket's clips.
        index: TSV with one row per clip (`TRACK_COLUMNS`), written at the end.
        store: folder of the content-addressed store.
        model: FaceLandmarker bundle; must have the SHA-256 in `options`.
        options: see `TrackOptions`.
        track: does what `track_clip` does, possibly in another process.

    Raises:
        ModelFileError: if the model file is missing or another one.
        MissingSystemLibraryError: if MediaPipe cannot be loaded.
        LandmarkerError: if MediaPipe refuses the model or the options.
        KilledForMemoryError: if memory did not suffice for a clip: after all others, but at once
            when it is the third.
        OSError: if the store cannot be written: a full disk fails the job and flags no clip.
    """
    check_model(model, options.model_sha256)
    rows = read_key_file(key_file)
    progress = Progress(len(rows))
    done = []
    starved: list[KilledForMemoryError] = []
    for row in rows:
        try:
            done.append(
                _track(
                    row, store=store, model=model, options=options, progress=progress, track=track
                )
            )
        except KilledForMemoryError as error:
            _log.error("%s", error)
            starved.append(error)
            if len(starved) == _STARVED:
                break
    if starved:
        raise starved[0]
    write_text(index, format_rows(TRACK_COLUMNS, done))


def _track(
    row: KeyRow,
    *,
    store: Path,
    model: Path,
    options: TrackOptions,
    progress: Progress,
    track: TrackClip,
) -> dict[str, object]:
    path, fps = Path(row.file_path), row.fps_hint or options.default_fps
    content, key, computed = "", "", False
    try:
        if row.fingerprint == MISSING:
            raise UnreadableVideoError("the file is missing")
        check_frame_rate(fps)
        stat = stat_text(row.file_path)
        content = _content(path, stat=stat if row.frames else None)
        key = track_key(content, fps=fps, options=options, frames=row.frames)
        shard = shard_path(store, "tracks", key)
        if is_whole(shard):
            metadata = read_metadata(shard)
            summary = TrackSummary(**{name: metadata[name] for name in _SUMMARY_COLUMNS})
        else:
            computed = True
            summary = _compute(
                row, shard, content, model=model, fps=fps, options=options, track=track
            )
            if stat_text(row.file_path) != stat:
                shard.unlink(missing_ok=True)
                raise UnreadableVideoError("the file changed while it was read; run again")
    except (UnreadableVideoError, ValueError) as error:
        content, key, summary = "", "", TrackSummary(error=str(error))
    if summary.error:
        _log.warning("%s: %s", path, summary.error)
    progress.step(computed=computed, frames=summary.frames)
    return {
        "clip_id": row.clip_id,
        "file_path": row.file_path,
        "key": key,
        "fingerprint": row.fingerprint,
        "content_sha256": content,
        **asdict(summary),
    }


def _content(path: Path, *, stat: str | None) -> str:
    check_clip(path)
    try:
        return _remembered(path, stat) if stat else clip_sha256(path)
    except OSError as error:
        raise UnreadableVideoError(f"the file cannot be read: {error.strerror}") from error


@lru_cache(maxsize=8)
def _remembered(path: Path, stat: str) -> str:
    """Hash a file once for all its segments, as long as its stat stays the same."""
    del stat
    return clip_sha256(path)


def _compute(
    row: KeyRow,
    shard: Path,
    content: str,
    *,
    model: Path,
    fps: float,
    options: TrackOptions,
    track: TrackClip,
) -> TrackSummary:
    path = Path(row.file_path)
    # A damaged shard must not stay in the store if the clip cannot be tracked this time.
    shard.unlink(missing_ok=True)
    try:
        with atomic_path(shard, sync=False) as temporary:
            job = TrackJob(
                video_path=path,
                shard=temporary,
                model=model,
                options=options.landmarker,
                default_fps=fps,
                provenance={
                    "content_sha256": content,
                    "model_sha256": options.model_sha256,
                    "landmarker": options.landmarker.in_keys(),
                    "default_fps": fps,
                    **({} if row.frames is None else {"frames_of_video": list(row.frames)}),
                },
                frames=row.frames,
            )
            summary = track(job)
    except Exception as error:
        if not _is_of_the_clip(error):
            raise
        _log.exception("%s: tracking failed", path)
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableVideoError(f"tracking failed: {reason}") from error
    return summary


def _is_of_the_clip(error: Exception) -> bool:
    # By name: to import cv2 for the class would load it although another process does the work.
    named = f"{type(error).__module__}.{type(error).__qualname__}"
    return isinstance(error, (RuntimeError, ValueError, MemoryError)) or named == "cv2.error"


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
