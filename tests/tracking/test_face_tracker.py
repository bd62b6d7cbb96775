"""Several faces at the cost of one where there is one."""

from dataclasses import replace

import numpy as np
import pytest

from facewave.tracking import face_tracker as module
from facewave.tracking.boxes import centres
from facewave.tracking.face_tracker import face_tracker, joined, painted
from facewave.tracking.landmarker import LandmarkerOptions, no_faces, video_landmarker
from tests.tracking.fake_faces import faces_at
from tests.video.media import face_frames

SEVERAL = LandmarkerOptions(max_faces=4)
LEFT, RIGHT, CENTRE = (0.2, 0.5, 0.2), (0.8, 0.5, 0.2), (0.5, 0.5, 0.3)


def rgb(frames):
    return [np.ascontiguousarray(frame[..., ::-1]) for frame in frames]


class Scene:
    """What pictures of a made-up video show; stands in for MediaPipe.

    A picture's first pixel is the number of its frame, and the pixel at a face's centre is 255,
    unless the face was painted over. A landmarker that has a face stays with it; one that has none
    takes the largest.
    """

    def __init__(self, script):
        self.script, self.opened, self.searched, self.looks = script, 0, 0, 0

    def pictures(self):
        for number, squares in enumerate(self.script):
            image = np.zeros((100, 200, 3), np.uint8)
            image[0, 0] = number
            for x, y, _ in squares:
                image[int(y * 100), int(x * 200)] = 255
            yield image

    def visible(self, image):
        squares = self.script[image[0, 0, 0]]
        return [s for s in squares if image[int(s[1] * 100), int(s[0] * 200), 0] == 255]

    def landmarker(self, model, options):
        del model
        assert options.max_faces == 1
        self.opened += 1
        return SceneLandmarker(self)

    def detect(self, image):
        self.looks += 1
        boxes = faces_at(*self.visible(image)).boxes
        return np.column_stack([boxes, np.ones(len(boxes))])

    def track(self, monkeypatch, *, step_ms=40, options=SEVERAL):
        """Return where the faces of each frame are, as x of their centres."""
        monkeypatch.setattr(module, "open_landmarker", self.landmarker)
        monkeypatch.setattr(module, "release_landmarker", SceneLandmarker.release)
        monkeypatch.setattr(module, "shared_detector", lambda model, confidence: self)
        with face_tracker("no model", options) as tracker:
            return [
                sorted(round(float(x), 3) for x, _ in centres(faces.boxes))
                for faces in (
                    tracker.detect(image, step_ms * i) for i, image in enumerate(self.pictures())
                )
            ]


class SceneLandmarker:
    def __init__(self, scene):
        self.scene, self.face, self.released = scene, None, False

    def detect(self, image, timestamp_ms):
        del timestamp_ms
        assert not self.released
        squares = self.scene.visible(image)
        near = [s for s in squares if self.face and abs(s[0] - self.face[0]) < s[2] / 2]
        if self.face is None:
            self.scene.searched += 1
            near = sorted(squares, key=lambda s: -s[2])[:1]
        self.face = near[0] if near else None
        return faces_at(*near) if near else no_faces()

    def release(self):
        self.released = True


class TestScene:
    def test_one_person_costs_two_looks_in_three_seconds(self, monkeypatch):
        scene = Scene([[CENTRE]] * 100)
        assert scene.track(monkeypatch) == [[0.5]] * 100
        assert (scene.opened, scene.searched, scene.looks) == (1, 1, 3)

    def test_two_people_are_both_found_in_the_first_frame(self, monkeypatch):
        scene = Scene([[LEFT, CENTRE]] * 60)
        assert scene.track(monkeypatch) == [[0.2, 0.5]] * 60
        assert (scene.opened, scene.searched) == (2, 2)

    def test_who_comes_later_is_found_within_one_and_a_half_seconds(self, monkeypatch):
        found = Scene([[LEFT]] * 10 + [[LEFT, RIGHT]] * 60).track(monkeypatch)
        first = found.index([0.2, 0.8])
        assert 10 <= first <= 38
        assert found[first:] == [[0.2, 0.8]] * (70 - first)

    def test_people_who_appear_together_after_black_frames(self, monkeypatch):
        found = Scene([[]] * 10 + [[LEFT, CENTRE, RIGHT]] * 20).track(monkeypatch)
        assert found == [[]] * 10 + [[0.2, 0.5, 0.8]] * 20

    def test_who_leaves_is_searched_for_a_second_and_his_landmarker_released(self, monkeypatch):
        scene = Scene([[LEFT, RIGHT]] * 30 + [[LEFT]] * 120)
        assert scene.track(monkeypatch)[30:] == [[0.2]] * 120
        assert scene.opened == 2
        assert scene.searched <= 2 + 2 * 25

    def test_no_more_than_max_faces_and_the_central_ones_first(self, monkeypatch):
        far = (0.06, 0.5, 0.1)
        scene = Scene([[CENTRE, far, RIGHT, (0.25, 0.5, 0.2)]] * 5)
        options = replace(SEVERAL, max_faces=2)
        assert scene.track(monkeypatch, options=options) == [[0.25, 0.5]] * 5

    def test_one_face_at_most_means_no_looks(self, monkeypatch):
        scene = Scene([[LEFT, CENTRE]] * 60)
        assert scene.track(monkeypatch, options=LandmarkerOptions(max_faces=1)) == [[0.5]] * 60
        assert scene.looks == 0

    def test_a_false_detection_is_tried_ever_less_often(self, monkeypatch):
        scene = Scene([[CENTRE]] * 250)
        monkeypatch.setattr(
            scene, "detect", lambda image: np.array([(0.1, 0.4, 0.2, 0.6, 0.9)]), raising=True
        )
        assert scene.track(monkeypatch, step_ms=100) == [[0.5]] * 250
        assert 3 <= scene.opened <= 8


def test_one_person_is_tracked_bit_for_bit_as_by_one_landmarker(landmarker_model):
    frames = rgb(face_frames(40))
    frames[20:23] = [np.full_like(frames[0], 90)] * 3
    with (
        face_tracker(landmarker_model, SEVERAL) as tracker,
        video_landmarker(landmarker_model, LandmarkerOptions(max_faces=1)) as landmarker,
    ):
        for index, frame in enumerate(frames):
            found, bare = tracker.detect(frame, 40 * index), landmarker.detect(frame, 40 * index)
            for name in ("landmarks", "blendshapes", "transforms"):
                np.testing.assert_array_equal(getattr(found, name), getattr(bare, name))


def test_the_larger_at_the_left_and_the_smaller_in_the_centre(landmarker_model):
    def one(**kwargs):
        return rgb(face_frames(12, width=640, height=360, **kwargs))

    left, centre = one(centre=(130, 180), side=280), one(centre=(380, 180), side=220)
    frames = [
        np.where(np.arange(640)[:, None] < 270, a, b) for a, b in zip(left, centre, strict=True)
    ]
    with face_tracker(landmarker_model, SEVERAL) as tracker:
        for index, frame in enumerate(frames):
            found = sorted(centres(tracker.detect(frame, 40 * index).boxes)[:, 0])
            assert found == pytest.approx([0.2, 0.6], abs=0.05)


def test_painted_over():
    image = np.zeros((100, 100, 3), np.uint8)
    box, keep = np.array([0.2, 0.2, 0.4, 0.4]), np.array([0.4, 0.2, 0.5, 0.3])
    copy = painted(image, [box, np.array([0.9, 0.9, 2.0, 2.0])], keep=keep)
    assert not image.any()
    assert (copy[15:45, 15:39] == 127).all()
    assert not copy[19:31, 39:51].any()
    assert (copy[80:, 80:] == 127).all()
    assert not copy[:, :14].any()


def test_joined():
    assert len(joined([])) == 0
    both = joined([faces_at(LEFT), faces_at(CENTRE, RIGHT)])
    np.testing.assert_allclose(centres(both.boxes)[:, 0], [0.2, 0.5, 0.8], atol=1e-6)
