"""A bucket of clips: bad ones are flagged, known ones cost nothing, damaged shards are replaced."""

import errno
import os
from dataclasses import replace

import cv2
import pytest

from facewave.storage.atomic import write_text
from facewave.storage.buckets import KeyRow, key_file_text
from facewave.storage.fingerprint import MISSING, Tracked
from facewave.storage.store import file_sha256, is_whole, read_shard, shard_path
from facewave.storage.tables import iter_rows
from facewave.tracking import track_bucket as module
from facewave.tracking.landmarker import LandmarkerError, LandmarkerOptions
from facewave.tracking.model_file import ModelFileError
from facewave.tracking.track_bucket import TrackOptions, track_bucket, track_key
from facewave.tracking.track_index import TRACK_COLUMNS, read_tracked
from tests.tracking.fake_faces import scripted
from tests.video.media import (
    cut,
    face_frames,
    flat_frames,
    set_avi_rate,
    write_silence,
    write_video,
)

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


@pytest.fixture
def bucket(tmp_path):
    return Bucket(tmp_path)


@pytest.fixture
def faces(monkeypatch):
    """A face in every frame; the list of the landmarkers that were opened."""
    return scripted(monkeypatch, [[CENTRE]] * 200)


class TestIndex:
    def test_a_row_a_clip(self, bucket, faces):
        row, other = bucket.track(bucket.clip(), bucket.clip("b.mp4", count=7))
        assert row["clip_id"] == "c00"
        assert row["file_path"] == str(bucket.folder / "a.mp4")
        assert row["content_sha256"] == file_sha256(bucket.folder / "a.mp4")
        assert row["key"] == track_key(row["content_sha256"], fps=25.0, options=bucket.options)
        assert [row[name] for name in ("width", "height", "fps")] == ["64", "48", "25.0"]
        assert [row[name] for name in ("frames", "frames_announced", "detected")] == ["5"] * 3
        assert [row[name] for name in ("fingerprint", "error", "notes")] == ["f", "", ""]
        assert other["frames"] == "7"
        assert bucket.shards() == sorted([bucket.shard(row), bucket.shard(other)])
        assert len(faces) == 2

    def test_metadata_of_the_shard_says_what_made_it(self, bucket, faces):
        (row,) = bucket.track(bucket.clip())
        _, metadata = read_shard(bucket.shard(row))
        assert metadata["content_sha256"] == row["content_sha256"]
        assert metadata["model_sha256"] == bucket.options.model_sha256
        assert metadata["landmarker"] == bucket.options.landmarker.in_keys()

    def test_an_empty_bucket(self, bucket, faces):
        assert bucket.track() == []

    def test_the_frame_rate_hint_is_taken_where_the_container_has_none(self, bucket, faces):
        without = set_avi_rate(bucket.clip("a.avi", codec="MJPG"), rate=1_000_000, scale=1)
        unknown, known = bucket.track(without, bucket.clip(fps=30), fps_hint=50.0)
        assert (unknown["fps"], unknown["notes"]) == (
            "50.0",
            "no times in the file: 50 frames per second assumed",
        )
        assert (known["fps"], known["notes"]) == ("30.0", "")
        assert bucket.track(without)[0]["fps"] == "25.0"

    def test_two_clips_of_the_same_bytes_are_tracked_once(self, bucket, faces):
        first = bucket.clip()
        second = bucket.folder / "copy.mp4"
        second.write_bytes(first.read_bytes())
        rows = bucket.track(first, second)
        assert rows[0]["key"] == rows[1]["key"]
        assert len(faces) == 1


class TestBadMedia:
    def test_each_is_flagged_and_none_stops_the_others(self, bucket, faces):
        make, folder = bucket.clip, bucket.folder
        (folder / "empty.mp4").touch()
        (folder / "folder.mp4").mkdir()
        (folder / "text.mp4").write_text("hello\n" * 100)
        (folder / "list.mp4").write_text(f"ffconcat version 1.0\nfile {make('other.mp4').name}\n")
        os.mkfifo(folder / "pipe.mp4")
        undecodable = "it is not a video file that can be opened: "
        expected = {
            "empty.mp4": "the file is empty (0 bytes)",
            "folder.mp4": "the folder holds no frames (.jpg, .jpeg, .png, .bmp, .webp)",
            "none.mp4": "the file is missing",
            "x" * 300: "the file cannot be read: File name too long",
            "pipe.mp4": "it is not a regular file",
            "text.mp4": undecodable,
            "list.mp4": undecodable,
            write_silence(
                folder / "sound.mp4"
            ).name: f"{undecodable}it is of a kind that is not read",
            cut(make("cut.mp4"), 0.6).name: "FFmpeg ",
            make("clip_%02d.mp4").name: "",
            make('a\'b "c"\tü\n.mp4').name: "",
            make("one.mp4", count=1).name: "",
            cut(make("cut.avi", count=40, codec="MJPG"), 0.6).name: "",
        }
        rows = bucket.track(*(folder / name for name in expected))
        for row, error in zip(rows, expected.values(), strict=True):
            assert row["error"].startswith(error), row["file_path"]
            assert bool(row["error"]) == bool(error), row["file_path"]
        assert [row["file_path"] for row in rows] == [str(folder / name) for name in expected]
        good = [row for row in rows if not row["error"]]
        assert [row["frames"] for row in good[:3]] == ["5", "5", "1"]
        assert int(good[3]["frames"]) < 30
        assert good[3]["frames_announced"] == "40"

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
    def test_permission(self, bucket, faces):
        path = bucket.clip()
        path.chmod(0)
        (row,) = bucket.track(path)
        assert row["error"] == "the file cannot be read: Permission denied"

    def test_an_undecodable_clip_is_remembered_by_its_content(self, bucket, faces, monkeypatch):
        path = cut(bucket.clip(), 0.6)
        (row,) = bucket.track(path)
        assert row["key"]
        monkeypatch.setattr(module, "track_video", fail)
        assert bucket.track(path) == [row]

    def test_missing_when_the_workflow_started(self, bucket, faces):
        (row,) = bucket.track(bucket.clip(), fingerprint=MISSING)
        assert (row["key"], row["error"]) == ("", "the file is missing")
        assert bucket.shards() == []

    @pytest.mark.parametrize("fps_hint", [-1.0, 5000.0, float("inf")])
    def test_a_frame_rate_hint_that_is_nonsense(self, bucket, faces, fps_hint):
        (row,) = bucket.track(bucket.clip(), fps_hint=fps_hint)
        assert "must be 0.01 to 1000" in row["error"]
        assert (row["key"], bucket.shards()) == ("", [])


def fail(*args, **kwargs):
    raise AssertionError("nothing should be computed")


class TestCacheHits:
    def test_compute_nothing(self, bucket, faces, monkeypatch):
        paths = [bucket.clip(), bucket.clip("b.mp4", count=7)]
        before = bucket.track(*paths)
        index = bucket.index.read_bytes()
        monkeypatch.setattr(module, "track_video", fail)
        assert bucket.track(*paths) == before
        assert bucket.index.read_bytes() == index

    def test_a_renamed_clip_is_known(self, bucket, faces, monkeypatch):
        (before,) = bucket.track(bucket.clip())
        path = (bucket.folder / "a.mp4").rename(bucket.folder / "z.mp4")
        monkeypatch.setattr(module, "track_video", fail)
        (after,) = bucket.track(path)
        assert after["key"] == before["key"]

    def test_an_option_set_back_costs_nothing(self, bucket, faces, monkeypatch):
        path, options = bucket.clip(), bucket.options
        (before,) = bucket.track(path)
        bucket.options = replace(options, landmarker=LandmarkerOptions(max_faces=2))
        (other,) = bucket.track(path)
        assert other["key"] != before["key"]
        bucket.options = options
        monkeypatch.setattr(module, "track_video", fail)
        assert bucket.track(path) == [before]

    @pytest.mark.parametrize("damage", ["cut", "flip", "empty", "gone"])
    def test_a_damaged_shard_is_made_anew_alone(self, bucket, faces, damage):
        paths = [bucket.clip(f"{i}.mp4", count=4 + i) for i in range(3)]
        rows = bucket.track(*paths)
        shard = bucket.shard(rows[1])
        whole = shard.read_bytes()
        others = {path: path.stat().st_mtime_ns for path in bucket.shards() if path != shard}
        if damage == "gone":
            shard.unlink()
        else:
            damaged = {"cut": whole[:900], "empty": b""}.get(damage)
            shard.write_bytes(damaged if damaged is not None else flipped(whole))
        assert bucket.track(*paths) == rows
        assert shard.read_bytes() == whole
        assert len(faces) == 4
        assert {path: path.stat().st_mtime_ns for path in others} == others


def flipped(data, position=700):
    return data[:position] + bytes([data[position] ^ 4]) + data[position + 1 :]


class TestReadTracked:
    def test_what_the_index_knows(self, bucket, faces):
        row, _ = bucket.track(bucket.clip(), bucket.clip("b.mp4"))
        known = read_tracked([bucket.index, bucket.folder / "none.tsv"], ["c00", "c9"])
        assert known == {"c00": Tracked("f", row["content_sha256"])}

    @pytest.mark.parametrize("content", [b"", b"clip_id\told\nc0\tx\n", b"\xff\xff", b"{}\n"])
    def test_damaged_or_older_indexes_know_nothing(self, bucket, content):
        bucket.index.write_bytes(content)
        assert read_tracked([bucket.index], ["c00"]) == {}


class TestKey:
    def test_depends_on_everything_that_decides_the_numbers(self, monkeypatch):
        options = TrackOptions(LandmarkerOptions(), 25.0, "m")
        key = track_key("c", fps=25.0, options=options)
        changes = [
            {"min_detection_confidence": 0.4},
            {"min_presence_confidence": 0.4},
            {"min_tracking_confidence": 0.4},
            {"max_faces": 2},
        ]
        others = [
            track_key(
                "c", fps=25.0, options=replace(options, landmarker=LandmarkerOptions(**change))
            )
            for change in changes
        ]
        others += [
            track_key("d", fps=25.0, options=options),
            track_key("c", fps=30.0, options=options),
            track_key("c", fps=25.0, options=replace(options, model_sha256="n")),
        ]
        monkeypatch.setattr(module, "TRACK_VERSION", -1)
        others.append(track_key("c", fps=25.0, options=options))
        assert len({key, *others}) == 9

    def test_whole_numbers_and_fractions_of_the_same_value_are_one(self):
        options = TrackOptions(LandmarkerOptions(), 25.0, "m")
        assert track_key("c", fps=25, options=options) == track_key("c", fps=25.0, options=options)

    def test_options_from_the_parameters_of_a_job(self):
        params = {"landmarker": {"max_faces": 3}, "default_fps": 30, "model_sha256": "m", "x": 1}
        assert TrackOptions.from_params(params) == TrackOptions(LandmarkerOptions(3), 30.0, "m")


def test_real_landmarker_over_a_bucket(tmp_path, landmarker_model):
    bucket = Bucket(tmp_path)
    bucket.model = landmarker_model
    bucket.options = replace(bucket.options, model_sha256=file_sha256(landmarker_model))
    clip = write_video(tmp_path / "face.mp4", face_frames(6))
    empty = write_video(tmp_path / "none.mp4", flat_frames(6))
    face, none = bucket.track(clip, empty)
    assert (face["detected"], none["detected"]) == ("6", "0")
    assert (face["error"], none["error"]) == ("", "")
    assert is_whole(bucket.shard(face))


def test_what_is_not_asked_for_is_in_no_key():
    def key(**options):
        return track_key("c", fps=25.0, options=TrackOptions(LandmarkerOptions(**options), 25, "m"))

    keys = [key(), key(max_fps=25.0), key(max_side=640), key(max_fps=25.0, max_side=640)]
    assert len(set(keys)) == 4
    assert key(max_fps=None, max_side=None) == key()
    assert "max_fps" not in LandmarkerOptions().in_keys()


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

    @pytest.mark.parametrize("error", [MemoryError(), OSError(errno.EIO, "Input/output error")])
    def test_of_the_machine_flag_no_clip(self, bucket, monkeypatch, error):
        scripted(monkeypatch, [[CENTRE]] * 5 + [error])
        with pytest.raises(type(error)):
            bucket.track(bucket.clip("long.mp4", count=9), bucket.clip(count=5))
        assert not bucket.index.exists()
        assert len(bucket.shards()) == 1

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
        monkeypatch.setattr("facewave.tracking.track_video.write_shard", full)
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
