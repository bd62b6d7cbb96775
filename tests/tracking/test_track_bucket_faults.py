"""What happens to a bucket when the landmarker, the disk, the model or a file fails."""

import errno

import cv2
import pytest

from facewave.tracking.landmarker import LandmarkerError
from facewave.tracking.model_file import ModelFileError
from tests.tracking.fake_faces import scripted
from tests.tracking.track_buckets import CENTRE, Bucket


@pytest.fixture
def bucket(tmp_path):
    return Bucket(tmp_path)


@pytest.fixture
def faces(monkeypatch):
    """A face in every frame; the list of the landmarkers that were opened."""
    return scripted(monkeypatch, [[CENTRE]] * 200)


class TestFailures:
    @pytest.mark.parametrize(
        "error",
        [
            RuntimeError("graph\n  failed: RET_CHECK"),
            ValueError("graph failed: RET_CHECK"),
            cv2.error("graph failed: RET_CHECK"),
        ],
    )
    def test_of_the_landmarker_flag_the_clip(self, bucket, monkeypatch, error):
        scripted(monkeypatch, [[CENTRE]] * 5 + [error])
        long, short = bucket.track(bucket.clip("long.mp4", count=9), bucket.clip(count=5))
        assert long["error"] == "tracking failed: graph failed: RET_CHECK"
        assert (long["key"], long["content_sha256"]) == ("", "")
        assert short["error"] == ""
        assert bucket.shards() == [bucket.shard(short)]

    def test_for_want_of_memory_flag_the_clip(self, bucket, monkeypatch):
        scripted(monkeypatch, [MemoryError()])
        (row,) = bucket.track(bucket.clip())
        assert row["error"] == "tracking failed: MemoryError"

    @pytest.mark.parametrize(
        "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]
    )
    def test_of_the_disk_stop_the_job(self, bucket, monkeypatch, error):
        scripted(monkeypatch, [[CENTRE]] * 3 + [error])
        path = bucket.clip()
        with pytest.raises(type(error)):
            bucket.track(path)
        assert not bucket.index.exists()
        assert bucket.shards() == []

    def test_while_the_shard_is_written_stop_the_job(self, bucket, faces, monkeypatch):
        def full(*args, **kwargs):
            raise OSError(errno.ENOSPC, "No space left on device")

        path = bucket.clip()
        monkeypatch.setattr("facewave.tracking.track_clip.write_shard", full)
        with pytest.raises(OSError, match="No space left"):
            bucket.track(path)
        assert not bucket.index.exists()
        assert bucket.shards() == []

    def test_of_a_model_that_mediapipe_refuses_stop_the_job(self, bucket):
        path = bucket.clip()
        with pytest.raises(LandmarkerError, match=r"model\.task: no face landmarker"):
            bucket.track(path)
        assert not bucket.index.exists()

    def test_another_model_stops_the_job_before_any_clip(self, bucket, faces):
        bucket.model.write_bytes(b"another model")
        with pytest.raises(ModelFileError, match=r"its SHA-256 is .*, expected"):
            bucket.track(bucket.clip())
        assert faces == []

    def test_a_damaged_shard_does_not_outlive_the_failure_to_make_it_anew(
        self, bucket, faces, monkeypatch
    ):
        path = bucket.clip()
        (before,) = bucket.track(path)
        bucket.shard(before).write_bytes(b"damaged")
        scripted(monkeypatch, [RuntimeError("graph failed")])
        (row,) = bucket.track(path)
        assert (row["key"], row["error"]) == ("", "tracking failed: graph failed")
        assert bucket.shards() == []

    def test_a_file_that_changes_while_it_is_read(self, bucket, monkeypatch):
        path = bucket.clip()

        class Writer(list):
            def __getitem__(self, index):
                path.write_bytes(path.read_bytes() + b"more")
                return super().__getitem__(index)

        scripted(monkeypatch, Writer([[CENTRE]] * 5))
        (row,) = bucket.track(path)
        assert row["error"] == "the file changed while it was read; run again"
        assert (row["key"], row["content_sha256"]) == ("", "")
        assert bucket.shards() == []

    def test_a_file_that_vanishes_while_it_is_read(self, bucket, monkeypatch):
        path = bucket.clip()

        class Remover(list):
            def __getitem__(self, index):
                path.unlink(missing_ok=True)
                return super().__getitem__(index)

        scripted(monkeypatch, Remover([[CENTRE]] * 5))
        (row,) = bucket.track(path)
        assert row["error"] == "the file changed while it was read; run again"
        assert bucket.shards() == []
