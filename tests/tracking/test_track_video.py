"""One video to one trajectory shard."""

import numpy as np
import pytest

from facewave.storage.store import read_metadata, read_shard
from facewave.tracking.landmarker import LandmarkerOptions
from facewave.tracking.track_video import TrackJob, _bursts, track_video
from facewave.tracking.trajectory import open_trajectory
from facewave.versions import TRACK_VERSION
from facewave.video.decode import Frame, Video
from tests.tracking.fake_faces import scripted
from tests.video.media import (
    beside,
    change_box,
    cut,
    face_frames,
    flat_frames,
    index_first,
    rotate_flag,
    set_frame_times,
    write_mjpeg,
    write_video,
)

LEFT, RIGHT, CENTRE = (0.2, 0.5, 0.2), (0.8, 0.5, 0.2), (0.55, 0.5, 0.2)
ARRAYS = {
    "timestamp_ms": (), "face_count": (), "frame": (), "person": (), "box": (4,), "cuts": (),
    "landmarks": (478, 3), "blendshapes": (52,), "transform": (4, 4),
}  # fmt: skip


def track(clip, *, model="no model", default_fps=25.0, shard=None, **options):
    """Track a video; returns its summary, and the trajectory of the person that is followed."""
    shard = shard or clip.with_suffix(".npz")
    job = TrackJob(
        video_path=clip,
        shard=shard,
        model=model,
        options=LandmarkerOptions(**options),
        default_fps=default_fps,
        provenance={"content_sha256": "c0ffee"},
    )
    summary = track_video(job)
    arrays, metadata = read_shard(shard)
    assert list(arrays) == [*ARRAYS, "thumbnails", "thumbnail_frame"]
    assert {name: metadata[name] for name in vars(summary)} == vars(summary)
    clip = open_trajectory(shard)
    dense = {
        name: np.concatenate([np.empty((0, *ARRAYS[name]), np.float32), *clip.iter(name)])
        for name in ("landmarks", "blendshapes", "transform")
    }
    return summary, dense | {
        "detected": clip.detected,
        "timestamp_ms": clip.timestamp_ms,
        "face_count": clip.face_count,
    }


@pytest.fixture
def flat(tmp_path):
    """A clip of 10 frames without anything in them, for scripted landmarkers."""
    return write_video(tmp_path / "flat.mp4", flat_frames(10))


class TestShard:
    def test_arrays(self, flat, monkeypatch):
        opened = scripted(monkeypatch, [[], [LEFT], [LEFT, RIGHT]] + [[LEFT]] * 6 + [[]])
        summary, arrays = track(flat, max_faces=2)
        assert arrays["detected"].tolist() == [False] + [True] * 8 + [False]
        assert arrays["face_count"].tolist() == [0, 1, 2, 1, 1, 1, 1, 1, 1, 0]
        assert arrays["timestamp_ms"].tolist() == [40 * i for i in range(10)]
        assert opened[0].times == arrays["timestamp_ms"].tolist()
        for name, shape in {
            "landmarks": (478, 3),
            "blendshapes": (52,),
            "transform": (4, 4),
        }.items():
            assert arrays[name].shape == (10, *shape)
            assert arrays[name].dtype == np.float32
            empty = np.isnan(arrays[name]).reshape(10, -1)
            np.testing.assert_array_equal(empty.all(axis=1), ~arrays["detected"])
            np.testing.assert_array_equal(empty.any(axis=1), ~arrays["detected"])
        np.testing.assert_array_equal(arrays["blendshapes"][1:9, 5], np.float32([0.2] * 8))
        assert summary.frames == 10
        assert (summary.notes, summary.error) == ("up to 2 faces at once", "")

    def test_metadata(self, flat, monkeypatch):
        scripted(monkeypatch, [[CENTRE]] * 10)
        track(flat)
        metadata = read_metadata(flat.with_suffix(".npz"))
        assert metadata["track_version"] == TRACK_VERSION
        assert metadata["content_sha256"] == "c0ffee"
        assert (metadata["width"], metadata["height"], metadata["fps"]) == (64, 48, 25.0)
        assert (metadata["frames"], metadata["frames_announced"]) == (10, 10)

    def test_a_clip_without_a_face(self, flat, monkeypatch):
        scripted(monkeypatch, [[]] * 10)
        summary, arrays = track(flat)
        assert (summary.frames, summary.error) == (10, "")
        assert not arrays["detected"].any()
        assert np.isnan(arrays["landmarks"]).all()

    @pytest.mark.parametrize("spool_bytes", [1, 20_000])
    @pytest.mark.parametrize("chunk", [1, 3, 1024])
    def test_detections_that_wait_on_disk_give_the_same_bytes(
        self, flat, monkeypatch, spool_bytes, chunk
    ):
        script = [[LEFT, CENTRE], [CENTRE], [], [CENTRE, LEFT], [LEFT]] * 2
        scripted(monkeypatch, script)
        expected = flat.with_name("memory.npz")
        track(flat, max_faces=2, shard=expected)
        monkeypatch.setattr("facewave.tracking.track_video._SPOOL_BYTES", spool_bytes)
        monkeypatch.setattr("facewave.tracking.track_video._CHUNK", chunk)
        track(flat, max_faces=2, shard=flat.with_name("disk.npz"))
        assert flat.with_name("disk.npz").read_bytes() == expected.read_bytes()
        assert len(list(flat.parent.iterdir())) == 3

    @pytest.mark.parametrize("error", [RuntimeError("graph"), ValueError("time"), OSError("disk")])
    def test_a_landmarker_that_fails_leaves_no_file(self, flat, monkeypatch, error):
        scripted(monkeypatch, [[CENTRE]] * 5 + [error])
        with pytest.raises(type(error), match=str(error)):
            track(flat)
        assert list(flat.parent.iterdir()) == [flat]


class TestPrimaryFace:
    def test_the_nearer_one_is_followed_through_its_absence(self, flat, monkeypatch):
        script = [[LEFT, CENTRE]] * 4 + [[LEFT]] * 2 + [[CENTRE, LEFT]] * 4
        scripted(monkeypatch, script)
        _, arrays = track(flat, max_faces=2)
        assert arrays["detected"].tolist() == [True] * 4 + [False] * 2 + [True] * 4
        found = arrays["blendshapes"][arrays["detected"], 5]
        np.testing.assert_array_equal(found, np.float32([CENTRE[0]] * 8))

    def test_two_portraits(self, tmp_path, landmarker_model):
        # The left portrait reaches to the middle, the right one stands at its edge; it is away
        # for 4 frames, and then the left one for 4.
        grey = [np.full_like(frame, 127) for frame in face_frames(4)]
        left = [*face_frames(8, centre=(106, 96)), *grey]
        right = [*face_frames(4), *grey, *face_frames(4)]
        clip = write_video(tmp_path / "two.mp4", beside(left, right))
        summary, arrays = track(clip, model=landmarker_model, max_faces=2)
        seen = arrays["detected"]
        assert seen[:8].all()
        assert not seen[9:].any()
        assert np.nanmax(arrays["landmarks"][..., 0]) < 0.5
        assert (arrays["face_count"].max(), summary.notes) == (2, "up to 2 faces at once")


class TestContent:
    """Odd files whose content is fine: a valid trajectory, with a note where one is due."""

    def test_face(self, face_clip, landmarker_model, tmp_path):
        summary, arrays = track(face_clip, model=landmarker_model, shard=tmp_path / "s.npz")
        assert (summary.frames, summary.notes, summary.error) == (12, "", "")
        assert arrays["detected"].all()
        middle = arrays["landmarks"][..., :2].mean(axis=(0, 1))
        np.testing.assert_allclose(middle, [0.504, 0.507], atol=0.01)

    def test_rotation_flag(self, tmp_path, landmarker_model):
        upright = face_frames(6, width=192, height=256)
        stored = (np.ascontiguousarray(np.rot90(frame)) for frame in upright)
        clip = rotate_flag(write_video(tmp_path / "r.mp4", stored), 90)
        summary, arrays = track(clip, model=landmarker_model)
        assert (summary.width, summary.height, arrays["detected"].sum()) == (192, 256, 6)
        forehead, chin = arrays["landmarks"][:, 10], arrays["landmarks"][:, 152]
        assert (chin[:, 1] - forehead[:, 1] > 0.2).all()
        assert (np.abs(chin[:, 0] - forehead[:, 0]) < 0.1).all()

    def test_grey(self, tmp_path, landmarker_model):
        grey = (frame[..., 1].copy() for frame in face_frames(4))
        clip = write_video(tmp_path / "g.avi", grey, codec="FFV1", color=False)
        assert track(clip, model=landmarker_model)[1]["detected"].sum() == 4

    def test_odd_size(self, tmp_path, landmarker_model):
        clip = write_mjpeg(tmp_path / "o.mjpeg", face_frames(4, width=257, height=193))
        summary, arrays = track(clip, model=landmarker_model)
        assert (summary.width, summary.height, arrays["detected"].sum()) == (257, 193, 4)

    def test_4k(self, tmp_path, landmarker_model):
        large = face_frames(2, width=3840, height=2160, side=2000)
        clip = write_video(tmp_path / "k.avi", large, codec="MJPG")
        summary, arrays = track(clip, model=landmarker_model)
        assert (summary.width, summary.height, arrays["detected"].sum()) == (3840, 2160, 2)

    def test_variable_frame_rate(self, flat, monkeypatch):
        scripted(monkeypatch, [[CENTRE]] * 10)
        summary, arrays = track(set_frame_times(flat, [512] * 5 + [1280] * 5))
        assert summary.notes == "variable frame rate"
        assert np.diff(arrays["timestamp_ms"]).tolist() == [40] * 5 + [100] * 4

    def test_a_stream_without_times(self, tmp_path, monkeypatch):
        scripted(monkeypatch, [[CENTRE]] * 4)
        clip = write_mjpeg(tmp_path / "f.mjpeg", flat_frames(4))
        summary, arrays = track(clip, default_fps=50)
        assert summary.notes == "no times in the file: 50 frames per second assumed"
        assert arrays["timestamp_ms"].tolist() == [0, 20, 40, 60]

    def test_one_frame(self, tmp_path, monkeypatch):
        scripted(monkeypatch, [[CENTRE]])
        summary, arrays = track(write_video(tmp_path / "one.mp4", flat_frames(1)))
        assert (summary.frames, arrays["landmarks"].shape) == (1, (1, 478, 3))

    def test_cut_short(self, tmp_path, monkeypatch):
        scripted(monkeypatch, [[CENTRE]] * 60)
        clip = index_first(write_video(tmp_path / "c.mp4", flat_frames(60)))
        summary, arrays = track(cut(clip, 0.7))
        assert summary.frames_announced == 60
        assert 25 <= summary.frames == len(arrays["detected"]) < 54


class TestUnreadable:
    def unreadable(self, clip):
        summary, arrays = track(clip, shard=clip.parent / "s.npz")
        assert (summary.frames, summary.fps) == (0, 0.0)
        shapes = [(0, 478, 3), (0, 52), (0, 4, 4), (0,), (0,), (0,)]
        assert [array.shape for array in arrays.values()] == shapes
        return summary.error

    def test_cut_before_the_index(self, flat):
        assert "has lost its index" in self.unreadable(cut(flat, 0.6))

    def test_missing(self, tmp_path):
        assert self.unreadable(tmp_path / "none.mp4") == "the file is missing"

    def test_a_stream_without_a_single_frame(self, flat, monkeypatch):
        scripted(monkeypatch, [])
        change_box(flat, b"mdat", lambda frames: bytes(len(frames)))
        assert "none of its frames can be decoded (codec mpeg4" in self.unreadable(flat)


class TestRealLandmarker:
    @pytest.mark.parametrize("burst_bytes", [1, 300_000])
    def test_frames_decoded_ahead_give_the_same_bytes(
        self, tmp_path, landmarker_model, monkeypatch, burst_bytes
    ):
        grey = [np.full_like(frame, 127) for frame in face_frames(4)]
        left = [*face_frames(8, centre=(106, 96)), *grey]
        clip = write_video(tmp_path / "two.mp4", beside(left, [*grey, *face_frames(8)]))
        expected, shard = tmp_path / "expected.npz", tmp_path / "s.npz"
        track(clip, model=landmarker_model, shard=expected)
        assert len(read_shard(expected)[0]["cuts"])
        monkeypatch.setattr("facewave.tracking.track_video._BURST_BYTES", burst_bytes)
        track(clip, model=landmarker_model, shard=shard)
        assert shard.read_bytes() == expected.read_bytes()

    def test_a_clip_after_another_gives_the_bytes_of_the_clip_alone(
        self, tmp_path, face_clip, landmarker_model
    ):
        other = write_video(tmp_path / "other.mp4", face_frames(5, centre=(80, 110)))
        for name, clip in {"a": face_clip, "b": other, "c": face_clip}.items():
            track(clip, model=landmarker_model, shard=tmp_path / f"{name}.npz")
        assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "c.npz").read_bytes()

    def test_numbers_stay_those_of_this_track_version(self, face_clip, landmarker_model, tmp_path):
        # Raise TRACK_VERSION when these change: shards in a store are then made anew. Only the
        # first digits are compared, since video encoders and CPUs differ in the last bits.
        assert TRACK_VERSION == 5
        _, arrays = track(face_clip, model=landmarker_model, shard=tmp_path / "s.npz")
        nose, right_eye = arrays["landmarks"][5, 1], arrays["landmarks"][5, 33]
        np.testing.assert_allclose(nose, [0.5093, 0.5389, -0.0950], atol=3e-3)
        np.testing.assert_allclose(right_eye, [0.3919, 0.4137, 0.0130], atol=3e-3)
        smile = arrays["blendshapes"][:, [44, 45]].mean(axis=0)
        np.testing.assert_allclose(smile, [0.871, 0.893], atol=0.02)
        np.testing.assert_allclose(arrays["transform"][5, :3, 3], [0.54, 0.93, -33.1], atol=0.3)


class TestRealClips:
    def test_a_clip_without_a_face(self, real_clips, landmarker_model, tmp_path):
        clip = real_clips / "edge" / "no_face.mp4"
        summary, arrays = track(clip, model=landmarker_model, shard=tmp_path / "s.npz")
        assert (summary.frames, arrays["detected"].sum(), summary.error) == (95, 0, "")

    def test_a_face_that_leaves(self, real_clips, landmarker_model, tmp_path):
        clip = real_clips / "edge" / "face_then_none.mov"
        summary, arrays = track(clip, model=landmarker_model, shard=tmp_path / "s.npz")
        assert summary.frames == 169
        last = np.flatnonzero(arrays["detected"]).max()
        assert 0 < last < 168
        assert summary.notes == "variable frame rate"


@pytest.mark.parametrize(
    ("width", "height", "sizes"), [(360, 270, [8, 8, 4]), (1280, 720, [1] * 20)]
)
def test_small_frames_are_decoded_ahead_and_large_ones_are_not(width, height, sizes):
    image = np.zeros((height, width, 3), np.uint8)
    frames = [Frame(40 * i, image) for i in range(20)]
    video = Video(width, height, 25.0, False, 20, _read=lambda video, start: iter(frames))
    bursts = list(_bursts(video, None))
    assert [len(burst) for burst in bursts] == sizes
    assert [picture.ms for burst in bursts for picture in burst] == [40 * i for i in range(20)]


def test_fewer_frames_keep_their_true_times(tmp_path, monkeypatch):
    clip = write_video(tmp_path / "a.mp4", flat_frames(20), fps=30.0)
    opened = scripted(monkeypatch, [[CENTRE]] * 20)
    summary, arrays = track(clip, max_fps=10)
    assert (summary.frames, summary.frames_decoded, summary.frames_announced) == (7, 20, 20)
    assert arrays["timestamp_ms"].tolist() == [0, 100, 200, 300, 400, 500, 600]
    assert opened[0].times == [0, 100, 200, 300, 400, 500, 600]


def test_the_landmarker_sees_the_smaller_frame(tmp_path, monkeypatch):
    opened = scripted(monkeypatch, [[CENTRE]] * 5)
    clip = write_video(tmp_path / "a.mp4", flat_frames(5))
    summary, _ = track(clip, max_side=32)
    assert opened[0].shapes == [(24, 32, 3)] * 5
    assert (summary.width, summary.height) == (64, 48)


def test_landmarks_of_a_smaller_frame_are_the_same_places(face_clip, landmarker_model, tmp_path):
    found = {}
    for side in (None, 128):
        shard = tmp_path / f"{side}.npz"
        _, arrays = track(face_clip, model=landmarker_model, shard=shard, max_side=side)
        found[side] = arrays["landmarks"][..., :2]
    assert 0 < np.nanmax(np.abs(found[None] - found[128])) < 0.03
