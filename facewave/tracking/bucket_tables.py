"""Clips of a bucket that are tables of landmarks: each table is read once for all its clips."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from facewave.landmark_tables.layout import TrackTableError
from facewave.landmark_tables.options import TrackTable
from facewave.landmark_tables.read import LandmarkTable
from facewave.storage.store import content_key, is_whole, shard_path
from facewave.tracking.track_table import write_table_track
from facewave.versions import TRACK_VERSION


@dataclass(frozen=True)
class TableTrack:
    """A clip's trajectory: the digest of its rows, and the key and path of its shard."""

    content: str
    key: str
    shard: Path
    computed: bool


class BucketTables:
    """Reads clips of tables; the table of the last clip stays in memory for the next one."""

    def __init__(self, store: Path) -> None:
        """Take the folder of the content-addressed store."""
        self._store = store
        self._name: tuple[Path, TrackTable] | None = None
        self._table: LandmarkTable | TrackTableError | None = None

    def track(self, path: Path, options: TrackTable, *, fps: float) -> TableTrack:
        """Write the shard of a clip unless the store has it.

        Args:
            path: the table.
            options: how its rows are read, and which are meant.
            fps: frames per second, where the table names no times.

        Raises:
            TrackTableError: the table or the clip cannot be used.
            OSError: the table cannot be read.
        """
        content = (rows := self._open(path, options).rows(options.clip)).sha256
        used = json.loads(replace(options, clip=None).to_json())
        key = content_key(
            stage="tracks", content=content, table=used, fps=float(fps), version=TRACK_VERSION
        )
        shard = shard_path(self._store, "tracks", key)
        computed = not is_whole(shard)
        if computed:
            provenance = {"content_sha256": content, "table": asdict(options), "default_fps": fps}
            write_table_track(rows, shard, options=options, fps=fps, provenance=provenance)
        return TableTrack(content, key, shard, computed)

    def _open(self, path: Path, options: TrackTable) -> LandmarkTable:
        name = (path, replace(options, clip=None))
        if name != self._name:
            self._name, self._table = name, None
            try:
                self._table = LandmarkTable(path, options)
            except TrackTableError as error:
                # The other clips of the table share its fault.
                self._table = error
        if isinstance(self._table, LandmarkTable):
            return self._table
        raise self._table or TrackTableError("the table could not be read")
