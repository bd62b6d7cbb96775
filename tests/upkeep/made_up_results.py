"""Results of a made-up dataset: key files, indexes and shards as the stages leave them."""

import os
import time

import numpy as np

from facewave.features.encode_bucket import FEATURE_COLUMNS
from facewave.storage.atomic import write_text
from facewave.storage.buckets import KeyRow, key_file_text
from facewave.storage.store import content_key, shard_path, write_shard
from facewave.storage.tables import write_index
from facewave.tracking.track_index import TRACK_COLUMNS

DAYS = 24 * 3600


class Results:
    """Clips in two buckets, tracked and coded; all shards are two days old."""

    def __init__(self, folder, *, clips=6, dataset="small"):
        self.folder, self.store = folder, folder / "store"
        self.dataset = folder / dataset
        self.clips = [f"c{i}" for i in range(clips)]
        for bucket in ("0000", "0001"):
            self.plan(bucket)
            self.track(bucket)
            self.encode(bucket)
        self.age()

    def of(self, bucket):
        return self.clips[int(bucket) :: 2]

    def fingerprint(self, clip):
        return f"stat:{clip}"

    def plan(self, bucket, clips=None):
        rows = [
            KeyRow(clip, f"{clip}.mp4", self.fingerprint(clip)) for clip in clips or self.of(bucket)
        ]
        write_text(
            self.dataset / "keys" / "tracks" / f"{bucket}.tsv", key_file_text(rows, options={})
        )

    def shard(self, stage, clip, options="a"):
        key = content_key(stage=stage, clip=clip, options=options)
        path = shard_path(self.store, stage, key)
        if not path.exists():
            values = np.random.default_rng(len(clip)).normal(size=(20, 3)).astype(np.float32)
            write_shard(path, {"x": values}, {"default_fps": 25.0, "clip": clip})
        return path

    def track(self, bucket, options="a"):
        empty = dict.fromkeys(TRACK_COLUMNS, "")
        rows = [
            empty
            | {"clip_id": clip, "fingerprint": self.fingerprint(clip)}
            | {"key": self.shard("tracks", clip, options).stem}
            for clip in self.of(bucket)
        ]
        write_index(self.dataset / "tracks" / f"{bucket}.tsv", TRACK_COLUMNS, rows)

    def encode(self, bucket, options="a", tracked="a", folder="features"):
        empty = dict.fromkeys(FEATURE_COLUMNS, "")
        rows = [
            empty
            | {"clip_id": clip, "track_key": self.shard("tracks", clip, tracked).stem}
            | {"key": self.shard("features", clip, options).stem}
            for clip in self.of(bucket)
        ]
        write_index(self.dataset / folder / f"{bucket}.tsv", FEATURE_COLUMNS, rows)

    def age(self, days=2):
        then = time.time() - days * DAYS
        for path in self.folder.rglob("*"):
            os.utime(path, (then, then))

    def files(self):
        return {path for path in self.folder.rglob("*") if path.is_file()}
