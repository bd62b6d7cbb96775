"""OpenFace's columns: a face put before a camera comes out where it was put."""

import numpy as np
import pytest

from facewave.face.blendshapes import BLENDSHAPES
from facewave.face.point_sets import DLIB_VERTICES
from facewave.frame_tables.measures import measure
from facewave.frame_tables.openface import POSE_COLUMNS, camera_pose, openface_columns
from facewave.frame_tables.write import write_frames
from facewave.landmark_tables.options import TrackTable
from facewave.landmark_tables.read import LandmarkTable
from facewave.tracking.trajectory import open_trajectory
from tests.frame_tables.posed_face import SIZE, in_space, landmarks, turned, write_faces

POSES = [
    ((0.0, 0.0, 0.0), (0, 0, 600)),
    ((0.3, 0.0, 0.0), (0, 0, 400)),
    ((0.0, 0.4, 0.0), (60, 0, 500)),
    ((0.0, 0.0, 0.5), (-100, 60, 900)),
    ((0.2, -0.3, 0.4), (150, -80, 500)),
]


def columns(path, faces, **arrays):
    clip = open_trajectory(write_faces(path, faces, **arrays))
    (chunk,) = openface_columns(clip, measure(clip))
    return chunk


def axes(found, names, row):
    return np.array([[found[f"{axis}_{n}"][row] for axis in names] for n in range(68)])


def test_poses_and_points_are_those_of_the_camera(tmp_path):
    spaces = [in_space(np.array(a), np.array(p, float)) for a, p in POSES]
    found = columns(tmp_path / "t.npz", [landmarks(points) for points in spaces])
    for row, (angles, place) in enumerate(POSES):
        pose = np.array([found[name][row] for name in POSE_COLUMNS])
        assert np.abs(pose[3:] - angles).max() < np.radians(2)
        # The distance follows from the size of the face, which perspective makes uncertain.
        assert np.abs(pose[:3] - place).max() < 0.04 * place[2]
        wanted = spaces[row][list(DLIB_VERTICES)]
        assert np.abs(axes(found, "XYZ", row) - wanted).max() < 0.04 * place[2]
        pixels = 500 * wanted[:, :2] / wanted[:, 2:] + np.array(SIZE) / 2
        np.testing.assert_allclose(axes(found, "xy", row), pixels, atol=1e-3)


def test_a_head_that_looks_along_the_ray_is_turned_as_the_ray():
    # 45 degrees to the right of the camera's axis, facing the camera.
    pose = np.array([[0.0, 0.0, 0.0, 30.0, 0.0, -30.0 * 384 / 500]])
    turn, place = camera_pose(pose, SIZE)
    np.testing.assert_allclose(place, [[300, 0, 300]])
    np.testing.assert_allclose(turn[0], turned(0, np.pi / 4, 0), atol=1e-12)


def test_what_the_columns_are(tmp_path):
    face = landmarks(in_space(np.zeros(3), np.array([0.0, 0.0, 600.0])))
    scores = np.zeros((3, 52), np.float32)
    scores[:, BLENDSHAPES.index("mouthSmileLeft")] = 0.5
    detected = np.array([True, False, True])
    found = columns(tmp_path / "t.npz", [face] * 3, detected=detected, blendshapes=scores)
    assert list(found)[:5] == ["frame", "face_id", "timestamp", "confidence", "success"]
    assert found["frame"].tolist() == [1, 2, 3]
    assert found["timestamp"].tolist() == [0.0, 0.04, 0.08]
    assert found["success"].tolist() == found["confidence"].tolist() == [1, 0, 1]
    assert found["AU12_from_blendshapes"][0] == 0.25
    assert not [name for name in found if name.startswith("gaze") or name.endswith("_r")]
    numbers = list(found)[5:]
    assert len(numbers) == 6 + 5 * 68 + 15
    assert all(np.isnan(found[name][1]) for name in numbers)
    assert not any(np.isnan(found[name][[0, 2]]).any() for name in numbers)


@pytest.mark.parametrize("detected", [np.zeros(2, bool), np.zeros(0, bool)])
def test_clips_without_a_face(tmp_path, detected):
    found = columns(tmp_path / "t.npz", np.zeros((len(detected), 478, 3)), detected=detected)
    assert all(len(values) == len(detected) for values in found.values())
    assert "pose_Rx" in found
    assert "Z_67" in found


def test_the_adapter_of_tables_reads_them(tmp_path):
    faces = [landmarks(in_space(np.array(a), np.array(p, float))) for a, p in POSES]
    clip = open_trajectory(write_faces(tmp_path / "t.npz", faces))
    write_frames(tmp_path / "t.csv", openface_columns(clip, measure(clip)), metadata={})
    rows = LandmarkTable(tmp_path / "t.csv", TrackTable()).rows(None)
    assert str(rows.layout.channels) == "dlib_68 2-D"
    wanted = np.array(faces)[:, list(DLIB_VERTICES), :2] * SIZE
    np.testing.assert_allclose(rows.landmarks, wanted, rtol=1e-6)
    space = LandmarkTable(tmp_path / "t.csv", TrackTable(dimensions=3)).rows(None)
    assert space.layout.metric
