"""Parts that cannot be trained on, and the targets of clips with and without votes."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from facewave.mlp.parts import class_mass, expected_targets, label_fractions, smoothed
from tests.mlp.quick_training import FUSED, PLAIN, divided_votes, fit_model, make_table


@pytest.fixture
def table(tmp_path):
    return partial(make_table, tmp_path)


@pytest.fixture
def fit(tmp_path):
    return partial(fit_model, tmp_path)


# What cannot be trained on


def test_too_little_data_is_refused(table, fit):
    with pytest.raises(ValueError, match="none of the training part's 0 clips is valid"):
        fit(table(0), table(9))
    with pytest.raises(ValueError, match="none of the training part's 9 clips is valid"):
        fit(table(9, invalid=9), table(9))
    with pytest.raises(ValueError, match="none of the validation part's 0 clips is valid"):
        fit(table(9), table(0))
    with pytest.raises(ValueError, match=r"class 'neutral': a classifier needs two"):
        fit(table(9, n_classes=1), table(9))
    val = table(4)
    val.labels[:] = 2
    with pytest.raises(ValueError, match="no valid validation clip has a class that occurs"):
        fit(table(9, n_classes=2), val)


def test_parts_that_do_not_fit_together_are_refused(table, fit):
    with pytest.raises(ValueError, match="layout: 'segments' and 'paper'"):
        fit(table(9), table(9, features={"layout": "paper"}))
    with pytest.raises(ValueError, match="classes"):
        fit(table(9), replace(table(9), classes=("x", "y", "z")))
    with pytest.raises(ValueError, match="'landmarks' is"):
        fit(table(9), replace(table(9), shapes={"landmarks": (1, 2), "blendshapes": (2, 4)}))
    with pytest.raises(ValueError, match="training part has no feature group 'landmarks'"):
        fit(table(9, groups=["blendshapes"]), table(9))


def test_nan_in_a_valid_clip_is_named(table, fit):
    train = table(9, invalid=1)
    train.groups["blendshapes"][0] = np.nan
    fit(train, table(9), options=replace(PLAIN, max_epochs=1))
    train.groups["blendshapes"][4, 2] = np.nan
    with pytest.raises(ValueError, match=r"'blendshapes' holds NaN or infinity.*'s0_004'"):
        fit(train, table(9))


@pytest.mark.parametrize("options", [PLAIN, FUSED], ids=["plain", "fused"])
def test_a_training_part_without_votes_is_refused(table, fit, options):
    options = replace(options, soft_labels=True)
    words = r"mlp\.soft_labels: none of the training part's 6 valid clips has votes .*false"
    with pytest.raises(ValueError, match=words):
        fit(table(6), table(6, seed=2), options=options)
    voted = table(9, votes=divided_votes, invalid=3)
    voted.label_distributions[3:] = np.nan  # votes of invalid clips only
    with pytest.raises(ValueError, match=words):
        fit(voted, table(6, seed=2), options=options)


# Targets


def test_target_computed_by_hand():
    fractions, weights = torch.tensor([[0.6, 0.4, 0.0]]), torch.tensor([1.0, 2.0, 4.0])
    plain = expected_targets(fractions, weights)
    torch.testing.assert_close(plain, torch.tensor([[0.6, 0.8, 0.0]]))
    # 0.6 x 1 x (0.7, 0, 0) + 0.4 x 2 x (0, 0.7, 0), and 0.1 of 1.4 for each class
    smooth = expected_targets(fractions, weights, smoothing=0.3)
    torch.testing.assert_close(smooth, torch.tensor([[0.56, 0.70, 0.14]]))


def test_unanimous_votes_have_the_target_of_their_label():
    labels, weights = torch.tensor([2, 0]), torch.tensor([0.3, 2.0, 1.7])
    found = expected_targets(torch.eye(3)[labels], weights, smoothing=0.2)
    expected = smoothed(labels, n_classes=3, smoothing=0.2) * weights[labels].unsqueeze(1)
    assert torch.equal(found, expected)
    torch.testing.assert_close(
        smoothed(torch.tensor([[1], [0]]), n_classes=2, smoothing=0.2),
        torch.tensor([[[0.1, 0.9]], [[0.9, 0.1]]]),
    )


def test_fractions_of_clips_with_and_without_votes(table):
    part = table(4, votes=divided_votes)
    rows = np.array([0, 2, 3])
    soft = label_fractions(part, rows, soft=True)
    expected = torch.tensor([[0.7, 0.3, 0], [0, 0, 1], [0.7, 0.3, 0]])
    torch.testing.assert_close(soft, expected)
    hard = label_fractions(part, rows, soft=False)
    assert torch.equal(hard, torch.eye(3)[[0, 2, 0]])
    np.testing.assert_allclose(class_mass(soft, part.labels[rows]), [1.4, 0.0, 1.0], rtol=1e-6)
