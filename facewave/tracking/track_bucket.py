"""One bucket of clips to trajectory shards in the store, and the bucket's index."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facewave.jobs.clip_errors import ClipErrors
from facewave.jobs.log import Progress
from facewave.landmark_tables.layout import TrackTableError
from facewave.landmark_tables.options import TrackTable
from facewave.storage.atomic import atomic_path
from facewave.storage.buckets import KeyRow, read_key_file
from facewave.storage.fingerprint import MISSING, stat_text
from facewave.storage.frame_files import clip_sha256
from facewave.storage.packs import PackedTrack
from facewave.storage.store import (
    DamagedShardError,
    content_key,
    file_sha256,
    is_whole,
    read_metadata,
    shard_path,
)
from facewave.storage.tables import write_index
from facewave.tracking.bucket_tables import BucketTables
from facewave.tracking.landmarker import (
    LandmarkerError,
    LandmarkerOptions,
    MissingSystemLibraryError,
)
from facewave.tracking.model_file import check_model
from facewave.tracking.track_index import TRACK_COLUMNS
from facewave.tracking.track_video import TrackJob, TrackSummary, software, track_video
from facewave.tracking.trajectory import Trajectory, open_trajectory
from facewave.versions import TRACK_VERSION
from facewave.video.decode import UnreadableVideoError, check_clip, check_frame_rate

_log = logging.getLogger("facewave")

TrackVideo = Callable[[TrackJob], TrackSummary]
Digest = Callable[[Path], str]


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


def track_key(content_sha256: str, *, fps: float, options: TrackOptions) -> str:
    """Return the key of the trajectories of a video.

    Args:
        content_sha256: of the video's bytes.
        fps: assumed where the file names no times.
        options: see `TrackOptions`.
    """
    return content_key(
        stage="tracks",
        content=content_sha256,
        model=options.model_sha256,
        landmarker=options.landmarker.in_keys(),
        default_fps=float(fps),
        version=TRACK_VERSION,
        software=software(),
    )


def track_bucket(
    key_file: Path,
    *,
    index: Path,
    store: Path,
    model: Path | None,
    options: TrackOptions,
    track: TrackVideo = track_video,
    digest: Digest = clip_sha256,
) -> None:
    """Track every video of a bucket that is not in the store yet, then write the bucket's index.

    Clips that are tables of landmarks are read in place of tracked; they need no model.

    All clips of a video, which are parts of its time, are in one bucket and share one shard. A
    video that cannot be tracked gets rows with `error`; it never stops the others. If the run
    failed at a video, the others are tracked but no index is written.

    Args:
        key_file: the bucket's clips.
        index: TSV with one row per clip (`TRACK_COLUMNS`), written at the end.
        store: folder of the content-addressed store.
        model: FaceLandmarker bundle; must have the SHA-256 in `options`. None: no clip is a video.
        options: see `TrackOptions`.
        track, digest: do what `track_video` and `clip_sha256` do, possibly in another process.

    Raises:
        ModelFileError: if the model file is missing or another one.
        MissingSystemLibraryError: if MediaPipe cannot be loaded.
        LandmarkerError: if MediaPipe refuses the model or the options.
        DamagedShardError: if a shard cannot be read that was whole when it was found or made.
        RunFaultError, OSError, MemoryError: if the run or the machine failed at a video: after all
            others, but at once when it is the third, or when the disk is full.
        SameErrorError: if three videos failed with the same unexpected error.
    """
    rows = read_key_file(key_file)
    if model is not None:
        check_model(model, options.model_sha256)
    elif any(row.table is None for row in rows):
        raise ValueError(f"{key_file}: clips that are videos, but no model to track them with")
    progress = Progress(len(rows))
    done: list[dict[str, object]] = []
    # A shard that was whole a moment ago: the machine failed, not the clip.
    errors = ClipErrors(fatal=(LandmarkerError, MissingSystemLibraryError, DamagedShardError))
    tools = _Tools(
        store=store,
        model=model,
        options=options,
        track=track,
        digest=digest,
        tables=BucketTables(store),
    )
    for clips in _by_video(rows):
        try:
            video, computed = _track(clips[0], tools)
        except Exception as error:
            reason = errors.reason(clips[0].file_path, error)
            if reason is None:
                continue
            video, computed = _Tracked(error=f"tracking failed: {reason}"), False
        if video.error:
            _log.warning("%s: %s", clips[0].file_path, video.error)
        done += [_index_row(row, video) for row in clips]
        for row in clips:
            progress.step(computed=computed, frames=video.frames if row is clips[0] else 0)
    errors.fail()
    done.sort(key=lambda row: str(row["clip_id"]))
    write_index(index, TRACK_COLUMNS, done)


def _by_video(rows: Iterable[KeyRow]) -> list[list[KeyRow]]:
    videos: dict[tuple[object, ...], list[KeyRow]] = {}
    # The clips of a table one after the other: it is read once.
    for row in sorted(rows, key=lambda row: row.file_path if row.table else ""):
        name = (row.file_path, row.fps_hint, row.fingerprint, row.table)
        videos.setdefault(name, []).append(row)
    return list(videos.values())


@dataclass(frozen=True, kw_only=True)
class _Tracked:
    """A video that was tracked, or the reason why it could not be."""

    content: str = ""
    key: str = ""
    shard: Path | None = None
    frames: int = 0
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class _Tools:
    """The arguments of `track_bucket` that each video needs."""

    store: Path
    model: Path | None
    options: TrackOptions
    track: TrackVideo
    digest: Digest
    tables: BucketTables


def _track(row: KeyRow, tools: _Tools) -> tuple[_Tracked, bool]:
    """Return what became of a row's video, and whether it was tracked just now."""
    path, fps = Path(row.file_path), row.fps_hint or tools.options.default_fps
    try:
        if row.fingerprint == MISSING:
            raise UnreadableVideoError("the file is missing")
        try:
            check_frame_rate(fps)
        except ValueError as error:
            raise UnreadableVideoError(str(error)) from None
        if row.table is not None:
            return _read(row.table, path, fps=fps, tables=tools.tables)
        stat = stat_text(row.file_path)
        check_clip(path)
        content = tools.digest(path)
        key = track_key(content, fps=fps, options=tools.options)
        shard = shard_path(tools.store, "tracks", key)
        computed = not is_whole(shard)
        if computed:
            _compute(path, shard, content, fps=fps, tools=tools)
            if stat_text(row.file_path) != stat:
                shard.unlink(missing_ok=True)
                raise UnreadableVideoError("the file changed while it was read; run again")
        facts = read_metadata(shard)
    except (UnreadableVideoError, TrackTableError) as error:
        return _Tracked(error=str(error)), False
    video = _Tracked(
        content=content, key=key, shard=shard, frames=facts["frames"], error=facts["error"]
    )
    return video, computed


def _read(table: str, path: Path, *, fps: float, tables: BucketTables) -> tuple[_Tracked, bool]:
    """Return what became of a clip that is a table of landmarks, or a trajectory in a pack."""
    if (packed := PackedTrack.from_json(table)) is not None:
        return _take(packed, path, tables.store)
    read = tables.track(path, TrackTable.from_json(table), fps=fps)
    facts = read_metadata(read.shard)
    found = _Tracked(
        content=read.content,
        key=read.key,
        shard=read.shard,
        frames=facts["frames"],
        error=facts["error"],
    )
    return found, read.computed


def _take(packed: PackedTrack, path: Path, store: Path) -> tuple[_Tracked, bool]:
    """Put a trajectory of a pack into the store, under the key that it was made with."""
    shard = shard_path(store, "tracks", packed.key)
    computed = not is_whole(shard)
    if computed:
        with atomic_path(shard, sync=False) as temporary:
            shutil.copyfile(path, temporary)
            if file_sha256(temporary) != packed.sha256 or not is_whole(temporary):
                raise TrackTableError("not as the pack lists it; unpack the archive again")
    facts = read_metadata(shard)
    found = _Tracked(
        content=packed.sha256,
        key=packed.key,
        shard=shard,
        frames=facts["frames"],
        error=facts["error"],
    )
    return found, computed


def _index_row(row: KeyRow, video: _Tracked) -> dict[str, object]:
    start, end = row.span_ms or (None, None)
    known: dict[str, object] = {
        "clip_id": row.clip_id,
        "file_path": row.relative_path,
        "fingerprint": row.fingerprint,
        "content_sha256": video.content,
        "key": video.key,
        "start_ms": start,
        "end_ms": end,
    }
    if video.shard is None:
        return dict.fromkeys(TRACK_COLUMNS[7:-2], 0) | known | {"error": video.error, "notes": ""}
    return known | _summary(open_trajectory(video.shard, span_ms=row.span_ms))


def _summary(clip: Trajectory) -> dict[str, object]:
    return {
        "width": clip.width,
        "height": clip.height,
        "fps": clip.fps,
        "frames": len(clip),
        "frames_decoded": clip.decoded,
        "frames_announced": clip.announced,
        "detected": int(clip.detected.sum()),
        "max_faces_seen": int(clip.face_count.max(initial=0)),
        "error": clip.error,
        "notes": clip.notes,
    }


def _compute(path: Path, shard: Path, content: str, *, fps: float, tools: _Tools) -> None:
    # A damaged shard must not stay in the store if the video cannot be tracked this time.
    shard.unlink(missing_ok=True)
    options = tools.options
    # A bucket with videos was refused without one.
    assert tools.model is not None
    with atomic_path(shard, sync=False) as temporary:
        tools.track(
            TrackJob(
                video_path=path,
                shard=temporary,
                model=tools.model,
                options=options.landmarker,
                default_fps=fps,
                provenance={
                    "content_sha256": content,
                    "model_sha256": options.model_sha256,
                    "landmarker": options.landmarker.in_keys(),
                    "default_fps": fps,
                },
            )
        )
