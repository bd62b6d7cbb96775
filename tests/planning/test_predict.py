"""What `predict` asks for: the model's files, and what is refused before anything runs."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from facewave.config.check import check_config
from facewave.planning.plan import PlanError
from facewave.planning.predict import (
    asked_vlm,
    asked_weights,
    model_files,
    model_state,
    prediction_options,
    run_files,
)
from facewave.planning.project import stage_options
from facewave.predict.description import FORMAT, FORMAT_VERSION


def project(*datasets):
    """Return a project of labelled datasets with one fold each."""
    return SimpleNamespace(
        tested=list(datasets),
        enabled=list(datasets),
        results=Path("results"),
        plans={name: SimpleNamespace(unlabelled=0) for name in datasets},
        of_folds=lambda name, pattern: [Path("results") / name / pattern.format(split="80-10-10")],
    )


def config(**predict):
    return check_config({"predict": {"videos": "clips", **predict}})


def write_bundle(folder, **changes):
    """Write a description that fits the default configuration, but for the changes."""
    options = stage_options(check_config({}))
    content = {
        "format": FORMAT, "format_version": FORMAT_VERSION, "facewave": "0", "name": "small",
        "classes": ["a", "b"], "members": [], "baseline": None, "weights_sha256": "ab",
        "features": {**options["features"], "channels": "x"}, "tracks": options["tracks"],
        **changes,
    }  # fmt: skip
    folder.mkdir()
    (folder / "model.json").write_text(json.dumps(content))
    (folder / "options.yaml").write_text("")
    return folder


def test_an_own_model_is_made_by_the_rules():
    bundle = [Path("results/models/small/model.json"), Path("results/models/small") / "weights.safetensors"]  # fmt: skip  # noqa: E501
    assert model_files(config(), project("small")) == bundle
    assert model_files(config(model="results/models/small"), project("small")) == bundle
    fold = "results/small/mlp/80-10-10/checkpoint.pt"
    assert model_files(config(model=fold), project("small")) == [Path(fold)]
    assert model_state(config(model=fold), project("small")) is None


def test_an_ensemble_is_of_one_dataset():
    with pytest.raises(PlanError, match="ensemble with the datasets one, two"):
        model_files(config(), project("one", "two"))


def test_a_foreign_model_that_fits(tmp_path):
    folder = write_bundle(tmp_path / "m")
    given = config(model=str(folder))
    assert model_files(given, project("small")) == []
    assert model_state(given, project("small")) == "ab"


def test_a_foreign_model_that_does_not_fit_is_refused_by_name(tmp_path):
    options = stage_options(check_config({}))
    tracks = {**options["tracks"], "model_sha256": "0", "software": {"av": "1"}}
    folder = write_bundle(tmp_path / "m", tracks=tracks)
    given = config(model=str(folder)) | {"wavelet": {**options["features"]["wavelet"], "coefficients": 4}}  # fmt: skip  # noqa: E501
    with pytest.raises(PlanError) as caught:
        model_files(given, project("small"))
    text = str(caught.value)
    assert "wavelet.coefficients: found 4, the model needs 10" in text
    assert 'landmarker.sha256: found "64184e2' in text
    assert 'software.av: found "18' in text
    assert text.endswith(f"add `--configfile {folder}/options.yaml`")


VLM = "results/small/vlm/qwen/full/fine_tuning/80-10-10"
SECTIONS = {"qwen": {"model": "o/q", "revision": None, "gpus": 4, "threads": 2}}


def write_vlm(folder, *, name="weights.safetensors", features=None, **model):
    """Write what a trained vision-language model says of itself, without any weights."""
    options = stage_options(check_config({}))
    given = {"model": "org/model", "revision": "main", "head": "verbaliser", **model}
    content = {
        "format": "facewave-vlm",
        "options": {"model": given, "inputs": {"shuffle_faces": False}},
        "commit": "c" * 40,
        "held_out": {},
        "split_metadata": {
            "features": {**options["features"], "channels": "x", **(features or {})},
            "tracks": options["tracks"],
        },
    }
    header = json.dumps({"__metadata__": {"facewave": json.dumps(content)}}).encode()
    folder.mkdir()
    (folder / name).write_bytes(len(header).to_bytes(8, "little") + header)
    return folder


def test_an_own_vision_language_model_is_made_by_the_rules():
    given, own = config(model=VLM), project("small")
    assert model_files(given, own) == [Path(VLM, "weights.safetensors")]
    assert model_state(given, own) is None
    asked = asked_vlm(given, own, SECTIONS)
    assert asked == {"model": "o/q", "revision": None, "gpus": 1, "threads": 2}
    assert [*asked_weights(asked).values()] == [
        {"model": "o/q", "revision": None, "setting": "vlm.model"}
    ]
    shared = model_files(config(model=f"{VLM}/peft"), own)
    assert [path.name for path in shared] == [
        *("adapter_config.json", "adapter_model.safetensors", "face_modules.safetensors")
    ]
    assert asked_vlm(config(), own, SECTIONS) is None
    words = check_config({"predict": {"videos": "v", "model": VLM}, "vlm": {"head": "generate"}})
    with pytest.raises(PlanError, match=r"vlm\.head: generate, expected verbaliser or linear"):
        model_files(words, own)
    with pytest.raises(PlanError, match=r"predict\.people: found all with the vision-language"):
        model_files(config(model=VLM, people="all"), own)


@pytest.mark.parametrize("name", ["weights.safetensors", "face_modules.safetensors"])
def test_a_foreign_vision_language_model(tmp_path, name):
    own = project("small")
    given = config(model=str(write_vlm(tmp_path / "m", name=name)))
    assert model_files(given, own) == []
    assert model_state(given, own) is not None
    asked = asked_vlm(given, own, SECTIONS)
    assert (asked["model"], asked["revision"]) == ("org/model", "c" * 40)
    toy = config(model=str(write_vlm(tmp_path / "toy", name=name, model="tiny-random")))
    assert asked_vlm(toy, own, SECTIONS)["gpus"] == 0
    assert asked_weights(asked_vlm(toy, own, SECTIONS)) == {}
    other = write_vlm(tmp_path / "other", name=name, features={"version": 0})
    with pytest.raises(PlanError, match=r"version of the stage: found .*, the model needs 0"):
        model_files(config(model=str(other)), own)
    words = write_vlm(tmp_path / "words", name=name, head="generate")
    with pytest.raises(PlanError, match="answers in words"):
        model_files(config(model=str(words)), own)


def test_no_model_and_no_videos():
    with pytest.raises(PlanError, match="no such file or folder"):
        model_files(config(model="nowhere"), project("small"))
    with pytest.raises(PlanError, match=r"predict\.videos: found null"):
        run_files(check_config({}))
    with pytest.raises(PlanError, match=r"predict\.baseline: found clips of one person"):
        run_files(config(people="all", baseline={"clips": ["a"]}))
    assert run_files(config(people="all"))
    assert [path.name for path in run_files(config(name="x"))] == [
        "predictions.csv", "timeline.csv", "predict.json", "index.html"
    ]  # fmt: skip


def test_named_clips_of_the_baseline():
    assert prediction_options(config()) == {"error_rate": 0.1, "enrolled": None}
    named = prediction_options(config(baseline={"clips": ["a", "b"]}))
    assert named["enrolled"] == ["a", "b"]
