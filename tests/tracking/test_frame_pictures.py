"""Small pictures that tracking keeps: which frames, how many, how large."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from facewave.tracking import frame_pictures as module
from facewave.tracking.frame_pictures import SLOT_MS, SPAN_MS, FramePictures


def picture(frame, height=48, width=64):
    return np.full((height, width, 3), frame % 251, np.uint8)


def kept(faces, *, step=40, **size):
    pictures = FramePictures()
    for frame, face in enumerate(faces):
        pictures.see(frame, step * frame, picture(frame, **size), face=face)
    arrays = pictures.arrays()
    return arrays["thumbnail_frame"].tolist(), arrays["thumbnails"]


def test_the_frame_nearest_to_the_middle_that_shows_a_face():
    faces = [False] * 24
    faces[2] = faces[16] = True
    frames, images = kept(faces)
    assert frames == [16]
    np.testing.assert_array_equal(images[0], picture(16))


def test_without_a_face_the_middle():
    assert kept([False] * 25)[0] == [13]  # at 520 ms, the first in its half second


def test_nothing_was_seen():
    frames, images = kept([])
    assert (frames, images.shape[0], images.shape[3]) == ([], 0, 3)


def test_larger_frames_are_made_small_and_smaller_ones_stay():
    assert kept([True], height=1080, width=1920)[1].shape == (1, 124, 220, 3)
    assert kept([True], height=100, width=50)[1].shape == (1, 100, 50, 3)


@given(st.integers(1, 3000), st.integers(5, 100))
def test_one_a_span_near_its_middle(count, step):
    frames, images = kept([True] * count, step=step, height=2, width=2)
    spans = {}
    for frame in range(count):
        spans.setdefault(step * frame // SPAN_MS, []).append(frame)
    assert len(frames) == len(images) == len(spans)
    for frame, inside in zip(frames, spans.values(), strict=True):
        assert abs(frame - (inside[0] + inside[-1]) / 2) * step <= SLOT_MS


def test_few_frames_are_made_small(monkeypatch):
    made = []
    monkeypatch.setattr(module, "_small", lambda image: made.append(image) or image)
    kept([True] * 1000)
    assert len(made) == 80
