"""`landmarker.max_fps` and `max_side`: fewer and smaller frames are decoded."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewave.video.decode import Frame, Video
from facewave.video.open import open_video
from tests.video.media import flat_frames, write_video
from tests.video.test_frame_folder import write_frames


def decoded(path, *, max_fps=None, **part):
    """Return the brightness of each frame, and the times in ms."""
    with open_video(path, default_fps=25.0) as video:
        video.max_fps = max_fps
        frames = list(video.frames(**part))
        return [round(float(frame.image.mean())) for frame in frames], [f.ms for f in frames]


@pytest.fixture
def clip(tmp_path):
    """20 frames at 30 frames a second."""
    return write_video(tmp_path / "a.mp4", flat_frames(20), fps=30.0)


@pytest.mark.parametrize(
    ("max_fps", "step"),
    [(None, 1), (60, 1), (30, 1), (29.97, 1), (29, 2), (25, 2), (15, 2), (14, 3), (10, 3), (1, 30)],
)
def test_every_nth_frame_with_the_smallest_n_that_is_enough(clip, max_fps, step):
    every, _ = decoded(clip)
    found, times = decoded(clip, max_fps=max_fps)
    assert found == every[::step]
    assert times == [round(1000 * frame / 30) for frame in range(0, 20, step)]


@given(steps=st.lists(st.integers(1, 200), min_size=1, max_size=60), max_fps=st.floats(0.5, 200))
def test_never_more_than_asked_for(steps, max_fps):
    """Of a video of any variable rate."""
    times = [0, *np.cumsum(steps).tolist()]
    video = Video(
        1, 1, 25.0, False, 0, max_fps=max_fps,
        _read=lambda video, start: (Frame(ms, np.zeros((1, 1, 3), np.uint8)) for ms in times),
    )  # fmt: skip
    found = [frame.ms for frame in video.frames()]
    assert found[0] == 0
    assert all(b - a >= 990 / max_fps - 1.5 for a, b in pairwise(found))


def test_in_a_part_from_its_first_frame_on(clip):
    every, _ = decoded(clip)
    found, _ = decoded(clip, max_fps=10, start_ms=130, end_ms=500)
    assert found == every[4:15:3]


def test_of_a_folder_of_frames(tmp_path):
    folder = write_frames(tmp_path / "frames", range(10))
    every, _ = decoded(folder)
    assert decoded(folder, max_fps=10) == (every[::3], [0, 120, 240, 360])


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((480, 640), (240, 320)),
        ((640, 480), (320, 240)),
        ((320, 320), (320, 320)),
        ((10, 640), (5, 320)),
    ],
)
def test_smaller_frames_keep_their_shape(tmp_path, size, shape):
    random = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    smooth = cv2.GaussianBlur(random, (0, 0), 8)
    path = write_video(tmp_path / "a.avi", [smooth], codec="FFV1")
    with open_video(path) as video:
        video.max_side = 320
        (small,) = video.frames()
        assert (video.height, video.width) == size
    with open_video(path) as video:
        (whole,) = video.frames()
    assert small.image.shape == (*shape, 3)
    expected = cv2.resize(whole.image, shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small.image.astype(int) - expected).max() <= 4
