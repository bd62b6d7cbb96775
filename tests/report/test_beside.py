"""What stands beside the MLP's scores: the linear model, two operating points, variants, groups."""

from dataclasses import asdict

import pytest

from facewave.ablation.compare import Row
from facewave.report.scores import read_models
from facewave.report.subgroups import SubgroupRow
from tests.report.report_page import render

POINT = {"uar": 0.684, "war": 0.742, "nll": 0.82, "ece": 0.05}
POINTS = {
    "trained": "balanced",
    "balanced": POINT,
    "frequencies": {"uar": 0.631, "war": 0.758, "nll": 0.76, "ece": 0.02},
}


def row_of(variant, *, uar, p=1.0):
    return Row(
        variant=variant, seeds=2, clips=40, unit="subjects", units=5, uar=uar, uar_std=0.01,
        low=uar - 0.1, high=uar + 0.1, war=uar, war_std=0.01, ece=0.1, video_uar=None,
        difference=uar - 0.7, difference_low=-0.2, difference_high=0.0, p=p, p_holm=p,
        smallest_p=0.0625, war_difference=0.0, p_war=1.0,
    )  # fmt: skip


@pytest.fixture
def linear(content):
    return content["scores"] | {"operating_points": POINTS}


def test_both_operating_points_of_both_models_are_shown(content, linear):
    scores = content["scores"] | {"operating_points": POINTS}
    page = render("evaluation.html", content, scores=scores, linear=linear)
    assert page.row("logistic regression, all clips")
    assert page.row("MLP")[:2] == [
        ["equally frequent (as trained)", "68.4", "74.2", "0.820", "5.0"],
        ["as frequent as in training", "63.1", "75.8", "0.760", "2.0"],
    ]
    assert len(page.row("logistic regression")) == 2


def test_without_a_record_of_the_training_there_are_no_points(content):
    page = render("evaluation.html", content)
    assert "as frequent as in training" not in page.words()
    assert page.row("majority class")


def test_the_linear_model_is_a_model_of_the_report(content, linear):
    mlp, beside = read_models(content["scores"] | {"linear": linear}, {})
    assert (mlp.title, beside.title) == ("MLP", "logistic regression")
    assert read_models(content["scores"], {}) == []


def test_variants_are_shown_with_what_they_rest_on(content):
    rows = [asdict(row_of("default", uar=0.7)), asdict(row_of("plain", uar=0.6, p=0.0312))]
    text = "calibrated on 8 unlabelled clips of each test person"
    variants = {"reference": "default", "calibration": text, "rows": rows}
    page = render("variants.html", content, variants=variants)
    assert text in page.words()
    (reference,), (plain,) = page.row("default"), page.row("plain")
    assert reference[-3:] == ["–", "–", "–"]
    assert plain[0].startswith("60.0")
    assert plain[-2] == "0.0312"
    assert render("variants.html", content, variants=None).words() == ""


def test_groups_are_shown(content):
    row = SubgroupRow(
        kind="sex", group="female<", clips=20, fewest=4, classes=2, units=3, unit="subjects",
        uar=0.5, uar_low=0.4, uar_high=0.6, war=0.7, war_low=0.6, war_high=0.8,
    )  # fmt: skip
    page = render("evaluation.html", content, subgroups=[("sex", [row])])
    (cells,) = page.row("sex")
    assert cells[:4] == ["female<", "20", "2", "4"]
    assert cells[4:] == ["50.0 (40.0 to 60.0)", "70.0 (60.0 to 80.0)", "3 subjects"]
