"""`landmarker.max_fps` and `max_side`: fewer and smaller frames are decoded."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewave.video.decode import Video, rgb
from facewave.video.open import open_video
from tests.video.media import flat_frames, write_video
from tests.video.test_frame_folder import write_frames


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
