"""Which commit of a model is asked for where the configuration names none."""

import re

import pytest

from facewave.config.check import check_config
from facewave.pretrained import PINS, pinned_revision, with_pin
from facewave.vlm.plan import (
    annotation_params,
    fine_tuning_params,
    model_params,
    untrained_params,
    zero_shot_params,
)

PALIGEMMA = "google/paligemma2-3b-mix-448"
QWEN = "Qwen/Qwen2.5-VL-3B-Instruct"


def revisions(**vlm):
    """Return the revision that each plan of a configuration asks for."""
    asked = {"enabled": ["qwen"], "models": {"qwen": vlm}}
    config = check_config({"vlm": vlm, "annotate": vlm, "zero_shot": asked})
    return {
        model_params(config["vlm"], control="no_face", stage="fine_tuning")["model"]["revision"],
        untrained_params(config["vlm"], max_new_tokens=4)["model"]["revision"],
        zero_shot_params(config["zero_shot"], "qwen")["model"]["revision"],
        fine_tuning_params(config, "qwen")["model"]["revision"],
        annotation_params(config["annotate"])["revision"],
    }


@pytest.mark.parametrize("commit", PINS.values())
def test_a_pin_is_a_whole_commit(commit):
    assert re.fullmatch("[0-9a-f]{40}", commit)


def test_every_model_of_the_default_configuration_has_a_pin():
    config = check_config({})
    named = [config[name]["model"] for name in ("vlm", "annotate", "transcripts", "text_fusion")]
    named += [model["model"] for model in config["zero_shot"]["models"].values()]
    assert set(named) == set(PINS)


@pytest.mark.parametrize("model", [PALIGEMMA, QWEN])
def test_every_plan_holds_the_pinned_commit(model):
    assert revisions(model=model) == {PINS[model]}


@pytest.mark.parametrize("given", ["main", "v1.0", "0" * 40])
def test_a_given_revision_wins(given):
    assert revisions(model=QWEN, revision=given) == {given}


@pytest.mark.parametrize("model", ["someone/qwen2.5-vl-tuned", "/models/qwen", "tiny-random"])
def test_another_model_has_no_pin(model):
    assert revisions(model=model) == {None}


def test_the_other_keys_of_a_section_stay():
    section = {"model": PALIGEMMA, "revision": None, "frames": 3}
    assert with_pin(section) == {**section, "revision": PINS[PALIGEMMA]}
    assert section["revision"] is None
    assert pinned_revision(PALIGEMMA, "main") == "main"
