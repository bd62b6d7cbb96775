"""A bucket: from trajectory shards to one table of frames per clip, and the bucket's index.

Files are named after their clips alone, so a file does not say what it was made of: beside the
bucket's index lies a journal, which does. It is no output of the job, so that a killed job goes on
where it was.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from facewave.frame_tables.measures import align_method, measure
from facewave.frame_tables.openface import openface_columns
from facewave.frame_tables.options import FrameTableOptions
from facewave.frame_tables.people import columns_of_people
from facewave.frame_tables.plain import Columns, plain_columns
from facewave.frame_tables.write import write_frames
from facewave.jobs.log import Progress
from facewave.storage.journal import Journal
from facewave.storage.store import (
    content_key,
    drop_index_if_damaged,
    iter_index,
    shard_path,
)
from facewave.storage.tables import write_csv, write_index
from facewave.tracking.track_index import TRACK_COLUMNS, span_of
from facewave.tracking.trajectory import Trajectory, open_trajectory, people_of
from facewave.versions import FRAME_TABLE_VERSION

FRAME_COLUMNS = ("clip_id", "file", "people", "frames", "detected", "blinks", "key", "reason")
_JOURNAL_COLUMNS = FRAME_COLUMNS[:-1]

_log = logging.getLogger("facewave")
_SUFFIXES = (".csv", ".parquet")


def export_bucket(
    track_index: Path, *, index: Path, folder: Path, store: Path, options: FrameTableOptions
) -> None:
    """Write the tables of a bucket's clips that are missing or stale, then the bucket's index.

    Args:
        track_index: the bucket's index of trajectories; removed if one of them is damaged.
        index: TSV with one row per clip (`FRAME_COLUMNS`), written at the end; a clip without a
            trajectory has a reason and no file. The journal lies beside it (`.journal`).
        folder: of the tables of all buckets.
        store: folder of the content-addressed store.
        options: see `FrameTableOptions`.

    Raises:
        DroppedIndexError: if a trajectory shard is damaged or missing, or the index is missing.
    """
    rows = list(iter_index(track_index, TRACK_COLUMNS))
    journal = Journal(index.with_suffix(".journal"), folder, _JOURNAL_COLUMNS)
    progress, done = Progress(len(rows)), []
    with journal.open():
        for row in rows:
            key = _key(row, options)
            entry = dict.fromkeys(FRAME_COLUMNS, "") | {"clip_id": row["clip_id"], "key": key}
            path = folder / f"{row['clip_id']}{options.suffix}"
            if not key:
                entry["reason"] = row["error"] or "it was not tracked"
                progress.step(computed=False, frames=0)
            elif earlier := journal.made(row["clip_id"], key=key, file=path.name):
                entry |= earlier
                progress.step(computed=False, frames=int(earlier["frames"]))
            else:
                with drop_index_if_damaged(track_index, clip_id=row["clip_id"]):
                    entry |= _write_clip(row, path, store=store, options=options)
                journal.add(entry)
                progress.step(computed=True, frames=int(entry["frames"]))
            done.append(entry)
    write_index(index, FRAME_COLUMNS, done)
    journal.replace(entry for entry in done if entry["file"])


def frame_columns(clip: Trajectory, options: FrameTableOptions) -> tuple[Iterable[Columns], int]:
    """Return the columns of a person in a clip in chunks, and the number of the blinks.

    Raises:
        DamagedShardError: if the trajectory shard is damaged.
    """
    measures = measure(clip)
    blinks = int(measures.blink.max(initial=0))
    if options.format == "openface":
        return openface_columns(clip, measures), blinks
    return plain_columns(clip, measures, points=options.points), blinks


def list_frames(indexes: Iterable[Path], table: Path, *, folder: Path) -> int:
    """Join the indexes of all buckets in one table; remove the tables of clips that are gone.

    Args:
        indexes: of all buckets of a dataset.
        table: CSV with one row per clip (`FRAME_COLUMNS` but for the key), by clip id.
        folder: of the tables; CSV and Parquet files that no index names are removed.

    Returns:
        the number of tables that there are.
    """
    rows = [row for index in indexes for row in iter_index(index, FRAME_COLUMNS)]
    names = {row["file"] for row in rows} - {""}
    others = [
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.suffix in _SUFFIXES and path.name not in names
    ]
    for path in others:
        path.unlink()
    if others:
        _log.info("%s: %d tables of earlier runs removed", folder, len(others))
    shown = [name for name in FRAME_COLUMNS if name != "key"]
    rows.sort(key=lambda row: row["clip_id"])
    write_csv(table, shown, [[row[name] for name in shown] for row in rows])
    return len(names)


def _key(row: Mapping[str, str], options: FrameTableOptions) -> str:
    if not row["key"]:
        return ""
    return content_key(
        stage="frames",
        track=row["key"],
        span_ms=span_of(row),
        **asdict(options),
        version=FRAME_TABLE_VERSION,
    )


def _write_clip(
    row: dict[str, str], path: Path, *, store: Path, options: FrameTableOptions
) -> dict[str, str]:
    shard, span = shard_path(store, "tracks", row["key"]), span_of(row)
    clip = open_trajectory(shard, span_ms=span)
    chunks, blinks = frame_columns(clip, options)
    count = int(clip.detected.any())
    if options.people == "all":
        people = [p for p in people_of(shard, span) if p.primary or not p.likely_ghost]
        chunks = columns_of_people(clip, people, lambda one: frame_columns(one, options)[0])
        count = len(people)
    metadata = {
        "clip_id": row["clip_id"],
        "file_path": row["file_path"],
        "channels": str(clip.channels),
        "width": clip.width,
        "height": clip.height,
        "aligned_by": align_method(clip.channels),
        "track_key": row["key"],
        "version": FRAME_TABLE_VERSION,
        **asdict(options),
    }
    write_frames(path, chunks, metadata=metadata)
    return {
        "file": path.name,
        "people": str(count),
        "frames": str(len(clip)),
        "detected": str(int(clip.detected.sum())),
        "blinks": str(blinks),
    }
