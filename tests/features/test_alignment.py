"""Alignment: the head's place, size and turn do not count; what the face does stays."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from facewave.face.canonical_mesh import N_VERTICES, canonical_face
from facewave.features.alignment import (
    METHODS,
    POSE_NAMES,
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


def in_pixels(points):
    """Return normalised image coordinates of points in pixels, y up and z towards the viewer."""
    return points / [WIDTH, -HEIGHT, -WIDTH] + [0.5, 0.5, 0]


def photographed(points, turn, place):
    """Photograph faces as MediaPipe's camera would: 63 degrees high, depth relative to the face."""
    camera = points @ turn.as_matrix().T + place
    near = 1 / -camera[..., 2]
    half = math.tan(math.radians(63) / 2)
    x = camera[..., 0] * near / (2 * half * WIDTH / HEIGHT) + 0.5
    y = 0.5 - camera[..., 1] * near / (2 * half)
    distance = -camera[:, :N_VERTICES, 2].mean(axis=1)[:, None]
    z = (-camera[..., 2] - distance) / distance / (2 * half * WIDTH / HEIGHT)
    return np.stack([x, y, z], axis=-1)


def aligned(landmarks, method):
    return fit_alignment(landmarks, method=method, width=WIDTH, height=HEIGHT)(landmarks)


ANGLES = st.floats(-50, 50)


@settings(max_examples=40, deadline=None)
@given(ANGLES, ANGLES, ANGLES, st.floats(2, 30), st.tuples(ANGLES, ANGLES, ANGLES))
def test_procrustes_ignores_place_size_and_turn(yaw, pitch, roll, scale, place):
    turn = Rotation.from_euler("YXZ", [yaw, pitch, roll], degrees=True).as_matrix()
    moved = in_pixels(scale * face() @ turn.T + place)
    found = aligned(moved, "procrustes")
    np.testing.assert_allclose(found, aligned(in_pixels(face()), "procrustes"), atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.floats(-180, 180), st.floats(2, 30), st.tuples(ANGLES, ANGLES, ANGLES))
def test_similarity_ignores_place_size_and_turn_in_the_image(roll, scale, place):
    turn = Rotation.from_euler("Z", roll, degrees=True).as_matrix()
    moved = in_pixels(scale * face() @ turn.T + place)
    found = aligned(moved, "similarity")
    np.testing.assert_allclose(found, aligned(in_pixels(face()), "similarity"), atol=1e-4)


def test_similarity_keeps_a_turn_out_of_the_image():
    turn = Rotation.from_euler("Y", 40, degrees=True).as_matrix()
    moved = aligned(in_pixels(face() @ turn.T), "similarity")
    assert np.abs(moved - aligned(in_pixels(face()), "similarity")).max() > 1


@pytest.mark.parametrize("method", ["procrustes", "similarity"])
def test_the_canonical_face_stays_where_it_is(method):
    found = aligned(in_pixels(face(2, size=0)), method)[:, :N_VERTICES]
    expected = canonical_face().points.copy()
    if method == "similarity":  # depth counts from the middle of the weighted vertices
        expected[:, 2] -= canonical_face().weights @ expected[:, 2]
    np.testing.assert_allclose(found, np.stack([expected] * 2), atol=1e-4)


@pytest.mark.parametrize("yaw", [0, -30])
@pytest.mark.parametrize("distance", [30, 60])
def test_transform_undoes_the_camera(yaw, distance):
    turn = Rotation.from_euler("YXZ", [yaw, 10, -15], degrees=True)
    points = face(2, size=0)
    found = aligned(photographed(points, turn, [4, -3, -distance]), "transform")
    # Two rounds of scale estimation leave a small rest, as they do in MediaPipe.
    np.testing.assert_allclose(found, points, atol=0.25)


def test_x_and_y_have_different_units():
    landmarks = in_pixels(face(1))
    wide = landmarks.copy()
    narrow = fit_alignment(wide, method="procrustes", width=HEIGHT, height=HEIGHT)(wide)
    assert np.abs(narrow - aligned(landmarks, "procrustes")).max() > 0.5


@pytest.mark.parametrize("method", METHODS[1:])
def test_frames_are_apart_and_missing_ones_stay_missing(method):
    landmarks = in_pixels(20 * face(5))
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
    @given(st.floats(-179, 179), st.floats(-80, 80), st.floats(-179, 179))
    def test_angles_are_those_of_the_rotation(self, yaw, pitch, roll):
        transform = np.tile(np.eye(4), (2, 1, 1))
        turn = Rotation.from_euler("YXZ", [yaw, pitch, roll], degrees=True)
        transform[:, :3, :3], transform[:, :3, 3] = turn.as_matrix(), [1, -2, -30]
        found = head_pose(transform.astype(np.float32))
        assert found.shape == (2, len(POSE_NAMES))
        assert found.dtype == np.float32
        again = Rotation.from_euler("YXZ", found[0, :3], degrees=True)
        assert (again * turn.inv()).magnitude() < 1e-3
        assert abs(found[0, 1] - pitch) < 1e-2
        np.testing.assert_allclose(found[:, 3:], [[1, -2, -30]] * 2)

    def test_missing_frames_stay_missing(self):
        assert np.isnan(head_pose(np.full((3, 4, 4), np.nan))).all()
