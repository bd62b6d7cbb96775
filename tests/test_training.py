"""Class weights and early stopping, which all trainings share."""

import pytest
import torch

from facewave.training import EarlyStopping, class_weights


def test_balanced_weights_computed_by_hand():
    weights = class_weights([0, 0, 0, 2], n_classes=4, kind="balanced")
    assert weights.dtype == torch.float32
    assert weights.tolist() == pytest.approx([4 / (2 * 3), 0.0, 4 / (2 * 1), 0.0])
    assert class_weights([0, 0, 2], n_classes=3, kind="none").tolist() == [1.0, 1.0, 1.0]


def test_early_stopping_keeps_the_best_epoch():
    stopping = EarlyStopping(patience=2)
    scores = [(0.5, 1.0), (0.6, 1.2), (0.6, 1.1), (0.6, 1.1), (0.5, 0.1)]
    better = []
    for epoch, (uar, loss) in enumerate(scores, start=1):
        assert not stopping.exhausted
        better.append(stopping.update(epoch, score=uar, loss=loss))
    assert better == [True, True, True, False, False]
    assert stopping.best_epoch == 3
    assert stopping.exhausted
