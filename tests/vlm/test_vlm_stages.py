"""Which clips and which options a stage of the vision-language model has."""

from collections import Counter

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.config.check import check_config
from facewave.config.errors import ConfigError
from facewave.config.table import CONFIG_PATH
from facewave.versions import VLM_VERSION
from facewave.vlm.fine_tuning.stage_rows import stage_rows
from facewave.vlm.paligemma.options import ModelOptions
from facewave.vlm.plan import CONTROLS, STAGES, evaluation_folder, model_params, shown_models
from facewave.vlm.training.options import TrainingOptions
from facewave.vlm.training.schedule import epoch_steps, micro_seed

CLASSES = ("neutral", "happy")
FROZEN = {
    "adaptation": [0, 4, 5, 9],
    "fine_tuning": [2, 6, 7],
    "steps": [[[0, 4, 5], [3, 1, 2]], [[6]]],
    "seed": 6615342205916136666,
}


def rows(labels, first, second, seed=1):
    ids = [f"c{i}" for i in range(len(labels))]
    shares = {"adaptation": first, "fine_tuning": second}
    return stage_rows(ids, labels, shares=shares, seed=seed)


# Subsets


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=4, max_size=90),
    st.floats(0.05, 0.5),
    st.floats(0.05, 0.5),
    st.integers(0, 5),
)
def test_stages_are_disjoint_and_of_their_size(labels, first, second, seed):
    found = rows(labels, first, second, seed)
    adaptation, tuning = (set(found[stage].tolist()) for stage in STAGES)
    assert not adaptation & tuning
    assert abs(len(adaptation) - first * len(labels)) <= 1
    assert abs(len(tuning) - second * len(labels)) <= 1
    assert found["adaptation"].tolist() == sorted(adaptation)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=20, max_size=90), st.floats(0.05, 0.24))
def test_a_larger_share_keeps_the_clips_of_a_smaller_one(labels, share):
    small, large = rows(labels, share, share), rows(labels, share + 0.2, share + 0.2)
    for stage in STAGES:
        assert set(small[stage].tolist()) <= set(large[stage].tolist())
    # And the share of one stage moves no clip of the other.
    alone = rows(labels, share + 0.2, share)
    assert alone["fine_tuning"].tolist() == small["fine_tuning"].tolist()


def test_every_class_has_its_share_in_both_stages():
    labels = [0] * 60 + [1] * 30 + [2] * 10
    found = rows(labels, 0.3, 0.2)
    for stage, wanted in (("adaptation", (18, 9, 3)), ("fine_tuning", (12, 6, 2))):
        counts = Counter(np.array(labels)[found[stage]].tolist())
        assert all(abs(counts[label] - wanted[label]) <= 1 for label in range(3))


def test_the_seed_decides_and_the_order_of_clips_does_not():
    labels = [0, 1] * 20
    assert rows(labels, 0.3, 0.2)["adaptation"].tolist() != (
        rows(labels, 0.3, 0.2, seed=2)["adaptation"].tolist()
    )
    ids = [f"c{i}" for i in range(40)]
    shares = {"adaptation": 0.3, "fine_tuning": 0.2}
    one = stage_rows(ids, labels, shares=shares, seed=1)["adaptation"]
    other = stage_rows(ids[::-1], labels[::-1], shares=shares, seed=1)["adaptation"]
    assert {ids[row] for row in one} == {ids[::-1][row] for row in other}


def test_too_much_and_too_little_are_refused():
    with pytest.raises(ValueError, match="more than the whole"):
        rows([0, 1] * 10, 0.8, 0.3)
    with pytest.raises(ValueError, match="too few"):
        rows([0], 0.5, 0.5)


# Options


def section(**changes):
    return check_config({"vlm": changes})["vlm"]


def test_every_stage_and_control_has_options_that_can_be_built():
    for control in ("full", *CONTROLS):
        for stage in STAGES:
            params = model_params(section(), control=control, stage=stage)
            ModelOptions(**params["model"], classes=CLASSES)
            assert set(params["inputs"]) == {
                *("frame_choice", "use_text", "cache_images", "shuffle_faces")
            }
            TrainingOptions.from_config(params["training"])


def test_controls_take_away_what_they_say():
    def control(name):
        given = section(use_text=True)
        params = model_params(given, control=name, stage="fine_tuning")
        model, inputs = params["model"], params["inputs"]
        return (
            *(model.get("use_face", True), model.get("use_image", True), model["prompt"]),
            *(inputs["use_text"], inputs["shuffle_faces"]),
        )

    assert control("full") == (True, True, "question_text", True, False)
    assert control("no_face") == (False, True, "question_text", True, False)
    assert control("shuffled_faces") == (True, True, "question_text", True, True)
    assert control("shuffled_time") == control("full")
    assert control("image_only") == (False, True, "question", False, False)
    assert control("face_only") == (True, False, "question", False, False)


def test_both_stages_build_the_same_modules():
    one, two = (model_params(section(), control="full", stage=stage) for stage in STAGES)
    assert one["model"] == two["model"]
    assert one["model"]["projector"] is True
    assert one["stage"]["train"] == ["face", "projector"]
    assert two["stage"]["train"] == ["face", "lora"]


@pytest.mark.parametrize("loss", ["mse", "huber"])
def test_the_loss_of_a_regression_is_the_configured_one(loss):
    given = section(head="regression", targets=None if loss == "mse" else {"loss": loss})
    params = model_params(given, control="full", stage="adaptation", targets=("valence",))["model"]
    assert ModelOptions(**{**params, "targets": ("valence",)}).regression_loss == loss
    assert params["targets"] == ["valence"]


def test_speed_alone_changes_nothing_that_reruns_a_job():
    usual = model_params(section(), control="full", stage="adaptation")
    assert usual == model_params(section(gpus=4, threads=16), control="full", stage="adaptation")
    assert usual != model_params(section(batch_size=2), control="full", stage="adaptation")


def test_nothing_is_shown_by_default():
    assert shown_models(section()) == {}
    shown = shown_models(section(report=["fusion", "zero_shot"], model="tiny-random"))
    folders = [evaluation_folder("paligemma", stage) for stage in shown.values()]
    assert folders == ["zero_shot/untrained_paligemma", "paligemma/full/fusion"]
    assert all("random weights" in title for title in shown)


# Configuration


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dtype": "float16"}, "float16 overflows in Gemma"),
        ({"width": 100, "heads": 8}, "a multiple of vlm.heads"),
        (
            {"stages": {"adaptation": {"share": 0.7}, "fine_tuning": {"share": 0.4}}},
            r"0.7 \+ 0.4",
        ),
        ({"lora_rank": 0}, "vlm.stages.fine_tuning.train: found lora"),
        (
            {"targets": {"table": "t.csv", "columns": ["v"]}},
            r"vlm\.targets\.table: .* datasets\.<name>\.targets: {table: scores\.csv, columns",
        ),
        (
            {
                "head": "regression",
                "report": ["fusion"],
            },
            "adaptation or fine_tuning",
        ),
        ({"head": "generate", "report": ["fusion"]}, "expected none with head: generate"),
        ({"prompt": "qestion"}, r"there is no template 'qestion'"),
        ({"prompt": "Which {emotion}?"}, r"there is no field \{emotion\}"),
        ({"prompt": "Which of {classes}?", "use_text": True}, r"without \{text\}"),
        ({"modle": "x"}, "did you mean 'vlm.model'|did you mean 'model'"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        check_config({"vlm": changes})


def test_the_tiny_preset_is_valid():
    preset = yaml.safe_load((CONFIG_PATH.parent / "presets" / "vlm_tiny.yaml").read_text())
    given = check_config(preset)["vlm"]
    assert given["model"] == "tiny-random"
    for stage in STAGES:
        ModelOptions(**model_params(given, control="full", stage=stage)["model"], classes=CLASSES)


# What a seed decides, frozen: raise VLM_VERSION where it changes


def test_what_the_seed_decides_stays_as_it_is():
    labels = [0, 1, 2, 0, 1, 2, 0, 1, 0, 0]
    found = rows(labels, 0.4, 0.3, seed=5)
    steps = epoch_steps(7, batch_size=3, accumulation=2, seed=5, epoch=2)
    seed = micro_seed(5, epoch=2, step=1, place=3)
    assert VLM_VERSION == 2
    assert found["adaptation"].tolist() == FROZEN["adaptation"]
    assert found["fine_tuning"].tolist() == FROZEN["fine_tuning"]
    assert [[batch.tolist() for batch in step] for step in steps] == FROZEN["steps"]
    assert seed == FROZEN["seed"]
