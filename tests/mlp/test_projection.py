"""The principal directions of feature groups, and what the network takes of a part's clips."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from facewave.mlp.projection import ClipValues, fit_projection, mirror_signs
from facewave.mlp.standardise import fit_scaler
from tests.mlp.quick_training import INPUTS, landmark_swap, make_table


@pytest.fixture
def table(tmp_path):
    return partial(make_table, tmp_path)


def values_of(part, inputs, *, scaler, projection):
    """Return the values of all valid clips in order."""
    values = ClipValues(part, inputs, scaler=scaler, projection=projection)
    return torch.cat(list(values.in_order()))


def test_keeps_distances_of_the_training_clips(table):
    part = table(20)
    rows = np.arange(20)
    scaler = fit_scaler(part, INPUTS, rows)
    projection = fit_projection(part, INPUTS, rows, scaler=scaler, width=100, swap=None, seed=0)
    found = values_of(part, INPUTS, scaler=scaler, projection=projection)
    # 12 landmark and 8 blendshape columns: all directions are kept, each group has variance 1.
    assert found.shape == (20, 20)
    for group, columns in (("landmarks", slice(0, 12)), ("blendshapes", slice(12, 20))):
        values = part.groups[group].astype(np.float64)
        values = (values - values.mean(axis=0)) / values.std(axis=0)
        expected = np.linalg.norm(values[:, None] - values, axis=2) / np.sqrt(values.shape[1])
        distances = torch.cdist(found[:, columns], found[:, columns])
        np.testing.assert_allclose(distances, expected, atol=1e-3)


@pytest.mark.parametrize("clips", [8, 50])
def test_mirrored_clips_count_in_the_directions(table, clips):
    """The directions are those of all clips and their mirror images, found by another way."""
    part, swap, rows, width = table(clips), landmark_swap(), np.arange(clips), 5
    inputs = ("landmarks",)
    scaler = fit_scaler(part, inputs, rows, swap=swap)
    projection = fit_projection(part, inputs, rows, scaler=scaler, width=width, swap=swap, seed=0)
    mirrored = replace(part, groups={"landmarks": swap(part.groups["landmarks"])})
    one, other = (
        values_of(table, inputs, scaler=scaler, projection=projection) for table in (part, mirrored)
    )
    torch.testing.assert_close(other, one * mirror_signs(projection, swap))
    assert set(mirror_signs(projection, swap).tolist()) == {-1.0, 1.0}
    values = np.concatenate([t.groups["landmarks"] for t in (part, mirrored)])
    values = (values - scaler.mean.numpy()) / scaler.std.numpy()
    left, sizes, _ = np.linalg.svd(values.astype(np.float64), full_matrices=False)
    expected = left[:, :width] * sizes[:width]
    expected /= np.sqrt((sizes[:width] ** 2).sum() / (2 * clips))
    found = torch.cat([one, other]).numpy()
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-4)


def test_a_group_that_does_not_vary_says_nothing(table):
    part = table(10)
    part.groups["blendshapes"][:] = 0.5
    scaler = fit_scaler(part, INPUTS, np.arange(10), by_trajectory=True)
    projection = fit_projection(
        part, INPUTS, np.arange(10), scaler=scaler, width=4, swap=None, seed=0
    )
    found = values_of(part, INPUTS, scaler=scaler, projection=projection)
    assert found.shape == (10, 5)
    assert not found[:, 4].any()


@pytest.mark.parametrize("projected", [True, False])
def test_values_of_clips_in_any_order(table, projected):
    part = table(150, invalid=10)
    rows = np.flatnonzero(part.valid)
    scaler = fit_scaler(part, INPUTS, rows)
    projection = None
    if projected:
        projection = fit_projection(part, INPUTS, rows, scaler=scaler, width=4, swap=None, seed=0)
    values = ClipValues(part, INPUTS, scaler=scaler, projection=projection)
    joined = np.concatenate([part.groups[name][rows] for name in INPUTS], axis=1)
    expected = scaler(torch.from_numpy(joined))
    if projection:
        expected = projection(expected)
    assert values.width == expected.shape[1] == (8 if projected else 20)
    torch.testing.assert_close(torch.cat(list(values.in_order())), expected)
    clips = torch.tensor([[139, 0, 7], [8, 9, 0]])
    torch.testing.assert_close(values[clips], expected[clips])
