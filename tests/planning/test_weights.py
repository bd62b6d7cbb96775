"""Which weights and GPUs a configuration needs, and what stops a run before its first job."""

import json

import pytest

from facewave.config.check import check_config
from facewave.planning.plan import PlanError
from facewave.planning.preflight import check_before_run
from facewave.planning.weights import (
    check_files,
    checks_of,
    checks_wanted,
    preflight_files,
    shown_checks,
    weights_file,
    weights_name,
    weights_wanted,
)
from facewave.pretrained import PINS

PALI = "google/paligemma2-3b-mix-448"
TOYS = {"qwen": {"model": "tiny-random-qwen"}, "paligemma": {"model": "tiny-random"}}


def names(paths):
    return [f"{path.parent.name}/{path.stem}" for path in paths]


def test_weights_are_named_by_model_and_commit(tmp_path):
    pinned = weights_name({"model": PALI, "revision": None})
    assert pinned == f"google--paligemma2-3b-mix-448-{PINS[PALI][:8]}"
    assert weights_name({"model": PALI, "revision": PINS[PALI]}) == pinned
    assert weights_name({"model": PALI, "revision": "a/branch"}) != pinned
    one, other = ({"model": f"{tmp_path}/{name}/weights"} for name in "ab")
    assert weights_name(one) != weights_name(other)
    assert weights_file(tmp_path, TOYS["qwen"]) == []


def test_models_are_fetched_once_and_named_by_their_first_key():
    wanted = weights_wanted(check_config({}))
    assert {model["model"] for model in wanted.values()} == {PALI, "Qwen/Qwen2.5-VL-3B-Instruct"}
    assert [model["setting"] for model in wanted.values()] == [
        "vlm.model",
        "vlm.qwen.model",
    ]
    assert all(model["revision"] == PINS[model["model"]] for model in wanted.values())


def test_what_computes_on_the_cpu_or_is_a_toy_is_not_checked():
    config = check_config({})
    assert set(checks_wanted(config)) == {
        "vlm-paligemma",
        "vlm-qwen",
        "zero_shot-qwen",
        "zero_shot-paligemma",
        "annotate",
    }
    given = {"vlm": {"gpus": 0}, "zero_shot": {"models": TOYS, "gpus": 1}}
    assert set(checks_wanted(check_config(given))) == {"annotate"}
    assert check_files(check_config(given), ["vlm-qwen", *checks_of(["qwen"])]) == []


def test_a_target_checks_what_it_uses():
    config = check_config({})
    assert shown_checks(config) == []
    shown = {"vlm": {"qwen": {"report": ["fusion"]}}, "zero_shot": {"report": True}}
    assert names(shown_checks(check_config(shown))) == [
        "gpu/vlm-qwen",
        "gpu/zero_shot-qwen",
        "gpu/zero_shot-paligemma",
    ]
    assert [name for name in names(preflight_files(config)) if name.startswith("gpu")] == [
        "gpu/vlm-paligemma",
        "gpu/vlm-qwen",
        "gpu/zero_shot-qwen",
        "gpu/zero_shot-paligemma",
    ]
    annotated = check_config({"annotate": {"dataset": "demo"}})
    assert "gpu/annotate" in names(preflight_files(annotated))


@pytest.mark.parametrize("head", ["verbaliser", "generate", "regression"])
def test_a_check_fits_the_configuration_of_every_head(head):
    request = checks_wanted(check_config({"vlm": {"head": head}}))["vlm-qwen"]
    assert json.loads(json.dumps(request)) == request
    assert request["trained"]["head"] == head
    assert (request["batch_size"], request["section"]) == (4, "vlm")


def test_a_run_that_cannot_succeed_is_stopped_with_every_reason_told_once():
    jobs = [
        ("track_faces", {}),
        ("fetch_weights", {"model": {"model": "/none/a", "revision": None}}),
        ("fetch_weights", {"model": {"model": "/none/b", "revision": None}}),
        ("check_gpu", {"request": {"gpus": 1}}),
    ]
    with pytest.raises(PlanError) as told:
        check_before_run(jobs, here=False)
    first, *rest = str(told.value).splitlines()
    assert first == "nothing was started, since a model could not run:"
    assert [line.split(": there is")[0] for line in rest] == [
        "vlm.model: /none/a",
        "vlm.model: /none/b",
    ]
    check_before_run(jobs[:1], here=True)


def test_a_missing_library_is_told_before_anything_is_asked(monkeypatch):
    monkeypatch.setattr("facewave.planning.preflight._MODULES", ("json", "no_such_module"))
    with pytest.raises(PlanError, match=r"make vlm.*\(missing: no_such_module\)"):
        check_before_run([("check_gpu", {})], here=True)
    check_before_run([("check_gpu", {})], here=False)
