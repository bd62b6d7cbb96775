"""`landmarker.max_fps` and `max_side`: fewer and smaller frames for the landmarker."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewave.storage.store import frame_step, read_metadata, read_shard
from facewave.tracking.landmarker import LandmarkerOptions
from facewave.tracking.track_bucket import TrackOptions, track_key
from facewave.tracking.track_clip import TrackJob, track_clip
from facewave.video.decode import Video, rgb
from facewave.video.open import open_video
from tests.tracking.fake_faces import scripted
from tests.video.media import flat_frames, write_video
from tests.video.test_frame_folder import write_frames

CENTRE = (0.5, 0.5, 0.3)


def brightness(frames):
    return [round(float(frame.mean())) for frame in frames]


def decoded(path, *, max_fps=None, step=None, segment=None):
    """Return what is read: brightness of each frame, fps, announced, decoded."""
    with open_video(path, default_fps=25.0) as video:
        if segment:
            video.restrict(*segment)
        if step:
            video.take_every(step)
        video.limit_rate(max_fps)
        found = brightness(video.frames())
        return found, video.fps, video.frames_announced, video.frames_decoded


def track(clip, shard, *, model, **options):
    job = TrackJob(
        video_path=clip,
        shard=shard,
        model=model,
        options=LandmarkerOptions(**options),
        default_fps=25,
        provenance={},
    )
    return track_clip(job)


@pytest.fixture
def clip(tmp_path):
    """20 frames at 30 frames a second."""
    return write_video(tmp_path / "a.mp4", flat_frames(20), fps=30.0)


@pytest.mark.parametrize(
    ("max_fps", "step"),
    [(None, 1), (60, 1), (30, 1), (29.97, 1), (29, 2), (25, 2), (15, 2), (14, 3), (10, 3), (1, 30)],
)
def test_every_nth_frame_with_the_smallest_n_that_is_enough(clip, max_fps, step):
    every, *_ = decoded(clip)
    found, fps, announced, count = decoded(clip, max_fps=max_fps)
    assert found == every[::step]
    assert (fps, announced, count) == (30.0 / step, len(found), len(found))


@given(fps=st.floats(1, 1000), max_fps=st.floats(0.01, 1000))
def test_never_more_than_asked_for(fps, max_fps):
    video = Video(1, 1, fps, False, 100)
    video.limit_rate(max_fps)
    assert video.fps <= max_fps * 1.0101
    assert video.step == 1 or fps / (video.step - 1) > max_fps


def test_in_a_segment_from_its_first_frame_on(clip):
    every, *_ = decoded(clip)
    found, _, announced, _ = decoded(clip, max_fps=10, segment=(4, 15))
    assert found == every[4:15:3]
    assert announced == 4


def test_of_a_folder_of_frames(tmp_path):
    folder = write_frames(tmp_path / "frames", range(10))
    every, *_ = decoded(folder)
    found, fps, announced, count = decoded(folder, max_fps=10)
    assert found == every[::3]
    assert (round(fps, 6), announced, count) == (round(25 / 3, 6), 4, 4)


def test_a_steady_clip_stays_steady(clip):
    with open_video(clip, default_fps=25.0) as video:
        video.limit_rate(10)
        list(video.frames())
        assert not video.variable_rate


def test_a_shard_says_of_how_many_frames_one_was_tracked(clip, tmp_path, monkeypatch):
    opened = scripted(monkeypatch, [[CENTRE]] * 20)
    shard = tmp_path / "fewer.npz"
    summary = track(clip, shard, model=tmp_path, max_fps=10)
    assert (summary.frames, summary.frames_announced, summary.fps) == (7, 7, 10.0)
    assert read_shard(shard)[0]["timestamp_ms"].tolist() == [0, 100, 200, 300, 400, 500, 600]
    assert opened[0].times == [0, 100, 200, 300, 400, 500, 600]
    assert frame_step(shard) == 3
    track(clip, shard, model=tmp_path)
    assert frame_step(shard) == 1
    assert "frame_step" not in read_metadata(shard)


def test_what_is_not_asked_for_is_in_no_key():
    def key(**options):
        return track_key("c", fps=25.0, options=TrackOptions(LandmarkerOptions(**options), 25, "m"))

    keys = [key(), key(max_fps=25.0), key(max_side=640), key(max_fps=25.0, max_side=640)]
    assert len(set(keys)) == 4
    assert key(max_fps=None, max_side=None) == key()
    assert "max_fps" not in LandmarkerOptions().in_keys()


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((480, 640), (240, 320)),
        ((640, 480), (320, 240)),
        ((320, 320), (320, 320)),
        ((9, 640), (4, 320)),
    ],
)
def test_smaller_frames_keep_their_shape(size, shape):
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert rgb(frame, 320).shape == (*shape, 3)
    in_colour = np.ascontiguousarray(frame[..., ::-1])
    smaller = cv2.resize(in_colour, shape[::-1], interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(rgb(frame, 320), smaller)
    np.testing.assert_array_equal(rgb(frame, None), in_colour)
    np.testing.assert_array_equal(rgb(frame, max(size)), in_colour)


def test_the_landmarker_sees_the_smaller_frame(tmp_path, monkeypatch):
    opened = scripted(monkeypatch, [[CENTRE]] * 5)
    clip = write_video(tmp_path / "a.mp4", flat_frames(5))
    summary = track(clip, tmp_path / "a.npz", model=tmp_path, max_side=32)
    assert opened[0].shapes == [(24, 32, 3)] * 5
    assert (summary.width, summary.height) == (64, 48)


def test_landmarks_of_a_smaller_frame_are_the_same_places(face_clip, landmarker_model, tmp_path):
    found = {}
    for side in (None, 128):
        shard = tmp_path / f"{side}.npz"
        track(face_clip, shard, model=landmarker_model, max_side=side)
        found[side] = read_shard(shard)[0]["landmarks"][..., :2]
    assert 0 < np.nanmax(np.abs(found[None] - found[128])) < 0.03
