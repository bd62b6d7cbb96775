"""Clips are processed in buckets: one job per bucket, chosen by a stable hash of the clip's id."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facewave.storage.roots import DatasetRoot, Located, relative_path
from facewave.storage.tables import format_rows, iter_rows

# Starting a job costs about as much as tracking one clip: 64 clips per bucket waste 2 %. Small
# datasets have smaller buckets, so that all cores have work until the end. Large ones have larger
# buckets: many cores are busy anyway, and Snakemake's own work grows with the number of jobs.
MIN_BUCKETS = 4
# Below this number of buckets, this many clips per bucket.
_BUCKET_SIZES = ((64, 16), (512, 64), (math.inf, 256))

KEY_COLUMNS = ("clip_id", "file_path", "fingerprint", "fps_hint")
# Only in key files that have segments.
SEGMENT_COLUMNS = ("start_ms", "end_ms")
# Only in key files of clips that are tables of landmarks.
TABLE_COLUMNS = ("table",)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One clip of a key file.

    Attributes:
        file_path: as it is to be opened.
        fingerprint: opaque text that changes when the clip's content does; `missing` if there is
            no file.
        fps_hint: frames per second to assume if the container names none.
        span_ms: a segment's part of the video, from the first time on and before the second, in ms;
            None for a whole video.
        table: how the rows of a clip are read whose file is a table of landmarks, see
            `facewave.landmark_tables.options`; None for a video.
        root: what tables name `file_path` relative to; None: they have it as it is.
    """

    clip_id: str
    file_path: str
    fingerprint: str
    fps_hint: float | None = None
    span_ms: tuple[int, int] | None = None
    table: str | None = None
    root: DatasetRoot | None = field(default=None, compare=False)

    @property
    def relative_path(self) -> str:
        """The file as tables name it, wherever the dataset is."""
        return relative_path(self.file_path, self.root)


def auto_buckets(clips: int) -> int:
    """Return the number of buckets, a power of two: at least 4, of 16, 64 or 256 clips each."""
    buckets = MIN_BUCKETS
    while buckets * _bucket_size(buckets) < clips:
        buckets *= 2
    return buckets


def _bucket_size(buckets: int) -> int:
    return next(size for below, size in _BUCKET_SIZES if buckets < below)


def bucket_of(clip_id: str, buckets: int) -> str:
    """Return the name of a clip's bucket: the same on every machine and in every order."""
    digest = hashlib.blake2b(clip_id.encode(), digest_size=8).digest()
    return f"{int.from_bytes(digest, 'big') % buckets:04d}"


def key_file_text(rows: Iterable[KeyRow], *, options: Mapping[str, Any]) -> str:
    """Return the text of a key file: a comment with the stage's options, then the clips by id."""
    ordered = sorted(rows, key=lambda row: row.clip_id)
    header = json.dumps(options, sort_keys=True, separators=(",", ":"))
    segments = any(row.span_ms for row in ordered)
    tables = any(row.table is not None for row in ordered)
    table = format_rows(
        (
            *KEY_COLUMNS,
            *(SEGMENT_COLUMNS if segments else ()),
            *(TABLE_COLUMNS if tables else ()),
        ),
        (
            {
                "clip_id": row.clip_id,
                "file_path": row.relative_path,
                "fingerprint": row.fingerprint,
                "fps_hint": row.fps_hint,
                "table": row.table,
                **dict(zip(SEGMENT_COLUMNS, row.span_ms or (None, None), strict=True)),
            }
            for row in ordered
        ),
    )
    return f"# {header}\n{table}"


def read_key_file(path: Path) -> list[KeyRow]:
    """Read the clips of a key file, which lies in `keys/tracks` of a dataset's results.

    Raises:
        TableError: if it is not a key file.
    """
    located = Located.of(path.parent.parent.parent)
    return [
        KeyRow(
            row["clip_id"],
            located.path(row["file_path"]),
            row["fingerprint"],
            float(row["fps_hint"]) if row["fps_hint"] else None,
            _span(row),
            row.get("table") or None,
            located.root(row["file_path"]),
        )
        for row in iter_rows(path, KEY_COLUMNS)
    ]


def _span(row: Mapping[str, str]) -> tuple[int, int] | None:
    start, end = (row.get(name) for name in SEGMENT_COLUMNS)
    return (int(start), int(end)) if start and end else None
