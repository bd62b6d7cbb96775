"""A bucket of trajectories to features: known ones cost nothing, damage is named."""

import math
from dataclasses import dataclass, replace

import pytest

from facewave.features import encode_bucket as module
from facewave.features.encode_bucket import FEATURE_COLUMNS, encode_bucket, feature_key
from facewave.features.groups import WaveletOptions
from facewave.features.quality import QualityOptions
from facewave.storage.atomic import write_text
from facewave.storage.store import DroppedIndexError, shard_path
from facewave.storage.tables import format_rows, iter_rows
from facewave.tracking.track_index import TRACK_COLUMNS
from tests.features.shards import write_trajectory


class Bucket:
    def __init__(self, folder):
        self.store, self.index = folder / "store", folder / "index.tsv"
        self.track_index = folder / "tracks.tsv"
        self.rows = []
        self.wavelet, self.quality = WaveletOptions(), QualityOptions()

    def add(self, clip_id, frames=20, *, key=None, notes="", error="", **options):
        key = f"{len(self.rows):02d}key" if key is None else key
        if key:
            path = shard_path(self.store, "tracks", key)
            write_trajectory(path, frames, error=error, **options)
        row = dict.fromkeys(TRACK_COLUMNS, "0")
        row |= {"start_ms": "", "end_ms": ""}
        row |= {"clip_id": clip_id, "key": key, "error": error, "notes": notes}
        row |= {"start_ms": "", "end_ms": ""}
        self.rows.append(row)
        return key

    def encode(self):
        write_text(self.track_index, format_rows(TRACK_COLUMNS, self.rows))
        encode_bucket(
            self.track_index,
            index=self.index,
            store=self.store,
            wavelet=self.wavelet,
            quality=self.quality,
        )
        return list(iter_rows(self.index, FEATURE_COLUMNS))

    def feature(self, row):
        return shard_path(self.store, "features", row["key"])


@pytest.fixture
def bucket(tmp_path):
    return Bucket(tmp_path)


def fail_for_memory(*args, **kwargs):
    raise MemoryError


def fail(*args, **kwargs):
    raise AssertionError("nothing should be computed")


class TestIndex:
    def test_valid_and_invalid_clips(self, bucket):
        bucket.add("good", 40, missing=[7], notes="up to 2 faces at once")
        bucket.add("short", 5)
        bucket.add("undecodable", 0, error='no "video" stream\tcan be decoded')
        bucket.add("absent", key="", error="the file is missing")
        good, short, undecodable, absent = bucket.encode()
        assert (good["valid"], good["reason"], good["notes"]) == (
            "true",
            "",
            "up to 2 faces at once",
        )
        assert [good[name] for name in ("frames", "detected", "longest_gap")] == ["40", "39", "1"]
        assert float(good["detection_ratio"]) == 0.975
        assert 0 < float(good["jitter"]) < math.inf
        assert (short["valid"], short["detected"]) == ("false", "5")
        assert short["reason"] == "face in 5 frames only, 10 are needed"
        assert undecodable["reason"] == 'no "video" stream\tcan be decoded'
        assert (undecodable["jitter"], undecodable["mean_abs_yaw"]) == ("", "")
        assert (absent["valid"], absent["reason"]) == ("false", "the file is missing")
        assert (absent["key"], absent["track_key"], absent["frames"]) == ("", "", "0")
        assert [row["track_key"] for row in (good, short)] == ["00key", "01key"]
        assert bucket.feature(undecodable).exists()

    def test_an_empty_bucket(self, bucket):
        assert bucket.encode() == []


class TestCacheHits:
    def test_compute_nothing_and_write_the_same_index(self, bucket, monkeypatch):
        bucket.add("a", 30, missing=[3])
        bucket.add("b", 20, missing=[slice(None)])
        rows, index = bucket.encode(), bucket.index.read_bytes()
        monkeypatch.setattr(module, "encode_clip", fail)
        assert bucket.encode() == rows
        assert bucket.index.read_bytes() == index

    def test_an_option_set_back_costs_nothing(self, bucket, monkeypatch):
        bucket.add("a")
        rows = bucket.encode()
        bucket.wavelet = WaveletOptions("pyramid", 10)
        assert bucket.encode()[0]["key"] != rows[0]["key"]
        bucket.wavelet = WaveletOptions()
        monkeypatch.setattr(module, "encode_clip", fail)
        assert bucket.encode() == rows

    def test_a_damaged_feature_is_made_anew_alone(self, bucket):
        for name in "abc":
            bucket.add(name, 20 + len(bucket.rows))
        rows = bucket.encode()
        shard = bucket.feature(rows[1])
        whole = shard.read_bytes()
        times = [bucket.feature(row).stat().st_mtime_ns for row in rows]
        shard.write_bytes(whole[:1000] + b"?" + whole[1001:])
        assert bucket.encode() == rows
        assert shard.read_bytes() == whole
        assert bucket.feature(rows[0]).stat().st_mtime_ns == times[0]
        assert bucket.feature(rows[2]).stat().st_mtime_ns == times[2]


class TestDamagedTrajectory:
    @pytest.mark.parametrize("damage", ["cut", "gone"])
    def test_drops_the_index_and_says_run_again(self, bucket, damage):
        for name in "abc":
            bucket.add(name)
        shard = shard_path(bucket.store, "tracks", "01key")
        if damage == "gone":
            shard.unlink()
        else:
            shard.write_bytes(shard.read_bytes()[:2000])
        others = [
            shard_path(bucket.store, "tracks", key).read_bytes() for key in ("00key", "02key")
        ]
        with pytest.raises(
            DroppedIndexError, match=r"clip b: .*01key.*[Rr]un the same command again"
        ):
            bucket.encode()
        assert not bucket.track_index.exists()
        assert not bucket.index.exists()
        for key, content in zip(("00key", "02key"), others, strict=True):
            assert shard_path(bucket.store, "tracks", key).read_bytes() == content

    def test_that_a_machine_could_not_read_stays(self, bucket, monkeypatch):
        shard = shard_path(bucket.store, "tracks", bucket.add("a"))
        whole = shard.read_bytes()
        monkeypatch.setattr("facewave.storage.store.json.loads", fail_for_memory)
        with pytest.raises(DroppedIndexError, match=r"clip a: .*MemoryError"):
            bucket.encode()
        assert shard.read_bytes() == whole

    def test_is_not_looked_at_where_the_features_are_there(self, bucket):
        key = bucket.add("a")
        rows = bucket.encode()
        shard_path(bucket.store, "tracks", key).unlink()
        assert bucket.encode() == rows

    def test_an_index_that_another_job_dropped(self, bucket):
        with pytest.raises(
            DroppedIndexError, match=r"tracks\.tsv: no such index.* same command again"
        ):
            encode_bucket(
                bucket.track_index,
                index=bucket.index,
                store=bucket.store,
                wavelet=bucket.wavelet,
                quality=bucket.quality,
            )


def test_key_depends_on_everything_that_decides_the_numbers(monkeypatch):
    wavelet, quality = WaveletOptions(), QualityOptions()
    keys = {
        feature_key("t", wavelet=wavelet, quality=quality),
        feature_key("u", wavelet=wavelet, quality=quality),
        feature_key("t", wavelet=replace(wavelet, layout="paper"), quality=quality),
        feature_key("t", wavelet=replace(wavelet, coefficients=8), quality=quality),
        feature_key("t", wavelet=wavelet, quality=replace(quality, min_detected_frames=11)),
        feature_key("t", wavelet=wavelet, quality=replace(quality, min_detection_ratio=0.8)),
        feature_key("t", wavelet=wavelet, quality=replace(quality, max_gap_frames=29)),
        feature_key("t", wavelet=wavelet, quality=replace(quality, min_decoded_ratio=0.8)),
    }
    monkeypatch.setattr(module, "FEATURE_VERSION", -1)
    keys.add(feature_key("t", wavelet=wavelet, quality=quality))
    assert len(keys) == 9


def test_a_new_option_that_is_not_set_changes_no_key():
    @dataclass(frozen=True)
    class MoreOptions(WaveletOptions):
        another: int | None = None

    def key(wavelet):
        return feature_key("t", wavelet=wavelet, quality=QualityOptions())

    assert key(MoreOptions()) == key(WaveletOptions())
    assert key(MoreOptions(another=3)) != key(WaveletOptions())
