"""Mirroring a clip's features is mirroring its video."""

import numpy as np
import pytest

from facewave.face.blendshapes import BLENDSHAPES
from facewave.face.channels import Channels
from facewave.features.encode_clip import encode_clip
from facewave.features.groups import FaceOptions, WaveletOptions, feature_shapes
from facewave.features.quality import QualityOptions
from facewave.mlp.mirror import mirror_swap, mirrored_blendshapes, mirrored_landmarks
from facewave.storage.store import read_shard
from facewave.tracking.trajectory import open_trajectory
from tests.features.shards import made_up_faces, write_trajectory

WAVELET = WaveletOptions("pyramid", 8, energy=True, energy_scales="dyadic")
SHAPES = feature_shapes(WAVELET, FaceOptions("procrustes", head_pose=True))


def test_known_landmarks():
    partner = mirrored_landmarks()
    np.testing.assert_array_equal(partner[partner], np.arange(478))
    pairs = {33: 263, 133: 362, 61: 291, 468: 473, 469: 476, 1: 1, 13: 13, 152: 152}
    assert {one: int(partner[one]) for one in pairs} == pairs


def test_blendshapes_swap_left_and_right():
    partner = mirrored_blendshapes()
    np.testing.assert_array_equal(partner[partner], np.arange(52))
    for index, name in enumerate(BLENDSHAPES):
        other = BLENDSHAPES[partner[index]]
        if "Left" in name:
            assert other == name.replace("Left", "Right")
        assert ("Right" in other) == ("Left" in name)


@pytest.mark.parametrize("group", SHAPES)
def test_twice_is_not_at_all(group):
    swap = mirror_swap(group, SHAPES[group])
    features = np.random.default_rng(0).normal(size=(3, swap.partner.size)).astype(np.float32)
    once = swap(features)
    assert not np.array_equal(once, features) or group == "pose_energy"
    np.testing.assert_array_equal(swap(once), features)


def test_is_that_of_the_mirrored_trajectories(tmp_path):
    arrays = made_up_faces(0, 40)
    mirrored = {
        "landmarks": arrays["landmarks"][:, mirrored_landmarks()] * np.float32([-1, 1, 1])
        + np.float32([1, 0, 0]),
        "blendshapes": arrays["blendshapes"][:, mirrored_blendshapes()],
        "transform": arrays["transform"] * np.outer([-1, 1, 1, 1], [-1, 1, 1, 1]),
    }
    found = [
        _features(tmp_path / name, values) for name, values in (("a", arrays), ("b", mirrored))
    ]
    for group, shape in SHAPES.items():
        expected = mirror_swap(group, shape)(found[0][group].reshape(1, -1))
        np.testing.assert_allclose(
            found[1][group].reshape(1, -1), expected, rtol=1e-3, atol=2e-3, err_msg=group
        )


def _features(folder, arrays):
    folder.mkdir()
    write_trajectory(folder / "t.npz", 40, arrays=arrays)
    encode_clip(
        open_trajectory(folder / "t.npz"),
        folder / "f.npz",
        wavelet=WAVELET,
        quality=QualityOptions(),
        provenance={},
        face=FaceOptions("procrustes", head_pose=True),
    )
    return read_shard(folder / "f.npz")[0]


@pytest.mark.parametrize("group", ["landmark_statistics", "sound", "pose_statistics"])
def test_what_cannot_be_mirrored_is_refused(group):
    with pytest.raises(ValueError, match=group):
        mirror_swap(group, (5, 52))


def test_68_points_in_a_plane_swap_with_their_partners():
    channels = Channels("dlib_68", 2, False, ("AU01", "AU12"))
    values = np.random.default_rng(0).normal(size=(1, 2, 68, 2)).astype(np.float32)
    found = mirror_swap("landmarks", (2, 68, 2), channels)(values.reshape(1, -1))
    expected = values[:, :, mirrored_landmarks("dlib_68")] * np.float32([-1, 1])
    np.testing.assert_array_equal(found, expected.reshape(1, -1))
    # An energy has no sign; an action unit is of both sides.
    energy = mirror_swap("landmark_energy", (2, 68, 2), channels)(np.abs(values).reshape(1, -1))
    np.testing.assert_array_equal(energy, np.abs(expected).reshape(1, -1))
    units = mirror_swap("action_unit_energy", (5, 2), channels)
    assert units.partner.tolist() == list(range(10))
    assert set(units.sign.tolist()) == {1.0}
