"""What `predict` asks for: the model's files, and what is refused before anything runs."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from facewave.config.check import check_config
from facewave.planning.plan import PlanError
from facewave.planning.predict import (
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
