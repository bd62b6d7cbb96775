"""A closer look at clips without a face: what it finds, and that it invents nothing."""

import cv2
import numpy as np
import pytest

from facewave.tracking.landmarker import ImageLandmarker, LandmarkerOptions
from facewave.tracking.second_look import (
    NO_FACE,
    TOO_SMALL,
    Samples,
    View,
    _levels,
    choose_view,
)
from tests.tracking.fake_faces import faces_at
from tests.video.media import face_frames

OPTIONS = LandmarkerOptions()


def placed(count, *, width, height, centre, side):
    frames = face_frames(count, width=width, height=height, centre=centre, side=side)
    return [np.ascontiguousarray(frame[..., ::-1]) for frame in frames]


@pytest.fixture(scope="module")
def landmarker(landmarker_model):
    landmarker = ImageLandmarker(landmarker_model, OPTIONS)
    yield landmarker
    landmarker.close()


class TestView:
    view = View(200, 100, (50, 20, 110, 60), (2.0, 1.0, 0.5))

    def test_apply(self):
        image = np.full((100, 200, 3), (10, 200, 101), np.uint8)
        image[20, 50] = 255
        part = self.view.apply(image)
        assert part.shape == (40, 60, 3)
        assert part.flags.c_contiguous
        assert part[0, 0].tolist() == [255, 255, 128]
        assert part[1, 1].tolist() == [20, 200, 50]

    def test_another_size_is_refused(self):
        with pytest.raises(ValueError, match="200 x 100 pixels, the picture has 100 x 200"):
            self.view.apply(np.zeros((200, 100, 3), np.uint8))

    def test_restore_landmarks_by_hand(self):
        faces = faces_at((0.5, 0.5, 1.0))
        faces.landmarks[0, 0] = (0.0, 0.0, 0.5)
        faces.landmarks[0, 1] = (1.0, 0.5, -0.1)
        restored = self.view.restore(faces)
        np.testing.assert_allclose(restored.landmarks[0, 0], [0.25, 0.2, 0.15], atol=1e-6)
        np.testing.assert_allclose(restored.landmarks[0, 1], [0.55, 0.4, -0.03], atol=1e-6)
        assert restored.blendshapes is faces.blendshapes

    def test_the_whole_picture_changes_nothing(self):
        faces = faces_at((0.4, 0.5, 0.3))
        faces.transforms[0, :3, 3] = (1.0, -2.0, -30.0)
        restored = View(200, 100, (0, 0, 200, 100)).restore(faces)
        np.testing.assert_allclose(restored.landmarks, faces.landmarks, atol=1e-6)
        np.testing.assert_allclose(restored.transforms, faces.transforms, atol=1e-5)

    def test_no_face(self):
        restored = self.view.restore(faces_at())
        assert (len(restored), restored.transforms.shape) == (0, (0, 4, 4))

    def test_a_window_gives_what_the_whole_picture_gives(self, landmarker):
        (image,) = placed(1, width=400, height=240, centre=(180, 120), side=200)
        view = View(400, 240, (70, 10, 290, 230))
        whole, part = landmarker.detect(image), view.restore(landmarker.detect(view.apply(image)))
        pixels = np.abs(whole.landmarks - part.landmarks) * (400, 240, 400)
        assert pixels.mean() < 0.5
        # Perspective differs a little: the head is 33 cm away, and a camera turns to look at it.
        difference = np.abs(whole.transforms - part.transforms)[0]
        assert difference[:3, 3].max() < 1.0
        assert difference[:3, :3].max() < 0.06

    def test_note(self):
        assert self.view.note() == (
            "found by a closer look at 12 % of the picture with balanced colours"
        )


class TestChooseView:
    def look(self, model, images):
        return choose_view(images, model, OPTIONS)

    def test_a_small_face(self, landmarker_model, landmarker):
        images = placed(4, width=1280, height=720, centre=(900, 500), side=100)
        assert len(landmarker.detect(images[0])) == 0
        found = self.look(landmarker_model, images)
        assert found.reason == ""
        assert found.view.gains is None
        x0, y0, x1, y1 = found.view.window
        assert x0 < 860 < 940 < x1
        assert y0 < 450 < 550 < y1
        (face,) = found.view.restore(landmarker.detect(found.view.apply(images[0]))).boxes
        assert face[:2] * (1280, 720) == pytest.approx([875, 465], abs=30)

    def test_a_wide_picture(self, landmarker_model):
        images = placed(3, width=1600, height=192, centre=(300, 96), side=192)
        found = self.look(landmarker_model, images)
        x0, _, x1, _ = found.view.window
        assert x0 < 260 < 340 < x1
        assert found.detections < 60

    def test_coloured_light(self, landmarker_model, landmarker):
        images = placed(4, width=300, height=200, centre=(150, 100), side=200)
        images = [
            np.clip(image * (0.03, 0.1, 0.03) + (0, 90, 0), 0, 255).astype(np.uint8)
            for image in images
        ]
        assert len(landmarker.detect(images[0])) == 0
        red, green, blue = self.look(landmarker_model, images).view.gains
        assert min(red, blue) > 2 > 1 > green

    def test_a_face_of_few_pixels_is_too_small(self, landmarker_model):
        images = placed(4, width=320, height=180, centre=(200, 90), side=44)
        found = self.look(landmarker_model, images)
        assert (found.view, found.reason) == (None, TOO_SMALL)

    @pytest.mark.parametrize("size", [(640, 360), (90, 160), (40, 40)])
    def test_noise_stays_without_a_face_and_the_cost_is_bounded(self, landmarker_model, size):
        rng = np.random.default_rng(1)
        shape = (size[1], size[0], 3)
        images = [rng.normal((60, 128, 90), 20, shape).clip(0, 255).astype(np.uint8)] * 4
        found = self.look(landmarker_model, images)
        assert (found.view, found.reason) == (None, NO_FACE)
        assert found.detections <= 4 * 49

    def test_a_cartoon_stays_without_a_face(self, landmarker_model, real_clips):
        capture, samples = cv2.VideoCapture(str(real_clips / "edge" / "no_face.mp4")), Samples()
        while True:
            read, frame = capture.read()
            if not read:
                break
            samples.add(np.ascontiguousarray(frame[..., ::-1]))
        found = self.look(landmarker_model, samples.images)
        assert (found.view, found.reason) == (None, NO_FACE)

    def test_a_face_in_one_sample_alone_is_not_believed(self, landmarker_model):
        image, *_ = placed(1, width=1280, height=720, centre=(900, 500), side=100)
        blank = np.full_like(image, 127)
        assert self.look(landmarker_model, [blank, image, blank, blank]).view is None

    def test_no_samples(self, landmarker_model):
        assert self.look(landmarker_model, []).reason == NO_FACE


@pytest.mark.parametrize("size", [(1920, 1080), (360, 640), (100, 100), (4000, 200)])
def test_tiles_cover_the_picture_and_overlap_by_half(size):
    for tiles in _levels(*size):
        covered = np.zeros(size[::-1], np.uint8)
        for x0, y0, x1, y1 in tiles:
            assert 0 <= x0 < x1 <= size[0]
            assert 0 <= y0 < y1 <= size[1]
            covered[y0:y1, x0:x1] += 1
        assert covered.min() >= 1
        for lengths, axis in ((size[0], 0), (size[1], 1)):
            starts = sorted({tile[axis] for tile in tiles})
            side = tiles[0][axis + 2] - tiles[0][axis]
            assert starts[0] == 0
            assert starts[-1] == lengths - side
            assert max(np.diff(starts), default=0) <= side / 2 + 1


@pytest.mark.parametrize("count", [0, 1, 5, 6, 7, 100, 1000])
def test_samples_are_evenly_spread(count):
    samples = Samples(6)
    for number in range(count):
        samples.add(np.full((1, 1, 3), number % 251, np.uint8))
        assert len(samples.images) <= 6
    kept = [int(image[0, 0, 0]) for image in samples.images]
    assert len(kept) >= min(count, 3)
    if count <= 251:
        assert len(set(np.diff(kept))) <= 1
    assert kept[:1] == [0] * min(count, 1)
