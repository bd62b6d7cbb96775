"""What decides a job's result: options of stages and controls, targets, what the report shows."""

import math
from itertools import product

import pytest
import yaml

from facewave.config.check import check_config
from facewave.config.errors import ConfigError
from facewave.config.table import CONFIG_PATH
from facewave.vlm.faces.options import ModelOptions
from facewave.vlm.plan import (
    CONTROLS,
    FAMILIES,
    STAGES,
    TOYS,
    TargetsError,
    chosen_targets,
    evaluation_folder,
    has_toys,
    model_params,
    shown_models,
    shown_zero_shot,
    vlm_section,
)
from facewave.vlm.training.interface import TrainingOptions
from facewave.vlm.training.parts import PARTS
from tests.vlm.zero_shot_jobs import TINY

CLASSES = ("neutral", "happy")


def section(family="paligemma", **changes):
    return vlm_section(check_config({"vlm": changes}), family)


def test_every_stage_and_control_has_options_that_can_be_built():
    for family, control, stage in product(FAMILIES, ("full", *CONTROLS), STAGES):
        params = model_params(section(family), control=control, stage=stage)
        built = ModelOptions(**params["model"], classes=CLASSES, face_shapes={"pose": (2, 6)})
        assert built.family == family
        assert set(params["inputs"]) == {
            *("frame_choice", "use_text", "cache_images", "shuffle_faces", "groups", "mirror")
        }
        assert set(TrainingOptions.from_config(params["training"]).rates) == set(PARTS)


def test_what_is_null_is_that_of_the_mlp_and_qwen_changes_what_it_names():
    config = check_config(
        {
            "mlp": {"inputs": ["blendshapes", "pose"], "fusion": None},
            "vlm": {"width": 64, "qwen": {"model": "tiny-random-qwen", "frames": 3}},
        }
    )
    one, other = (vlm_section(config, family) for family in FAMILIES)
    assert one["inputs"] == other["inputs"] == ["blendshapes", "pose"]
    assert one["mirror"] is other["mirror"] is False
    assert section()["mirror"] is True
    assert section(mirror=False, inputs=["pose"])["inputs"] == ["pose"]
    differ = {name for name in one if one[name] != other[name]}
    assert differ == {"model", "frames", "family"}
    assert other["width"] == 64
    assert "max_pixels" not in one


def test_a_stage_can_have_a_rate_of_its_own():
    given = section(learning_rate=0.003, stages={"fine_tuning": {"learning_rate": 0.001}})
    rates = [
        model_params(given, control="full", stage=stage)["training"]["learning_rate"]
        for stage in STAGES
    ]
    assert rates == [0.003, 0.001]


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
    built = ModelOptions(**{**params, "targets": ("valence",)}, face_shapes={"pose": (2, 6)})
    assert built.regression_loss == loss
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
    titles = shown_zero_shot(check_config({"zero_shot": given})["zero_shot"])
    assert titles == {"qwen, zero-shot (toy size, random weights)": "zero_shot/qwen"}
    assert shown_zero_shot(check_config({})["zero_shot"]) == {}
    own = section("qwen", qwen={"model": "tiny-random-qwen", "report": ["adaptation"]})
    assert shown_models(own) == {
        "Qwen2.5-VL with a face at toy size, random weights: after adaptation": "adaptation"
    }
    config = check_config({"vlm": {"qwen": {"model": "tiny-random-qwen"}, "report": ["fusion"]}})
    assert not has_toys(config["vlm"])
    assert has_toys({**config["vlm"], "model": "tiny-random"})


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


def test_tokens_of_features_that_are_not_there_are_refused():
    for changes, message in (
        ({"wavelet": {"energy": False}}, r"vlm\.inputs: found 'pose_energy', which needs wavelet"),
        ({"features": {"head_pose": False}}, r"vlm\.inputs: found 'pose', which needs features"),
        ({"features": {"align": "none"}}, r"vlm\.mirror: found true, expected false or null"),
    ):
        mlp = {"inputs": ["blendshapes"]}
        vlm = {"inputs": ["pose", "pose_energy"], "mirror": True}
        with pytest.raises(ConfigError, match=message):
            check_config({"mlp": mlp, "vlm": vlm, **changes})


def test_the_tiny_preset_is_valid():
    preset = yaml.safe_load((CONFIG_PATH.parent / "presets" / "vlm_tiny.yaml").read_text())
    config = check_config(preset)
    for family, stage in product(FAMILIES, STAGES):
        given = vlm_section(config, family)
        assert given["model"] in TOYS
        params = model_params(given, control="full", stage=stage)
        ModelOptions(**params["model"], classes=CLASSES, face_shapes={"pose": (2, 6)})


def test_the_tiny_preset_hides_no_rate_that_is_too_small():
    """Its rates, stages and shares are the defaults, and so is the sum of its steps' sizes."""
    preset = yaml.safe_load((CONFIG_PATH.parent / "presets" / "vlm_tiny.yaml").read_text())
    assert not {"rates", "stages", "warmup", "dropout"} & set(preset["vlm"])
    usual, tiny = check_config({})["vlm"], check_config(preset)["vlm"]

    def travelled(given, clips):
        clips_a_step = given["batch_size"] * given["accumulation"]
        steps = [
            math.ceil(clips * stage["share"] / clips_a_step) * stage["epochs"]
            for stage in given["stages"].values()
        ]
        return given["learning_rate"] * sum(steps)

    # A training part of DFEW and one of Java-SED.
    assert travelled(tiny, 72) < 1.5 * travelled(usual, 8400)


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
    with pytest.raises(ConfigError, match=r"zero_shot\.face_words: found true"):
        check_config({"zero_shot": {"face_words": True}, "wavelet": {"layout": "pyramid"}})
