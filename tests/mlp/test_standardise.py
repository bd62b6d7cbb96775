"""Mean and deviation of the features, column by column or trajectory by trajectory."""

from functools import partial

import numpy as np
import pytest
import torch

from facewave.mlp.standardise import Scaler, fit_scaler
from tests.mlp.quick_training import landmark_swap, make_table


@pytest.fixture
def table(tmp_path):
    return partial(make_table, tmp_path)


def test_scaler_computed_by_hand(table):
    part = table(4)
    part.groups["landmarks"][:] = 0
    part.groups["landmarks"][:, 0] = [2, 4, 6, 1000]
    part.groups["landmarks"][:, 1] = 7.1
    scaler = fit_scaler(part, ["landmarks"], np.array([0, 1, 2]))
    assert scaler.mean[:3].tolist() == pytest.approx([4.0, 7.1, 0.0])
    assert scaler.std[:3].tolist() == pytest.approx([np.sqrt(8 / 3), 1.0, 1.0])
    scaled = scaler(torch.from_numpy(part.groups["landmarks"].copy()))
    assert scaled[:3, 0].tolist() == pytest.approx([-np.sqrt(1.5), 0, np.sqrt(1.5)])
    assert scaled[:, 1:].abs().max() == 0
    assert scaled[3, 0] == 10  # an outlier is cut


def test_scaler_keeps_the_digits_of_a_column_far_from_zero(table):
    part = table(600)
    noise = np.random.default_rng(0).normal(size=600) * 0.01
    part.groups["landmarks"][:, 0] = 100 + noise
    scaler = fit_scaler(part, ["landmarks"], np.arange(600))
    expected = part.groups["landmarks"][:, 0].astype(np.float64).std()
    assert float(scaler.std[0]) == pytest.approx(expected, rel=1e-6)


def test_scaler_cuts_outliers():
    scaler = Scaler(mean=torch.zeros(1), std=torch.full((1,), 1e-3))
    assert scaler(torch.tensor([[1.0], [-1.0], [0.002]])).tolist() == [[10], [-10], [2]]


def test_one_deviation_per_trajectory(table):
    part = table(50)
    scaler = fit_scaler(part, ("landmarks",), np.arange(50), by_trajectory=True)
    std = part.groups["landmarks"].reshape(50, 2, 6).std(axis=0)
    expected = np.tile(np.sqrt((std**2).mean(axis=0)), 2)
    np.testing.assert_allclose(scaler.std, expected, rtol=1e-5)


def test_a_constant_column_does_not_outweigh_its_trajectory(table):
    part = table(50)
    landmarks = part.groups["landmarks"].reshape(50, 2, 6)
    landmarks[:, 0, 0] = 0.3  # of one trajectory one coefficient, of another all
    landmarks[:, 1, 0] *= 0.05
    landmarks[:, :, 1] = 7
    std = landmarks[:, 1, 0].std(dtype=np.float64)
    scaler = fit_scaler(part, ("landmarks",), np.arange(50), by_trajectory=True)
    found = scaler.std.reshape(2, 6)
    np.testing.assert_allclose(found[:, 0], [std / np.sqrt(2)] * 2, rtol=1e-5)
    np.testing.assert_array_equal(found[:, 1], [1, 1])
    scaled = scaler(torch.from_numpy(part.groups["landmarks"].copy()))
    assert scaled.reshape(50, 2, 6)[:, 0, 0].abs().max() < 1e-5


def test_rounding_errors_of_a_trajectory_stay_small(table):
    """A blendshape that is never there is 1e-7 and something in all coefficients."""
    part = table(50)
    landmarks = part.groups["landmarks"].reshape(50, 2, 6)
    landmarks[:, :, 0] = 1e-7 * np.abs(np.random.default_rng(0).normal(size=(50, 2)))
    landmarks[:, 0, 0] *= 20
    scaler = fit_scaler(part, ("landmarks",), np.arange(50), by_trajectory=True)
    assert scaler.std.reshape(2, 6)[:, 0].tolist() == [1, 1]


def test_mirrored_clips_count_in_the_statistics(table):
    part, swap = table(50), landmark_swap()
    scaler = fit_scaler(part, ("landmarks",), np.arange(50), swap=swap)
    both = np.concatenate([part.groups["landmarks"], swap(part.groups["landmarks"])])
    np.testing.assert_allclose(scaler.mean, both.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(scaler.std, both.std(axis=0), rtol=1e-4)
