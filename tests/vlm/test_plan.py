"""What decides a job's result: options of stages and controls, targets, what the report shows."""

import pytest
import yaml

from facewave.config.check import check_config
from facewave.config.errors import ConfigError
from facewave.config.table import CONFIG_PATH
from facewave.vlm.faces.options import ModelOptions
from facewave.vlm.plan import (
    CONTROLS,
    STAGES,
    TargetsError,
    chosen_targets,
    evaluation_folder,
    model_params,
    shown_fine_tuned,
    shown_models,
    shown_zero_shot,
)
from facewave.vlm.training.interface import TrainingOptions
from tests.vlm.zero_shot_jobs import TINY

CLASSES = ("neutral", "happy")


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


def test_the_report_names_toys():
    given = {"report": True, "models": TINY, "enabled": ["qwen"]}
    section = check_config({"zero_shot": given})
    titles = shown_zero_shot(section["zero_shot"])
    assert titles == {"qwen, zero-shot (toy size, random weights)": "zero_shot/qwen"}
    assert shown_zero_shot(check_config({})["zero_shot"]) == {}
    trained = {"models": ["qwen", "big"], "report": True}
    models = {**TINY, "big": {"model": "/weights/big"}}
    config = check_config(
        {"zero_shot": {"models": models, "enabled": ["qwen"]}, "fine_tune": trained}
    )
    assert shown_fine_tuned(config) == {
        "qwen, fine-tuned (toy size, random weights)": "fine_tuned/qwen",
        "big, fine-tuned": "fine_tuned/big",
    }
    assert shown_fine_tuned(check_config({})) == {}


def test_which_targets_are_predicted():
    section = {"head": "regression", "targets": None}
    known = ["arousal", "valence"]
    assert chosen_targets(section, known, dataset="d") == ("arousal", "valence")
    section["targets"] = {"columns": ["valence"], "loss": "mse"}
    assert chosen_targets(section, known, dataset="d") == ("valence",)
    assert chosen_targets({**section, "head": "linear"}, [], dataset="d") == ()
    with pytest.raises(
        TargetsError, match=r"clips of d have no targets; .*datasets\.d\.targets: {"
    ):
        chosen_targets(section, [], dataset="d")
    section["targets"] = {"columns": ["valense"]}
    with pytest.raises(TargetsError, match=r"target of d \(arousal, valence\).* mean 'valence'"):
        chosen_targets(section, known, dataset="d")


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt": "What of {emotions}?"}, r"zero_shot\.prompt: there is no field {emotions}"),
        ({"prompt": "nonsense"}, r"zero_shot\.prompt: there is no template 'nonsense'"),
        ({"prompt": "Which of {classes}?", "face_words": True}, "template has no {text}"),
    ],
)
def test_prompts_of_zero_shot_that_cannot_be_used_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        check_config({"zero_shot": changes})


def test_models_that_are_not_there_are_refused():
    with pytest.raises(ConfigError, match=r"zero_shot\.enabled\[0\]: found 'qwem'.*did you mean"):
        check_config({"zero_shot": {"enabled": ["qwem"]}})
    with pytest.raises(ConfigError, match=r"fine_tune\.models\[0\]: found 'other'"):
        check_config({"fine_tune": {"models": ["other"]}})
    with pytest.raises(ConfigError, match=r"zero_shot\.face_words: found true"):
        check_config({"zero_shot": {"face_words": True}, "wavelet": {"layout": "pyramid"}})
