"""A bucket of clips in a folder, tracked by scripted landmarkers."""

from facewave.storage.buckets import KeyRow, key_file_text
from facewave.storage.store import file_sha256, shard_path
from facewave.storage.tables import iter_rows, write_text
from facewave.tracking.landmarker import LandmarkerOptions
from facewave.tracking.track_bucket import TRACK_COLUMNS, TrackOptions, track_bucket
from tests.video.media import flat_frames, write_video

CENTRE = (0.5, 0.5, 0.3)


class Bucket:
    """A bucket in a folder of its own, with a model that only scripted landmarkers accept."""

    def __init__(self, folder):
        self.folder, self.store = folder, folder / "store"
        self.model = folder / "model.task"
        self.model.write_bytes(b"a model")
        self.options = TrackOptions(LandmarkerOptions(), 25.0, file_sha256(self.model))
        self.key_file, self.index = folder / "keys.tsv", folder / "index.tsv"

    def clip(self, name="a.mp4", *, count=5, **options):
        return write_video(self.folder / name, flat_frames(count), **options)

    def track(self, *paths, fps_hint=None, fingerprint="f"):
        rows = [
            KeyRow(f"c{i:02}", str(path), fingerprint, fps_hint) for i, path in enumerate(paths)
        ]
        write_text(self.key_file, key_file_text(rows, options={}))
        track_bucket(
            self.key_file,
            index=self.index,
            store=self.store,
            model=self.model,
            options=self.options,
        )
        return list(iter_rows(self.index, TRACK_COLUMNS))

    def shards(self):
        return sorted(path for path in self.store.rglob("*") if path.is_file())

    def shard(self, row):
        return shard_path(self.store, "tracks", row["key"])
