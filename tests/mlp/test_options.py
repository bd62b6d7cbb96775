"""Options of the MLP: from the configuration, and what cannot work."""

import json
from dataclasses import asdict, replace

import pytest

from facewave.config.check import check_config
from facewave.config.schema import load_yaml
from facewave.config.table import CONFIG_PATH
from facewave.mlp.options import FusionOptions, MlpOptions
from tests.mlp.quick_training import FUSED, PLAIN, fused


def test_options_come_from_the_configuration():
    options = MlpOptions.from_config({"inputs": ["blendshapes"], "hidden": [8, 4], "dropout": 0.1})
    assert options.inputs == ("blendshapes",)
    assert options.hidden == (8, 4)
    assert options.fusion is None
    with pytest.raises(ValueError, match=r"unknown option mlp\.hiden"):
        MlpOptions.from_config({"inputs": ["blendshapes"], "hiden": [8]})
    with pytest.raises(ValueError, match=r"mlp\.inputs is missing"):
        MlpOptions.from_config({})


def test_fusion_comes_from_the_configuration():
    section = {"inputs": ["blendshapes"], "soft_labels": True, "fusion": {"projection": 8}}
    options = MlpOptions.from_config(json.loads(json.dumps(section)))
    assert options.soft_labels is True
    assert options.fusion == FusionOptions(projection=8)
    assert MlpOptions.from_config({**section, "fusion": None}).fusion is None
    with pytest.raises(ValueError, match=r"unknown option mlp\.fusion\.prjection"):
        MlpOptions.from_config({**section, "fusion": {"prjection": 8}})
    assert MlpOptions.from_config(asdict(options)) == options


def test_defaults_of_fusion_are_those_of_the_configuration():
    section = check_config(load_yaml(CONFIG_PATH))["mlp"]["fusion"]
    assert section == asdict(FusionOptions())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("inputs", ()),
        ("inputs", ("landmarks", "landmarks")),
        ("hidden", (0,)),
        ("dropout", 1.0),
        ("learning_rate", 0.0),
        ("learning_rate", float("inf")),
        ("weight_decay", -1.0),
        ("batch_size", 0),
        ("max_epochs", 0),
        ("patience", 0),
        ("class_weights", "some"),
    ],
)
def test_options_that_cannot_work_are_refused(name, value):
    with pytest.raises(ValueError, match=rf"mlp\.{name} cannot be"):
        replace(PLAIN, **{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("projection", 0),
        ("standardise", "group"),
        ("label_smoothing", 1.0),
        ("mixup", -0.1),
        ("schedule", "step"),
        ("keep", "first"),
        ("ensemble", 0),
    ],
)
def test_options_of_fusion_that_cannot_work_are_refused(name, value):
    with pytest.raises(ValueError, match=rf"mlp\.fusion\.{name} cannot be"):
        fused(FUSED, **{name: value})
