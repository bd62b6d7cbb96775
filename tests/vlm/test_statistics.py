"""Mean and deviation of the face features over the training part."""

import numpy as np
import pytest

from facewave.splits.read import read_split
from facewave.vlm.faces.statistics import face_arrays, fit_statistics
from tests.splits.split_files import CLASSES, write_split


@pytest.fixture
def split(tmp_path):
    """A split of six clips, the last without a face, as the workflow lays it out."""
    random = np.random.default_rng(0)
    shapes = {"landmarks": (2, 478, 3), "blendshapes": (2, 52), "pose": (2, 6)}
    columns = {
        "clip_id": [f"c{i}" for i in range(6)],
        "label": np.arange(6) % 3,
        "valid": np.arange(6) < 5,
    }
    for name, shape in shapes.items():
        values = random.normal(loc=3.0, scale=2.0, size=(6, int(np.prod(shape))))
        columns[name] = np.where(columns["valid"][:, None], values, 0.0).astype(np.float32)
    path = write_split(tmp_path / "train.parquet", columns, classes=CLASSES, shapes=shapes)
    return read_split(path, groups=("landmarks", "blendshapes"))


def test_statistics_are_those_of_the_valid_training_clips(split):
    statistics = fit_statistics(split)
    for name, shape in (("landmarks", (2, 478, 3)), ("blendshapes", (2, 52))):
        values = split.groups[name][:5].reshape(5, *shape).astype(np.float64)
        np.testing.assert_allclose(
            statistics.mean[name], values.mean(axis=0).reshape(2, -1), rtol=1e-5
        )
        pooled = np.sqrt((values.std(axis=0) ** 2).mean(axis=0))
        np.testing.assert_allclose(statistics.std[name][0], pooled.ravel(), rtol=1e-5)
        assert statistics.std[name][0].equal(statistics.std[name][1])


def test_features_come_out_of_a_split_as_they_went_in(split):
    arrays = face_arrays(split, 3)
    assert arrays["landmarks"].shape == (2, 478, 3)
    assert arrays["blendshapes"].shape == (2, 52)
    np.testing.assert_array_equal(arrays["landmarks"].ravel(), split.groups["landmarks"][3])


def test_statistics_need_a_usable_face(split):
    split.valid[:] = False
    with pytest.raises(ValueError, match=r"no clip of the training part has a usable face"):
        fit_statistics(split)
