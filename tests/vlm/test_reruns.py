"""Which option runs which training again."""

import pytest

from facewave.config.check import check_config
from facewave.vlm.fine_tuning.clips import stage_rows
from facewave.vlm.plan import (
    FAMILIES,
    STAGES,
    deciding,
    model_params,
    speed_of,
    vlm_section,
    with_speed,
)


def trainings(**changes):
    """Return what decides the trainings, by family and stage."""
    config = check_config({"vlm": changes})
    return {
        (family, stage): deciding(
            model_params(vlm_section(config, family), control="full", stage=stage)
        )
        for family in FAMILIES
        for stage in STAGES
    }


def changed(**changes):
    """Return the stages that a change of the defaults runs again; both families alike."""
    before, after = trainings(), trainings(**changes)
    found = [
        [stage for stage in STAGES if before[family, stage] != after[family, stage]]
        for family in FAMILIES
    ]
    assert found[0] == found[1]
    return found[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"cache_images": True},
        {"checkpoint_steps": 7},
        {"gradient_checkpointing": False},
        {"gpus": 4},
        {"threads": 16},
        {"report": ["adaptation"], "qwen": {"report": ["adaptation"]}},
        {"ablations": []},
    ],
)
def test_speed_and_show_run_nothing_again(changes):
    assert changed(**changes) == []


@pytest.mark.parametrize("change", [{"share": 0.3}, {"epochs": 9}, {"learning_rate": 1e-3}])
def test_a_stage_runs_again_and_what_comes_before_it_does_not(change):
    assert changed(stages={"fine_tuning": change}) == ["fine_tuning"]
    assert "adaptation" in changed(stages={"adaptation": change})


@pytest.mark.parametrize("change", [{"width": 64}, {"batch_size": 2}, {"use_text": True}])
def test_what_both_stages_are_made_of_runs_both_again(change):
    assert changed(**change) == list(STAGES)


def test_what_was_taken_apart_is_put_together():
    config = check_config({})
    for family in FAMILIES:
        params = model_params(vlm_section(config, family), control="full", stage="fine_tuning")
        assert with_speed(deciding(params), speed_of(params)) == params
        assert deciding(params) != params


def test_the_first_stage_has_the_same_clips_whatever_the_second_takes():
    ids, labels = [f"clip{n}" for n in range(40)], [n % 4 for n in range(40)]
    alone = stage_rows(ids, labels, shares={"adaptation": 0.25}, seed=3)["adaptation"]
    for second in (0.05, 0.2, 0.7):
        shares = {"adaptation": 0.25, "fine_tuning": second}
        both = stage_rows(ids, labels, shares=shares, seed=3)
        assert both["adaptation"].tolist() == alone.tolist()
        assert not set(both["fine_tuning"]) & set(alone)
