"""Features of clips that are tables of landmarks: those of the video, or of what the table has."""

from dataclasses import replace

import numpy as np
import pytest

from facewave.features.encode_clip import encode_clip
from facewave.features.groups import FaceOptions, WaveletOptions, feature_shapes
from facewave.features.quality import QualityOptions
from facewave.landmark_tables.options import TrackTable
from facewave.landmark_tables.read import LandmarkTable
from facewave.storage.store import read_shard
from facewave.tracking.track_table import write_table_track
from facewave.tracking.trajectory import open_trajectory
from tests.features.shards import made_up_faces, write_trajectory
from tests.landmark_tables.tracker_tables import (
    OPENFACE_UNITS,
    faces_68,
    openface_text,
    plain_table,
    write_csv,
)

WAVELET = WaveletOptions("segments", 4, energy=True)
ALIGNED = FaceOptions("transform", head_pose=True)
PLANE = FaceOptions("similarity")


def table_clip(path, folder, **options):
    options = TrackTable(**options)
    rows = LandmarkTable(path, options).rows(None)
    write_table_track(
        rows, folder / "t.npz", options=options, fps=25.0, provenance={"table": options.to_json()}
    )
    return open_trajectory(folder / "t.npz")


def encoded(clip, folder, face=ALIGNED):
    folder.mkdir(exist_ok=True)
    quality = encode_clip(
        clip, folder / "f.npz", wavelet=WAVELET, quality=QualityOptions(), provenance={}, face=face
    )
    return quality, *read_shard(folder / "f.npz")


@pytest.fixture
def openface(tmp_path):
    flat, space = faces_68(30)
    units = np.random.default_rng(0).uniform(0, 5, (30, len(OPENFACE_UNITS)))
    path = tmp_path / "openface.csv"
    rows = [(i + 1, 0, i / 25, 0.98, 1, flat[i], space[i], units[i]) for i in range(30)]
    path.write_text(openface_text(rows))
    return path


def test_a_table_of_mediapipe_s_points_has_the_features_of_the_video(tmp_path):
    # In frame 0 all points coincide, which no table would call a face.
    faces = made_up_faces(1, 41)
    lost = [3, slice(20, 24)]
    write_trajectory(tmp_path / "video.npz", 40, missing=lost, arrays=faces)
    del faces["transform"]
    for values in faces.values():
        for frames in lost:
            values[frames] = np.nan
    times = 40 * np.arange(40)
    header, rows = plain_table(faces, width=200, height=100, times=times)
    write_csv(tmp_path / "t.csv", header, rows)
    clip = table_clip(tmp_path / "t.csv", tmp_path)
    before, expected, _ = encoded(open_trajectory(tmp_path / "video.npz"), tmp_path / "a")
    after, found, _ = encoded(clip, tmp_path / "b")
    assert replace(after, reason="") == replace(before, reason="")
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-5, err_msg=name)


def test_68_points_in_the_plane_and_action_units(tmp_path, openface):
    clip = table_clip(openface, tmp_path, size=(640, 480))
    quality, features, metadata = encoded(clip, tmp_path / "f", PLANE)
    assert quality.valid
    assert quality.jitter > 0
    assert np.isnan(quality.mean_abs_yaw)
    shapes = feature_shapes(WAVELET, PLANE, clip.channels)
    assert {name: array.shape for name, array in features.items()} == shapes
    assert shapes["landmarks"] == (4, 68, 2)
    assert shapes["action_unit_energy"] == (5, 17)
    assert metadata["channels"] == str(clip.channels)
    # Aligned: eyes about 9 cm apart in every segment; the lower lip moves more than the nose.
    eyes = features["landmarks"][:, [36, 45]]
    np.testing.assert_allclose(np.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=1), 8.9, atol=0.1)
    energy = features["landmark_energy"][:, :, 1]
    assert energy[:, 57].max() > 5 * energy[:, 30].max()


def test_the_unit_of_the_picture_does_not_count(tmp_path, openface):
    sizes = [None, (640, 480), (1280, 720)]
    found = []
    for number, size in enumerate(sizes):
        clip = table_clip(openface, tmp_path, size=size)
        found.append(encoded(clip, tmp_path / str(number), PLANE)[1]["landmarks"])
    np.testing.assert_allclose(found[1], found[0], atol=1e-4)
    np.testing.assert_allclose(found[2], found[0], atol=1e-4)


def test_68_points_in_space(tmp_path, openface):
    clip = table_clip(openface, tmp_path, dimensions=3, action_units=False)
    _, features, _ = encoded(clip, tmp_path / "f", FaceOptions("procrustes"))
    assert features["landmarks"].shape == (4, 68, 3)


@pytest.mark.parametrize(
    ("face", "words"),
    [
        (ALIGNED, "features.align: transform does not suit points of dlib_68 2-D"),
        (FaceOptions("similarity", head_pose=True), "features.head_pose: the pose of the head"),
    ],
)
def test_options_that_need_depth_are_refused(tmp_path, openface, face, words):
    clip = table_clip(openface, tmp_path, action_units=False)
    with pytest.raises(ValueError, match=words):
        encoded(clip, tmp_path / "f", face)
