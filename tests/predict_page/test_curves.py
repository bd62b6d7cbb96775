"""Lines of the timeline against means computed by hand."""

import numpy as np
import pytest

from facewave.predict_page.curves import SHOWN, read_curves, shape_groups, step_means
from facewave.tracking.trajectory import open_trajectory
from tests.overlay.overlay_files import write_shard


def test_means_leave_out_what_is_missing():
    values = np.array([[1.0, 5], [3, np.nan], [np.nan, np.nan], [8, 7]])
    means = step_means(values, np.array([0, 0, 2, 3]))
    expected = [[2, 5], [np.nan, np.nan], [np.nan, np.nan], [8, 7]]
    np.testing.assert_array_equal(means, expected)


def test_both_sides_are_one_line():
    groups = shape_groups()
    assert groups["mouthSmile"] == [44, 45]
    assert groups["jawOpen"] == [25]
    assert set(SHOWN) <= set(groups)
    assert sorted(i for columns in groups.values() for i in columns) == list(range(1, 52))


def test_a_trajectory_in_steps_of_a_tenth_of_a_second(tmp_path):
    times = [0, 40, 80, 120, 300]
    shapes = np.zeros((5, 52), np.float32)
    shapes[:, 44] = [0.2, 0.4, 0.0, 0.8, 1.0]
    shapes[:, 45] = [0.0, 0.2, 0.4, 0.8, 0.0]
    detected = np.array([True, True, False, True, True])
    shard = write_shard(tmp_path / "t.npz", times=times, detected=detected, blendshapes=shapes)
    curves = read_curves(open_trajectory(shard))
    assert curves.step == pytest.approx(0.1)
    # Frames at 0 and 40 ms (80 shows no face); 120; none; 300.
    np.testing.assert_allclose(curves.shapes["mouthSmile"], [0.2, 0.8, np.nan, 0.5], rtol=1e-6)
    assert curves.pose.shape == (4, 3)


def test_long_videos_have_longer_steps(tmp_path):
    shard = write_shard(tmp_path / "t.npz", times=[0, 3_600_000])
    curves = read_curves(open_trajectory(shard))
    assert curves.step == pytest.approx(0.18)
    assert len(curves.pose) == 20_001


def test_without_a_face_there_are_no_lines(tmp_path):
    shard = write_shard(tmp_path / "t.npz", detected=np.zeros(10, bool))
    curves = read_curves(open_trajectory(shard))
    assert curves.pose is None
    assert curves.shapes == {}
