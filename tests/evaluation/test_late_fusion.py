"""Late fusion: the weight comes from the validation part alone."""

from dataclasses import replace

import numpy as np
import pytest

from facewave.evaluation.late_fusion import fuse
from facewave.evaluation.predictions import Predictions

CLASSES = ("a", "b")


def answers(probabilities, *, model="mlp"):
    probabilities = np.array(probabilities, np.float32)
    return Predictions(
        clip_ids=[f"c{i}" for i in range(6)],
        parts=["val"] * 4 + ["test"] * 2,
        labels=np.array([0, 0, 1, 1, 0, 1]),
        predicted=probabilities.argmax(axis=1),
        valid=np.ones(6, bool),
        probabilities=probabilities,
        classes=CLASSES,
        metadata={"model": model, "seed": 7},
    )


def sure_of(*first):
    return [[value, 1 - value] for value in first]


RIGHT = sure_of(0.9, 0.9, 0.1, 0.1, 0.2, 0.9)
WRONG = sure_of(0.1, 0.2, 0.8, 0.9, 0.9, 0.1)


def test_the_model_that_is_right_on_the_validation_part_is_taken():
    first, second = answers(WRONG), answers(RIGHT, model="vlm")
    found = fuse(first, second)
    assert found.metadata == {"model": "mlp + vlm", "seed": 7, "weight": 1.0}
    np.testing.assert_array_equal(found.probabilities, second.probabilities)
    # On the test part the other one is right, which must not matter.
    assert found.predicted.tolist() == [0, 0, 1, 1, 1, 0]
    assert fuse(second, first).metadata["weight"] == 0.0


def test_two_that_are_each_half_right_are_mixed():
    first = answers(sure_of(0.9, 0.4, 0.1, 0.6, 0.5, 0.5))
    second = answers(sure_of(0.3, 0.9, 0.7, 0.2, 0.5, 0.5))
    found = fuse(first, second)
    weight = found.metadata["weight"]
    assert 0 < weight < 1
    np.testing.assert_allclose(
        found.probabilities,
        (1 - weight) * first.probabilities + weight * second.probabilities,
        rtol=1e-6,
    )
    assert found.predicted[:4].tolist() == [0, 0, 1, 1]
    assert found.parts == first.parts


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clip_ids": [f"d{i}" for i in range(6)]}, "different clips"),
        ({"classes": ("a", "c")}, "different classes"),
        ({"parts": ["test"] * 6}, "different clips"),
    ],
)
def test_models_of_other_clips_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        fuse(answers(RIGHT), replace(answers(WRONG), **changes))


def test_without_validation_clips_there_is_no_weight():
    parts = {"parts": ["test"] * 6}
    with pytest.raises(ValueError, match="no validation clip"):
        fuse(replace(answers(RIGHT), **parts), replace(answers(WRONG), **parts))
