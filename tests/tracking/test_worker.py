"""Buckets in the reading process: what flags a clip, what stops the job, what is tried again."""

import logging
from pathlib import Path

import pytest

from facewave.jobs.clip_errors import RunFaultError, SameErrorError, WorkerError
from facewave.storage.atomic import write_text
from facewave.storage.buckets import KeyRow, key_file_text
from facewave.storage.store import file_sha256, is_whole, read_shard, shard_path
from facewave.storage.tables import iter_rows
from facewave.tracking import worker
from facewave.tracking.landmarker import LandmarkerError, LandmarkerOptions
from facewave.tracking.track_bucket import TrackOptions, track_bucket
from facewave.tracking.track_index import TRACK_COLUMNS
from facewave.tracking.worker import IsolatedTracker
from facewave.video.content import digest_with
from facewave.video.isolated import Bounds, isolated_reader
from tests.video.media import flat_frames, write_video


@pytest.fixture
def workers(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("GLOG_minloglevel", "2")


def track(folder, *names, model="a model", module="tests.tracking.misbehaving_worker", **bounds):
    """Track clips of these names in one bucket; returns the rows of its index."""
    (folder / "model.task").write_text(model)
    options = TrackOptions(LandmarkerOptions(), 25.0, file_sha256(folder / "model.task"))
    rows = []
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(exist_ok=True)
        clip = write_video(folder / f"{name}.mp4", flat_frames(4 + i))
        rows.append(KeyRow(f"c{i}", str(clip), "f"))
    write_text(folder / "keys.tsv", key_file_text(rows, options={}))
    with isolated_reader(Bounds(**({"stall_seconds": 30.0} | bounds)), module=module) as read:
        track_bucket(
            folder / "keys.tsv",
            index=folder / "index.tsv",
            store=folder / "store",
            model=folder / "model.task",
            options=options,
            track=IsolatedTracker(read),
            digest=digest_with(read),
        )
    return list(iter_rows(folder / "index.tsv", TRACK_COLUMNS))


def whole(folder, row):
    return is_whole(shard_path(folder / "store", "tracks", row["key"]))


def shards(folder):
    return len(list((folder / "store").rglob("*.npz")))


class TestFlagged:
    def test_a_clip_that_crashes_the_process(self, workers, tmp_path):
        before, bad, after = track(tmp_path, "first", "segfault", "last")
        assert bad["error"] == "reading it crashes the process (signal 11, SIGSEGV)"
        assert not bad["key"]
        assert [before["frames"], after["frames"]] == ["4", "6"]
        assert whole(tmp_path, before)
        assert whole(tmp_path, after)
        assert not list((tmp_path / "store").rglob("*.tmp*"))

    def test_a_clip_that_keeps_the_decoder_busy(self, workers, tmp_path):
        bad, good = track(tmp_path, "spin", "last", stall_seconds=5.0)
        assert bad["error"].endswith("without a frame for 5 s (video.stall_seconds)")
        assert whole(tmp_path, good)

    def test_an_unexpected_error(self, workers, tmp_path):
        odd, one, two, good = track(tmp_path, "one", "unexpected", "a/unexpected", "last")
        assert odd["error"] == "tracking failed: ValueError: an odd clip"
        assert "KeyError" in one["error"]
        assert "KeyError" in two["error"]
        assert whole(tmp_path, good)

    def test_limits_are_told_and_not_kept(self, workers, tmp_path):
        (large,) = track(tmp_path, "large", max_pixels=3000)
        assert large["error"].startswith("its frames have 64 x 48 pixels, more than 3,000 (video.")
        assert not large["key"]
        (long,) = track(tmp_path, "large", max_seconds=0.1)
        assert "it is longer than 0.1 s (video.max_seconds)" in long["error"]
        (good,) = track(tmp_path, "large")
        assert whole(tmp_path, good)


class TestTriedAgain:
    def test_a_process_killed_once(self, workers, tmp_path):
        (row,) = track(tmp_path, "once")
        assert row["error"] == ""
        assert whole(tmp_path, row)

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("killed", r"killed\.mp4: .* memory.* more memory"),
            ("disk", r"disk\.mp4: Input/output error"),
            ("sleep", r"sleep\.mp4: .* neither worked nor answered for 5 s"),
        ],
    )
    def test_a_fault_flags_no_clip_and_the_others_are_tracked(
        self, workers, tmp_path, name, reason
    ):
        with pytest.raises(RunFaultError, match=reason):
            track(tmp_path, "first", name, "last", stall_seconds=5.0)
        assert not (tmp_path / "index.tsv").exists()
        assert shards(tmp_path) == 2
        first, other = track(tmp_path, "first", "other")
        assert whole(tmp_path, first)
        assert other["error"] == ""

    def test_after_three_faults_it_is_no_matter_of_the_clips(self, workers, tmp_path):
        with pytest.raises(RunFaultError):
            track(tmp_path, "1/killed", "2/killed", "3/killed", "last")
        assert shards(tmp_path) == 0


class TestStopsTheJob:
    def test_a_full_disk(self, workers, tmp_path):
        with pytest.raises(OSError, match="No space left on device: store"):
            track(tmp_path, "first", "full")
        assert not (tmp_path / "index.tsv").exists()

    def test_the_same_unexpected_error_in_three_clips(self, workers, tmp_path):
        with pytest.raises(SameErrorError, match=r"3 clips .* same error.* KeyError"):
            track(tmp_path, "unexpected", "a/unexpected", "other/unexpected", "last")
        assert not (tmp_path / "index.tsv").exists()

    def test_a_machine_that_cannot_track(self, workers, tmp_path):
        with pytest.raises(WorkerError, match=r"died before it read one \(signal 11, SIGSEGV\)"):
            track(tmp_path, "first", model="unusable")
        assert not (tmp_path / "index.tsv").exists()

    def test_a_model_that_is_refused(self, workers, tmp_path):
        with pytest.raises(LandmarkerError, match="no face landmarker"):
            track(tmp_path, "first", model="refused")


def test_pictures_are_kept(workers, tmp_path):
    (row,) = track(tmp_path, "first")
    arrays, _ = read_shard(shard_path(tmp_path / "store", "tracks", row["key"]))
    assert arrays["thumbnails"].shape == (1, 48, 64, 3)
    assert arrays["thumbnail_frame"].tolist() == [0]


def test_a_long_video_says_how_far_it_is(monkeypatch, caplog):
    monkeypatch.setattr(worker, "_SECONDS_BETWEEN_LINES", 0.0)
    on_frame = worker._counting("talk.mp4")
    with caplog.at_level(logging.INFO, "facewave"):
        for _ in range(1001):
            on_frame()
    assert caplog.messages[-1].startswith("talk.mp4: 1,000 frames, ")
