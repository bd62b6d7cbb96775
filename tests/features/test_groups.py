"""Feature shards with alignment, pose, energies, statistics and trimmed ends."""

import numpy as np
import pytest

from facewave.features.alignment import fit_alignment, head_pose
from facewave.features.encode_bucket import feature_key
from facewave.features.encode_clip import coded_trajectories, encode_clip, read_trajectories
from facewave.features.energy import dyadic_energy
from facewave.features.groups import FaceOptions, WaveletOptions, feature_shapes
from facewave.features.quality import QualityOptions
from facewave.storage.store import read_metadata, read_shard
from facewave.tracking.trajectory import open_trajectory
from tests.features.shards import made_up_faces, write_trajectory
from tests.features.test_encode_clip import filled

WAVELET = WaveletOptions(
    "segments", 4, energy=True, energy_scales="dyadic", statistics=("mean", "quantiles")
)
SECONDS = WaveletOptions("segments", 10, energy=True, statistics=("std",))
FACE = FaceOptions("procrustes", head_pose=True)


def encode(tmp_path, *, wavelet=WAVELET, face=FACE, name="feature", provenance=None, **quality):
    judged = encode_clip(
        open_trajectory(tmp_path / "track.npz"),
        tmp_path / f"{name}.npz",
        wavelet=wavelet,
        quality=QualityOptions(**quality),
        provenance=provenance or {},
        face=face,
    )
    return judged, read_shard(tmp_path / f"{name}.npz")[0]


def test_groups_and_their_shapes(tmp_path):
    write_trajectory(tmp_path / "track.npz", 30)
    _, arrays = encode(tmp_path)
    assert {name: array.shape for name, array in arrays.items()} == {
        "landmarks": (4, 478, 3),
        "landmark_energy": (6, 478, 3),
        "landmark_statistics": (4, 478, 3),
        "blendshapes": (4, 52),
        "blendshape_energy": (6, 52),
        "blendshape_statistics": (4, 52),
        "pose": (4, 6),
        "pose_energy": (6, 6),
        "pose_statistics": (4, 6),
    }
    assert feature_shapes(WAVELET, FACE) == {n: a.shape for n, a in arrays.items()}
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}


def test_codes_are_those_of_the_aligned_and_filled_trajectory(tmp_path):
    arrays = made_up_faces(0, 40)
    detected = write_trajectory(tmp_path / "track.npz", 40, arrays=arrays, missing=[7, 8])
    _, found = encode(tmp_path)
    landmarks = np.where(detected[:, None, None], arrays["landmarks"], np.nan)
    alignment = fit_alignment(landmarks, method="procrustes", width=200, height=100)
    expected = filled(alignment(landmarks), detected)
    blocks = expected.reshape(4, 10, 478, 3).mean(axis=1)
    np.testing.assert_allclose(found["landmarks"], blocks, atol=1e-4)
    energy = np.log(dyadic_energy(expected) + 0.001)
    np.testing.assert_allclose(found["landmark_energy"], energy, atol=1e-3)
    pose = head_pose(fit_alignment(landmarks, method="transform", width=200, height=100))
    pose = filled(pose, detected)
    np.testing.assert_allclose(found["pose"], pose.reshape(4, 10, 6).mean(axis=1), atol=1e-3)


@pytest.mark.parametrize("group_bytes", [1, 8 * 30 * 4 * 31])
def test_groups_of_columns_give_the_bytes_of_one_go(tmp_path, monkeypatch, group_bytes):
    write_trajectory(tmp_path / "track.npz", 30, missing=[3])
    encode(tmp_path, name="one")
    monkeypatch.setattr("facewave.features.encode_clip._GROUP_BYTES", group_bytes)
    wavelet = WAVELET if group_bytes > 1 else WaveletOptions("segments", 4)
    _, groups = encode(tmp_path, wavelet=wavelet, name="groups")
    one = read_shard(tmp_path / "one.npz")[0]
    for name, array in groups.items():
        np.testing.assert_array_equal(array, one[name], err_msg=name)


def test_trimmed_ends_are_not_there(tmp_path):
    arrays = made_up_faces(0, 40)
    write_trajectory(tmp_path / "track.npz", 40, arrays=arrays, missing=[slice(0, 9), 39, 20])
    judged, _ = encode(tmp_path)
    assert not judged.valid
    judged, trimmed = encode(tmp_path, trim_ends=True)
    assert (judged.valid, judged.frames, judged.longest_gap) == (True, 40, 9)
    assert judged.detection_ratio == pytest.approx(29 / 30)
    write_trajectory(
        tmp_path / "track.npz",
        30,
        arrays={name: array[9:39] for name, array in arrays.items()},
        missing=[11],
    )
    _, short = encode(tmp_path)
    for name, array in short.items():
        np.testing.assert_array_equal(trimmed[name], array, err_msg=name)


def test_trimming_needs_a_face_and_still_wants_enough_frames(tmp_path):
    write_trajectory(tmp_path / "track.npz", 20, missing=[slice(None)])
    judged, arrays = encode(tmp_path, trim_ends=True)
    assert judged.reason == "no face in any of 20 frames"
    assert not any(array.any() for array in arrays.values())
    write_trajectory(tmp_path / "track.npz", 40, missing=[slice(0, 35)])
    judged, _ = encode(tmp_path, trim_ends=True)
    assert judged.reason == "face in 5 frames only, 10 are needed"


def test_trajectories_as_they_are_coded(tmp_path):
    arrays = made_up_faces(0, 20)
    write_trajectory(tmp_path / "track.npz", 20, arrays=arrays, missing=[0, 5])
    track = open_trajectory(tmp_path / "track.npz")
    found = read_trajectories(
        track, source="landmarks", chosen=slice(30, 33), face=FACE, trim_ends=True
    )
    assert found.shape == (19, 3)
    assert np.isnan(found[4]).all()
    whole = fit_alignment(arrays["landmarks"], method="procrustes", width=200, height=100)
    np.testing.assert_array_equal(found[0], whole(arrays["landmarks"])[1, 10])
    raw = read_trajectories(
        track, source="blendshapes", chosen=slice(2, 4), face=FaceOptions(), trim_ends=False
    )
    np.testing.assert_array_equal(raw[1:5], arrays["blendshapes"][1:5, 2:4])
    even = coded_trajectories(
        track, source="blendshapes", chosen=slice(2, 4), face=FaceOptions(), trim_ends=True
    )
    np.testing.assert_array_equal(even[:4], raw[1:5])
    np.testing.assert_allclose(even[4], (raw[4] + raw[6]) / 2, rtol=1e-6)


def test_times_that_are_even_but_for_rounding_change_no_byte(tmp_path):
    """29.97 frames per second, whether rounded to the nearest ms or cut off."""
    times = np.arange(40) * 1001 / 30
    write_trajectory(tmp_path / "track.npz", 40, missing=[7], times=times)
    _, cut = encode(tmp_path, wavelet=SECONDS)
    write_trajectory(tmp_path / "track.npz", 40, missing=[7], times=np.rint(times))
    _, rounded = encode(tmp_path, wavelet=SECONDS)
    for name, array in cut.items():
        np.testing.assert_array_equal(array, rounded[name], err_msg=name)


def test_uneven_frames_are_coded_by_their_times(tmp_path):
    """Every second frame of the later half left out: nearly the same code, also in seconds."""
    kept = [*range(40), *range(40, 80, 2)]
    arrays = made_up_faces(0, 80)
    arrays = {name: np.cumsum(array - 0.5, axis=0) / 20 for name, array in arrays.items()}
    write_trajectory(tmp_path / "track.npz", 80, arrays=arrays)
    _, whole = encode(tmp_path, wavelet=SECONDS, face=FaceOptions())
    later = {name: array[kept] for name, array in arrays.items()}
    write_trajectory(tmp_path / "track.npz", 60, arrays=later)
    _, as_if_even = encode(tmp_path, wavelet=SECONDS, face=FaceOptions())
    write_trajectory(tmp_path / "track.npz", 60, arrays=later, times=40 * np.array(kept))
    judged, thinned = encode(tmp_path, wavelet=SECONDS, face=FaceOptions())
    assert (judged.frames, judged.longest_gap) == (60, 1)
    for name, array in whole.items():
        off = np.abs(thinned[name] - array).max()
        assert off < 0.02 * np.ptp(array)
        assert off < 0.3 * np.abs(as_if_even[name] - array).max()


def test_each_clip_is_shuffled_in_its_own_way(tmp_path):
    write_trajectory(tmp_path / "track.npz", 40)
    wavelet, face = WaveletOptions("uniform", 40), FaceOptions(shuffle_time=True)
    _, straight = encode(tmp_path, wavelet=wavelet, face=FaceOptions())
    orders = []
    for key in ("a", "b", "a"):
        _, found = encode(tmp_path, wavelet=wavelet, face=face, provenance={"track_key": key})
        frames = straight["blendshapes"][:, 40]
        order = np.argsort(frames)[np.argsort(np.argsort(found["blendshapes"][:, 40]))]
        np.testing.assert_array_equal(found["blendshapes"], straight["blendshapes"][order])
        np.testing.assert_array_equal(found["landmarks"], straight["landmarks"][order])
        orders.append(order.tolist())
    assert orders[0] == orders[2] != orders[1]
    assert orders[0] != list(range(40))


def test_options_are_part_of_key_and_metadata(tmp_path):
    write_trajectory(tmp_path / "track.npz", 20)
    encode(tmp_path)
    metadata = read_metadata(tmp_path / "feature.npz")
    assert metadata["features"] == {
        "align": "procrustes",
        "head_pose": True,
        "shuffle_time": False,
    }
    keys = {
        feature_key("t", wavelet=wavelet, quality=QualityOptions(trim_ends=trim), face=face)
        for wavelet in (WaveletOptions(), WAVELET)
        for trim in (False, True)
        for face in (None, FACE, FaceOptions("transform", head_pose=True))
    }
    assert len(keys) == 12
    assert feature_key("t", wavelet=WAVELET, quality=QualityOptions()) in {
        feature_key("t", wavelet=WAVELET, quality=QualityOptions(), face=FaceOptions())
    }


def test_unknown_alignment_is_refused():
    with pytest.raises(ValueError, match="similarity"):
        FaceOptions("affine")
