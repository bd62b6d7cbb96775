"""The number of directions that validation chooses."""

from dataclasses import replace

import numpy as np
import pytest

from facewave.mlp import width as module
from facewave.mlp.options import AUTO
from facewave.mlp.projection import stratified
from facewave.mlp.width import balanced_loss, with_width
from tests.mlp.quick_training import FUSED, PLAIN, fit_model, fused, make_table


@pytest.fixture
def parts(tmp_path):
    return make_table(tmp_path, 60), make_table(tmp_path, 30, name="val", seed=1)


def never(options):
    raise AssertionError("nothing has to be trained")


def test_a_given_number_stays(parts):
    assert with_width(FUSED, *parts, never) == FUSED
    assert with_width(PLAIN, *parts, never) == PLAIN


def test_few_clips_have_the_fewest_directions(parts):
    assert with_width(fused(projection=AUTO), *parts, never) == fused(projection=192)


def test_the_lowest_validation_loss_chooses(parts, monkeypatch):
    monkeypatch.setattr(module, "WIDTHS", {4: 0, 8: 60, 12: 60, 16: 61})
    train, val = parts
    sureness, tried = {4: 0.5, 8: 0.9, 12: 0.9}, []

    def answer(options):
        tried.append(options.fusion.projection)
        assert not options.fusion.refit
        right = np.eye(3, dtype=np.float32)[val.labels]
        sure = sureness[options.fusion.projection]
        return sure * right + (1 - sure) / 2 * (1 - right)

    found = with_width(fused(projection=AUTO), train, val, answer)
    assert tried == [4, 8, 12]
    assert found == fused(projection=8)


def test_the_loss_is_a_mean_over_classes(parts):
    val = replace(parts[1], labels=np.array([0] * 29 + [1]), valid=np.ones(30, bool))
    sure = np.tile(np.float32([0.5, 0.25, 0.25]), (30, 1))
    assert balanced_loss(sure, val) == pytest.approx((np.log(2) + np.log(4)) / 2)


def test_the_chosen_number_is_in_the_model(tmp_path, parts, monkeypatch):
    monkeypatch.setattr(module, "WIDTHS", {2: 0, 8: 0})
    model, _ = fit_model(tmp_path, *parts, options=fused(projection=AUTO))
    chosen = model.options.fusion.projection
    assert chosen in (2, 8)
    again, _ = fit_model(tmp_path, *parts, options=fused(projection=chosen))
    for one, other in zip(
        model.network.state_dict().values(), again.network.state_dict().values(), strict=True
    ):
        assert one.equal(other)


class TestStratified:
    LABELS = np.array([0] * 900 + [1] * 90 + [2] * 10)

    def test_small_classes_are_there_in_full(self):
        rows = np.arange(1000) + 7
        found = stratified(rows, self.LABELS, count=100, seed=3)
        assert np.bincount(self.LABELS[found - 7]).tolist() == [45, 45, 10]
        assert (np.diff(found) > 0).all()

    def test_all_where_there_are_not_more(self):
        rows = np.array([5, 3, 9])
        assert stratified(rows, np.array([0, 0, 1]), count=3, seed=0).tolist() == [3, 5, 9]

    def test_the_seed_draws(self):
        rows = np.arange(1000)
        one, two, other = (stratified(rows, self.LABELS, count=60, seed=s) for s in (1, 1, 2))
        assert np.array_equal(one, two)
        assert not np.array_equal(one, other)
