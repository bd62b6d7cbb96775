"""Class lists that datasets come with."""

import pytest

from facewave.config.check import check_config, dataset_config


@pytest.mark.parametrize(
    ("options", "classes"),
    [
        ({"adapter": "mafw"}, 11),
        ({"adapter": "mafw", "classes_preset": 7}, 7),
        ({"adapter": "mafw", "classes_preset": "compound"}, 32),
        ({"adapter": "mafw", "classes_preset": "compound-43"}, 43),
        ({"adapter": "ravdess"}, 8),
        ({"adapter": "crema_d"}, 6),
        ({"adapter": "crema_d", "classes": ["sad", "happy"]}, 2),
        ({"adapter": "folders"}, 7),
    ],
)
def test_class_lists_that_datasets_come_with(options, classes):
    config = {"enabled": ["d"], "datasets": {"d": {**options, "root": "/x"}}}
    full = dataset_config(check_config(config), "d")
    assert len(full["classes"]) == classes
    assert full == dataset_config(config, "d")
