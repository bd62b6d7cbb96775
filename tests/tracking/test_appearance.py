"""Face patches and cuts of the picture."""

import numpy as np
import pytest

from facewave.face.canonical_mesh import canonical_face
from facewave.tracking.appearance import (
    PATCH_VALUES,
    PictureChange,
    face_patch,
    standardised,
    thumbnail,
)

_RNG = np.random.default_rng(3)
_TEXTURES = _RNG.normal(size=(2, 4, 3))


def picture(texture, *, size, centre, scale, degrees=0.0, gain=1.0):
    """Return a picture whose "face" has waves for a texture, and its landmarks.

    `scale` is in pixels per centimetre of the canonical face.
    """
    width, height = size
    turn = np.radians(degrees)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = canonical_face().points[:, :2] * (1, -1)
    pixels = points @ rotation.T * scale + centre
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[:468, :2] = pixels / size
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    place = (np.stack([x, y], axis=-1) - centre) @ rotation / scale
    waves = sum(np.sin(a * place[..., 0] / 2 + b * place[..., 1] / 2 + c) for a, b, c in texture)
    grey = (120 + 20 * waves) * gain
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2), landmarks


def patch(which, **kwargs):
    return face_patch(*picture(_TEXTURES[which], **kwargs))


REFERENCE = {"size": (640, 360), "centre": (300, 180), "scale": 12.0}


class TestPatch:
    @pytest.mark.parametrize(
        "other",
        [
            {"size": (640, 360), "centre": (200, 150), "scale": 12.0},
            {"size": (200, 200), "centre": (100, 100), "scale": 5.0},
            {"size": (1280, 720), "centre": (640, 360), "scale": 40.0},
            {"size": (640, 480), "centre": (300, 200), "scale": 12.0, "degrees": 43.0},
            {"size": (640, 360), "centre": (300, 180), "scale": 12.0, "gain": 0.5},
        ],
    )
    def test_does_not_depend_on_place_size_roll_and_brightness(self, other):
        assert patch(0, **REFERENCE) @ patch(0, **other) > 0.97

    def test_depends_on_the_face(self):
        assert patch(0, **REFERENCE) @ patch(1, **REFERENCE) < 0.6

    @pytest.mark.parametrize("centre", [(-500, 100), (0, 0), (1000, 2000)])
    def test_a_face_beyond_the_edge(self, centre):
        found = patch(0, size=(64, 48), centre=centre, scale=4.0)
        assert found.shape == (PATCH_VALUES,)
        assert np.isfinite(found).all()

    def test_standardised(self):
        values = standardised(np.array([1.0, 2.0, 3.0]))
        np.testing.assert_allclose(values, [-(0.5**0.5), 0, 0.5**0.5], atol=1e-6)
        assert values.dtype == np.float32
        np.testing.assert_array_equal(standardised(np.full(3, 5.0)), 0)


def noisy(level, rng, size=(90, 160)):
    return np.clip(level + rng.normal(0, 5, (*size, 3)), 0, 255).astype(np.uint8)


class TestPictureChange:
    def found(self, pictures):
        change = PictureChange()
        return [i for i, image in enumerate(pictures) if change.add(thumbnail(image))]

    def scene(self, seed):
        rng = np.random.default_rng(seed)
        coarse = rng.integers(0, 255, (9, 16), np.uint8).astype(float)
        return np.kron(coarse, np.ones((10, 10)))[..., None]

    def test_a_cut(self):
        rng = np.random.default_rng(0)
        a, b = self.scene(1), self.scene(2)
        pictures = [noisy(a, rng) for _ in range(10)] + [noisy(b, rng) for _ in range(10)]
        assert self.found(pictures) == [10]

    def test_noise_a_fade_and_a_pan_are_none(self):
        rng = np.random.default_rng(0)
        wide = np.tile(self.scene(1), (1, 2, 1))
        assert self.found([noisy(128, rng) for _ in range(20)]) == []
        assert self.found([noisy(10 + 5 * i, rng) for i in range(40)]) == []
        assert self.found([noisy(wide[:, i : i + 160], rng) for i in range(40)]) == []

    def test_a_camera_that_begins_to_move_is_soon_usual(self):
        rng = np.random.default_rng(0)
        wide = np.tile(self.scene(1), (1, 2, 1))
        places = [0] * 20 + list(range(0, 120, 2))
        found = self.found([noisy(wide[:, i : i + 160], rng) for i in places])
        assert len(found) <= 3
        assert not found or found[-1] < 24

    def test_a_single_picture(self):
        assert self.found([np.zeros((1, 1, 3), np.uint8)]) == []
