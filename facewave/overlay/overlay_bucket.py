"""A bucket: from videos, trajectories and answers to one overlay per video, and the index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from facewave.jobs.clip_errors import ClipErrors
from facewave.jobs.log import Progress
from facewave.overlay.encode import NoEncoderError
from facewave.overlay.followed import followed_first, shown_name, video_rows
from facewave.overlay.options import OverlayOptions
from facewave.overlay.render import (
    OverlayJob,
    OverlaySummary,
    check_encoder,
    render_overlay,
    windows_of,
)
from facewave.overlay.timeline import Timeline, read_timelines
from facewave.storage.atomic import atomic_path
from facewave.storage.journal import Journal
from facewave.storage.store import (
    DroppedIndexError,
    check_whole,
    content_key,
    drop_index_if_damaged,
    iter_located,
    shard_path,
)
from facewave.storage.tables import write_index
from facewave.tracking.track_index import TRACK_COLUMNS
from facewave.versions import OVERLAY_VERSION
from facewave.video.decode import UnreadableVideoError
from facewave.video.isolated import Read, read_here

OVERLAY_COLUMNS = ("video", "file", "frames", "width", "height", "key", "reason")


def overlay_bucket(
    track_index: Path,
    timeline: Path,
    *,
    index: Path,
    folder: Path,
    store: Path,
    options: OverlayOptions,
    default_fps: float,
    read: Read = read_here,
) -> None:
    """Write the overlays of a bucket's videos that are missing or stale, then the bucket's index.

    A video whose answers, trajectory and options are those of its overlay costs nothing.

    Args:
        track_index: the bucket's index of trajectories; removed if one of them is damaged.
        timeline: `timeline.csv` of the prediction.
        index: TSV with one row per video (`OVERLAY_COLUMNS`), written at the end; a video without
            an overlay has a reason and no file. The journal lies beside it (`.journal`).
        folder: of the overlays of all buckets, `{video}.mp4`.
        store: folder of the content-addressed store.
        options: see `OverlayOptions`.
        default_fps: frames per second where a file names no times.
        read: calls what opens a video, possibly in another process.

    Raises:
        NoEncoderError: PyAV cannot encode H.264.
        TimelineError: the timeline is not one.
        RunFaultError, SameErrorError, WorkerError, OSError, MemoryError: see
            `facewave.jobs.clip_errors.ClipErrors`; no index is written.
        DroppedIndexError: if a trajectory shard is damaged or missing, or the index is missing.
    """
    rows = video_rows(iter_located(track_index, TRACK_COLUMNS))
    timelines = read_timelines(timeline, videos=rows.keys())
    journal = Journal(index.with_suffix(".journal"), folder, OVERLAY_COLUMNS[:-1])
    progress = Progress(len(rows))
    errors = ClipErrors(fatal=(DroppedIndexError, NoEncoderError))
    done = []
    with journal.open():
        for video, row in rows.items():
            entry = dict.fromkeys(OVERLAY_COLUMNS, "") | {"video": video}
            target, own = folder / f"{video}.mp4", timelines.get(video, [])
            with drop_index_if_damaged(track_index, clip_id=row["clip_id"]):
                job = _job(row, own, target, store, options, default_fps)
            entry["key"] = _key(row, job)
            earlier = job and journal.made(video, key=entry["key"], file=job.target.name)
            if job is None:
                entry["reason"] = row["error"] or "it was not tracked"
            elif earlier:
                entry |= earlier
            else:
                try:
                    with drop_index_if_damaged(track_index, clip_id=row["clip_id"]):
                        entry |= _written(Path(row["file_path"]), job, read)
                    journal.add(entry)
                except UnreadableVideoError as error:
                    entry["reason"] = str(error)
                except Exception as error:
                    entry["reason"] = errors.reason(row["file_path"], error) or ""
            progress.step(computed=not earlier, frames=int(entry["frames"] or 0))
            done.append(entry)
    errors.fail()
    write_index(index, OVERLAY_COLUMNS, done)
    journal.replace(entry for entry in done if entry["file"])


def _job(
    row: Mapping[str, str],
    timelines: Sequence[Timeline],
    target: Path,
    store: Path,
    options: OverlayOptions,
    default_fps: float,
) -> OverlayJob | None:
    """Return what to draw on a video; None if there is no trajectory of it."""
    if not row["key"] or row["error"]:
        return None
    shard = shard_path(store, "tracks", row["key"])
    persons = followed_first(shard, timelines)
    followed = persons[0] if persons else None
    return OverlayJob(
        target=target,
        shard=shard,
        person=followed.person if followed else "",
        named=[timeline.person for timeline in persons if timeline.person.isdecimal()],
        classes=list(followed.classes) if followed else [],
        windows=windows_of(followed) if followed else [],
        options=options,
        default_fps=default_fps,
    )


def _key(row: Mapping[str, str], job: OverlayJob | None) -> str:
    if job is None:
        return ""
    return content_key(
        stage="overlay",
        track=row["key"],
        person=shown_name(job.person),
        **({"named": job.named} if job.named else {}),
        classes=job.classes,
        windows=job.windows,
        **asdict(job.options),
        default_fps=job.default_fps,
        version=OVERLAY_VERSION,
    )


def _written(path: Path, job: OverlayJob, read: Read) -> dict[str, str]:
    # Here, since the child that draws cannot say which shard is damaged.
    check_whole(job.shard)
    with atomic_path(job.target) as temporary:
        summary: OverlaySummary = read(
            render_overlay,
            path=path,
            job=replace(job, target=temporary),
            raises=(NoEncoderError,),
            prepare=check_encoder,
        )
    return {
        "file": job.target.name,
        "frames": str(summary.frames),
        "width": str(summary.width),
        "height": str(summary.height),
    }
