"""Alignment: the head's place, size and turn do not count; what the face does stays."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from facewave.face.canonical_mesh import N_VERTICES, canonical_face
from facewave.face.channels import Channels
from facewave.face.point_sets import point_set
from facewave.features.alignment import (
    METHODS,
    POSE_NAMES,
    check_method,
    fit_alignment,
    head_pose,
    join_alignments,
)

WIDTH, HEIGHT = 640, 360


def face(frames=3, *, seed=0, size=0.3):
    """Return faces (T, 478, 3) in centimetres: the canonical one with some expression."""
    random = np.random.default_rng(seed)
    points = np.concatenate([canonical_face().points, random.normal(size=(10, 3))])
    return points + random.normal(scale=size, size=(frames, 478, 3))


def in_image(points, *, size=(WIDTH, HEIGHT)):
    """Return the landmarks that MediaPipe gives for points in pixels, y up, z towards the viewer.

    It cuts a square out of the picture, turned until the eyes are level, finds landmarks in there,
    and maps them back; depth grows as the upper edge of the square does (`CalculateZScale` in
    `landmark_projection_calculator.cc`).
    """
    down = points * [1, -1, -1]
    eyes = down[..., 263, :2] - down[..., 33, :2]
    angle, side = np.arctan2(eyes[..., 1], eyes[..., 0]), 250.0
    turn = side * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turn = np.moveaxis(turn, 2, 0)  # (T, 2, 2): from the square, whose side is 1, to pixels
    square = np.concatenate([down[..., :2] @ np.linalg.inv(turn), down[..., 2:] / side], axis=-1)
    to_image = turn / size
    edge = np.linalg.norm(to_image[:, 0], axis=-1)[:, None, None]
    return np.concatenate([square[..., :2] @ to_image + 0.5, square[..., 2:] * edge], axis=-1)


def photographed(points, turn, distance):
    """Photograph faces in centimetres, so far from their middle; returns points in pixels."""
    canonical = canonical_face()
    camera = (points - canonical.weights @ canonical.points) @ turn.as_matrix().T
    near = distance / (distance - camera[..., 2:])
    return 20 * np.concatenate([camera[..., :2] * near, camera[..., 2:]], axis=-1)


def aligned(landmarks, method):
    return fit_alignment(landmarks, method=method, width=WIDTH, height=HEIGHT)(landmarks)


ANGLES = st.floats(-50, 50)


@settings(max_examples=40, deadline=None)
@given(ANGLES, ANGLES, ANGLES, st.floats(2, 30), st.tuples(ANGLES, ANGLES, ANGLES))
def test_procrustes_ignores_place_size_and_turn(yaw, pitch, roll, scale, place):
    turn = Rotation.from_euler("YXZ", [yaw, pitch, roll], degrees=True).as_matrix()
    moved = in_image(scale * face() @ turn.T + place)
    found = aligned(moved, "procrustes")
    np.testing.assert_allclose(found, aligned(in_image(face()), "procrustes"), atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.floats(-180, 180), st.floats(2, 30), st.tuples(ANGLES, ANGLES, ANGLES))
def test_similarity_ignores_place_size_and_turn_in_the_image(roll, scale, place):
    turn = Rotation.from_euler("Z", roll, degrees=True).as_matrix()
    moved = in_image(scale * face() @ turn.T + place)
    found = aligned(moved, "similarity")
    np.testing.assert_allclose(found, aligned(in_image(face()), "similarity"), atol=1e-4)


def test_similarity_keeps_a_turn_out_of_the_image():
    turn = Rotation.from_euler("Y", 40, degrees=True).as_matrix()
    moved = aligned(in_image(face() @ turn.T), "similarity")
    assert np.abs(moved - aligned(in_image(face()), "similarity")).max() > 1


@pytest.mark.parametrize("method", ["procrustes", "similarity"])
def test_the_canonical_face_stays_where_it_is(method):
    found = aligned(in_image(face(2, size=0)), method)[:, :N_VERTICES]
    expected = canonical_face().points.copy()
    if method == "similarity":  # depth counts from the middle of the weighted vertices
        expected[:, 2] -= canonical_face().weights @ expected[:, 2]
    np.testing.assert_allclose(found, np.stack([expected] * 2), atol=1e-4)


@pytest.mark.parametrize("yaw", [0, -30])
def test_transform_undoes_the_perspective_of_a_near_camera(yaw):
    turn = Rotation.from_euler("YXZ", [yaw, 10, -15], degrees=True)
    points = face(2, size=0)
    landmarks = in_image(photographed(points, turn, 30))
    found = {method: aligned(landmarks, method) for method in ("transform", "procrustes")}
    off = {
        method: np.linalg.norm(shape - points, axis=-1)[:, :N_VERTICES].mean()
        for method, shape in found.items()
    }
    # The camera's distance is counted in sizes of the face, which perspective changes a little.
    assert off["transform"] < 0.1
    assert off["procrustes"] > 3 * off["transform"]


SIDES = st.integers(180, 2000)


@pytest.mark.parametrize("method", METHODS[1:])
@settings(max_examples=40, deadline=None)
@given(SIDES, SIDES, st.floats(-180, 180), st.tuples(ANGLES, ANGLES), st.floats(3, 30))
def test_neither_picture_nor_bars_nor_roll_count(method, width, height, roll, place, scale):
    """The same head upright in a square picture, and turned in any other, anywhere in it."""
    head = face(2) @ Rotation.from_euler("YX", [20, -10], degrees=True).as_matrix().T
    turn = Rotation.from_euler("Z", roll, degrees=True).as_matrix()
    moved = in_image(scale * head @ turn.T + [*place, 0], size=(width, height))
    expected = in_image(10 * head, size=(500, 500))
    found = fit_alignment(moved, method=method, width=width, height=height)
    upright = fit_alignment(expected, method=method, width=500, height=500)
    np.testing.assert_allclose(found(moved), upright(expected), atol=1e-4)
    if method == "transform":
        pose, straight = head_pose(found), head_pose(upright)
        np.testing.assert_allclose(pose[:, :2], straight[:, :2], atol=1e-3)
        leaning = (pose[:, 2] - straight[:, 2] - roll + 180) % 360 - 180
        np.testing.assert_allclose(leaning, 0, atol=1e-3)


def test_the_depth_of_a_turned_head_in_a_wide_picture_by_hand():
    """Sideways in a picture of 640 x 360 pixels, z is 640 / 360 times as large as x."""
    upright = in_image(face(1), size=(640, 360))
    quarter = Rotation.from_euler("Z", 90, degrees=True).as_matrix()
    sideways = in_image(face(1) @ quarter.T, size=(640, 360))
    eyes = upright[0, 263] - upright[0, 33]
    r = math.atan2(eyes[1] * 360, eyes[0] * 640)
    factor = math.hypot(math.cos(r - math.pi / 2), math.sin(r - math.pi / 2) * 640 / 360)
    was = math.hypot(math.cos(r), math.sin(r) * 640 / 360)
    np.testing.assert_allclose(sideways[..., 2], upright[..., 2] * factor / was, rtol=1e-9)


def test_x_and_y_have_different_units():
    landmarks = in_image(face(1))
    wide = landmarks.copy()
    narrow = fit_alignment(wide, method="procrustes", width=HEIGHT, height=HEIGHT)(wide)
    assert np.abs(narrow - aligned(landmarks, "procrustes")).max() > 0.5


@pytest.mark.parametrize("method", METHODS[1:])
def test_frames_are_apart_and_missing_ones_stay_missing(method):
    landmarks = in_image(20 * face(5))
    whole = aligned(landmarks, method)
    holes = landmarks.copy()
    holes[2] = np.nan
    found = aligned(holes, method)
    assert np.isnan(found[2]).all()
    np.testing.assert_array_equal(np.delete(found, 2, 0), np.delete(whole, 2, 0))
    parts = [
        fit_alignment(part, method=method, width=WIDTH, height=HEIGHT)
        for part in (holes[:3], holes[3:])
    ]
    joined = join_alignments(parts)
    np.testing.assert_array_equal(joined(holes), found)
    some = joined.of_frames(slice(3, 5))(holes[3:5, 10:12])
    np.testing.assert_array_equal(some, found[3:5, 10:12])


def test_nothing_is_seen_or_known():
    missing = np.full((2, 478, 3), np.nan, np.float32)
    assert np.isnan(aligned(missing, "transform")).all()
    assert aligned(missing[:0], "procrustes").shape == (0, 478, 3)
    with pytest.raises(ValueError, match="similarity, procrustes, transform"):
        aligned(missing, "none")
    with pytest.raises(ValueError, match="at least 1 x 1 pixels, got 0 x 0"):
        fit_alignment(missing, method="procrustes", width=0, height=0)


class TestCanonicalFace:
    def test_is_symmetric_and_weighted(self):
        canonical = canonical_face()
        assert canonical.points.shape == (468, 3)
        assert canonical.weights.sum() == pytest.approx(1)
        assert len(canonical.basis) == 33
        places = {tuple(point) for point in canonical.points.tolist()}
        assert {tuple(p) for p in (canonical.points * [-1, 1, 1] + 0.0).tolist()} == places

    def test_cannot_be_changed(self):
        with pytest.raises(ValueError, match="read-only"):
            canonical_face().points[0] = 0


class TestHeadPose:
    @settings(max_examples=60, deadline=None)
    @given(st.floats(-75, 75), st.floats(-75, 75), st.floats(-179, 179))
    def test_angles_are_those_of_the_rotation(self, yaw, pitch, roll):
        turn = Rotation.from_euler("ZYX", [roll, yaw, pitch], degrees=True)
        pixels = photographed(face(2, size=0), turn, 1e6)
        alignment = fit_alignment(in_image(pixels), method="transform", width=WIDTH, height=HEIGHT)
        found = head_pose(alignment)
        assert found.shape == (2, len(POSE_NAMES))
        assert found.dtype == np.float32
        again = Rotation.from_euler("ZYX", found[0, [2, 0, 1]], degrees=True)
        # Perspective is undone that was not there.
        assert np.degrees((again * turn.inv()).magnitude()) < 6

    def test_signs(self):
        """Face turned to the camera's x, looking down, leaning to its own right."""
        for euler, column, sign in (("Y", 0, 1), ("X", 1, 1), ("Z", 2, 1)):
            turn = Rotation.from_euler(euler, 20, degrees=True)
            nose = turn.as_matrix() @ [0, 0, 1]
            pose = self.pose(photographed(face(1, size=0), turn, 30))[0]
            assert pose[column] == pytest.approx(20 * sign, abs=1)
            assert (nose[0] > 0) == (euler == "Y")
            assert (nose[1] < 0) == (euler == "X")

    def test_place_by_hand(self):
        points = photographed(face(3, size=0), Rotation.identity(), 30)
        points[0, :, 0] -= 40  # 2 cm at 20 pixels per centimetre
        points[1, :, 1] += 20
        points[2] *= 2
        found = self.pose(points)
        # A focal length of 0.6 x 640 pixels; perspective makes the face a little larger.
        distance = 0.6 * 640 / 20
        np.testing.assert_allclose(found[:, 5], [-distance, -distance, -distance / 2], rtol=0.07)
        np.testing.assert_allclose(found[:2, 3:5] - found[2, 3:5], [[-2, 0], [0, 1]], atol=0.15)

    def test_bars_and_quarter_turns_change_no_place(self):
        points = photographed(face(2), Rotation.identity(), 30)
        points[..., :2] += [30, 50]
        whole = self.pose(points)
        for size in ((640, 640), (400, 640)):
            found = self.pose(points, size=size)
            np.testing.assert_allclose(found, whole, atol=1e-4)
        quarter = Rotation.from_euler("Z", 90, degrees=True).as_matrix()
        found = self.pose(points @ quarter.T, size=(HEIGHT, WIDTH))
        np.testing.assert_allclose(found[:, 5], whole[:, 5], rtol=1e-5)
        np.testing.assert_allclose(found[:, 3], -whole[:, 4], atol=1e-4)
        np.testing.assert_allclose(found[:, 4], whole[:, 3], atol=1e-4)

    def test_missing_frames_stay_missing(self):
        missing = np.full((3, 478, 3), np.nan)
        assert np.isnan(
            head_pose(fit_alignment(missing, method="transform", width=9, height=9))
        ).all()

    def test_other_methods_know_no_camera(self):
        points = in_image(face(1))
        with pytest.raises(ValueError, match="'transform', got 'procrustes'"):
            head_pose(fit_alignment(points, method="procrustes", width=9, height=9))

    @staticmethod
    def pose(pixels, *, size=(WIDTH, HEIGHT)):
        landmarks = in_image(pixels, size=size)
        width, height = size
        return head_pose(fit_alignment(landmarks, method="transform", width=width, height=height))


# Other sets of points


FLAT = Channels("dlib_68", 2, False)
DEEP = Channels("dlib_68", 3, False)


def aligned_68(points, method, channels, *, size=(1, 1)):
    """Align points (T, 68, d) with y down, in units of a picture of this size."""
    width, height = size
    landmarks = points / np.array([width, height, width])[: points.shape[2]]
    fit = fit_alignment(landmarks, method=method, width=width, height=height, channels=channels)
    return fit(landmarks)


def face_68(axes, frames=3):
    canonical = point_set("dlib_68").canonical[:, :axes]
    noise = np.random.default_rng(0).normal(scale=0.3, size=(frames, 68, axes))
    return (canonical + noise) * [1, -1, -1][:axes]


@settings(max_examples=40, deadline=None)
@given(st.floats(-180, 180), st.floats(2, 30), st.tuples(ANGLES, ANGLES))
def test_68_points_in_the_plane_lose_place_size_and_turn(roll, scale, place):
    turn = Rotation.from_euler("Z", roll, degrees=True).as_matrix()[:2, :2]
    expected = aligned_68(face_68(2), "similarity", FLAT)
    moved = scale * face_68(2) @ turn.T + place
    np.testing.assert_allclose(aligned_68(moved, "similarity", FLAT), expected, atol=1e-4)
    in_picture = aligned_68(moved, "similarity", FLAT, size=(640, 360))
    np.testing.assert_allclose(in_picture, expected, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(ANGLES, ANGLES, ANGLES, st.floats(2, 30), st.tuples(ANGLES, ANGLES, ANGLES))
def test_68_points_in_space_lose_every_turn(yaw, pitch, roll, scale, place):
    turn = Rotation.from_euler("YXZ", [yaw, pitch, roll], degrees=True).as_matrix()
    moved = scale * face_68(3) @ turn.T + place
    expected = aligned_68(face_68(3), "procrustes", DEEP)
    np.testing.assert_allclose(aligned_68(moved, "procrustes", DEEP), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("method", "channels"), [("similarity", FLAT), ("similarity", DEEP), ("procrustes", DEEP)]
)
def test_the_canonical_face_of_68_points_stays_where_it_is(method, channels):
    axes = channels.dimensions
    face = point_set("dlib_68")
    points = face.canonical[np.newaxis, :, :axes] * [1, -1, -1][:axes]
    expected = face.canonical[:, :axes].copy()
    if method == "similarity" and axes == 3:
        expected[:, 2] -= face.weights @ expected[:, 2]
    np.testing.assert_allclose(aligned_68(points, method, channels)[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("method", "channels", "advice"),
    [
        ("transform", FLAT, "set it to similarity$"),
        ("procrustes", FLAT, "set it to similarity$"),
        ("transform", DEEP, "set it to similarity or procrustes"),
        ("procrustes", Channels(dimensions=2), "set it to similarity$"),
        ("rigid", FLAT, "expected one of none, similarity"),
    ],
)
def test_methods_that_need_more_than_the_points_have_are_refused(method, channels, advice):
    with pytest.raises(ValueError, match=advice):
        check_method(method, channels)
