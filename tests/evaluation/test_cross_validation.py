"""Cross-validation: intervals, published scores, the summary of folds, the command line."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from facewave.demo.recipe import demo_clips
from facewave.demo.render import render_clip
from facewave.evaluation.bootstrap import N_BOOTSTRAP, bootstrap
from facewave.evaluation.cross_validation import (
    NoFoldsError,
    cross_validation,
    datasets_with_folds,
    describe,
    write_fold_table,
)
from facewave.evaluation.metrics import evaluate
from facewave.evaluation.published import published_scores
from tests.report.report_files import build
from tests.workflow.workflow import CLASSES, snakemake, write_config, write_labels

SEVEN = ["neutral", "happy", "sad", "angry", "surprise", "disgust", "fear"]


def answers(n, *, accuracy, seed=0, classes=3):
    random = np.random.default_rng(seed)
    truth = random.integers(0, classes, n)
    wrong = (truth + 1) % classes
    return truth, np.where(random.random(n) < accuracy, truth, wrong)


def test_interval_over_clips_is_that_of_a_plain_bootstrap():
    truth, predicted = answers(150, accuracy=0.7)
    found = bootstrap(truth, predicted, n_classes=3, seed=1)
    random = np.random.default_rng(2)
    drawn = [random.integers(0, 150, 150) for _ in range(N_BOOTSTRAP)]
    names = ("a", "b", "c")
    scores = [evaluate(truth[rows], predicted[rows], classes=names) for rows in drawn[:500]]
    for name in ("uar", "war"):
        plain = np.quantile([getattr(score, name) for score in scores], [0.025, 0.975])
        np.testing.assert_allclose(found["clips"][name], plain, atol=0.02)
    assert found["clips"]["n"] == 150
    assert found["subjects"] is None


def test_interval_over_subjects_is_wider_where_people_differ():
    truth, _ = answers(200, accuracy=1)
    people = np.arange(200) // 20
    predicted = np.where(people < 5, truth, (truth + 1) % 3)  # all or nothing a person
    found = bootstrap(truth, predicted, n_classes=3, seed=1, subjects=[f"s{p}" for p in people])
    clips, subjects = (np.diff(found[name]["war"])[0] for name in ("clips", "subjects"))
    assert subjects > 2 * clips
    assert found["subjects"]["n"] == 10


def test_intervals_are_seeded_and_json():
    truth, predicted = answers(50, accuracy=0.5)
    subjects = ["a", "b"] * 25
    first = bootstrap(truth, predicted, n_classes=3, seed=4, subjects=subjects)
    assert first == bootstrap(truth, predicted, n_classes=3, seed=4, subjects=subjects)
    assert first != bootstrap(truth, predicted, n_classes=3, seed=5, subjects=subjects)
    assert json.loads(json.dumps(first)) == first


@pytest.mark.parametrize("subjects", [["a"] * 4, ["a", "b", None, "a"], None])
def test_no_interval_over_subjects_without_two_known_ones(subjects):
    truth = np.array([0, 1, 0, 1])
    found = bootstrap(truth, truth, n_classes=2, seed=0, subjects=subjects)
    assert found["subjects"] is None
    assert found["clips"]["war"] == [1.0, 1.0]


def test_a_class_that_is_never_true_does_not_count():
    truth, predicted = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2])
    found = bootstrap(truth, predicted, n_classes=3, seed=0)
    assert found["clips"]["uar"][1] == 1.0
    assert np.isfinite(found["clips"]["uar"]).all()


def test_published_scores_belong_to_the_usual_class_list():
    dfew = {line.method: line for line in published_scores("dfew", SEVEN)}
    assert (dfew["MAE-DFER"].uar, dfew["MAE-DFER"].war) == pytest.approx((0.6341, 0.7443))
    assert len(dfew) == 11
    assert len(published_scores("ferv39k", ["Happiness", *SEVEN[:1], *SEVEN[2:]])) == 7
    assert published_scores("mafw", SEVEN) == []
    eleven = [*SEVEN, "contempt", "anxiety", "helplessness", "disappointment"]
    assert len(published_scores("mafw", eleven)) == 7
    assert published_scores("table", SEVEN) == []


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    """Scores of two folds."""
    folder = tmp_path_factory.mktemp("folds")
    made = build(folder, folds=("fold-1", "fold-2"))
    return json.loads(made.files.scores.read_text())


def test_summary_and_table_of_folds(scores, tmp_path):
    found = cross_validation(scores, dataset="d", protocol="official", adapter="dfew")
    assert found["published"] == []  # two classes
    assert found["pooled"]["confusion"] == scores["overall"]["confusion"]
    write_fold_table(tmp_path / "folds.csv", found)
    text = (tmp_path / "folds.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["fold"] for row in rows] == ["fold-1", "fold-2", "mean", "std"]
    uars = [float(row["uar"]) for row in rows]
    assert uars[2:] == pytest.approx([np.mean(uars[:2]), np.std(uars[:2], ddof=1)])
    assert rows[2]["majority_uar"] == ""
    assert describe(found).startswith("d, official, 2 folds: UAR ")


def test_protocol_without_folds_is_refused():
    with pytest.raises(NoFoldsError, match=r"'80-10-10' has no folds for a, c: .*grouped_k_fold"):
        datasets_with_folds({"a": [], "b": ["fold-1"], "c": []}, protocol="80-10-10")
    assert datasets_with_folds({"b": ["fold-1"]}, protocol="official") == ["b"]


@pytest.mark.workflow
def test_cross_validate_on_the_command_line(tmp_path, landmarker_model):
    (tmp_path / "videos").mkdir()
    shutil.copy2(landmarker_model, tmp_path / "model.task")
    clips = demo_clips(subjects=4, takes=1, classes=CLASSES)
    for clip in clips:
        render_clip(clip, tmp_path / "videos" / clip.relative_path, size=128, fps=6, seed=1)
    write_labels(tmp_path, [(clip.relative_path, clip.label, clip.subject) for clip in clips])
    write_config(tmp_path)
    refused = snakemake(tmp_path, "cross_validate", check=False)
    assert refused.code != 0
    assert "split.protocol '80-10-10' has no folds for small" in refused.output
    protocol = "grouped_k_fold"
    small = {
        "hidden": [8],
        "max_epochs": 3,
        "fusion": {"ensemble": 1, "refit": False, "mirror": False},
    }
    write_config(tmp_path, split={"protocol": protocol, "folds": 2}, mlp=small)
    run = snakemake(tmp_path, "cross_validate")
    assert run.jobs["fit_mlp"] == 2
    folder = Path(tmp_path / "results" / "small" / "evaluation" / "mlp" / protocol)
    found = json.loads((folder / "cross_validation.json").read_text())
    assert np.sum(found["pooled"]["confusion"]) == 8
    assert found["bootstrap"]["subjects"]["n"] == 4
    assert len((folder / "cross_validation.csv").read_text().splitlines()) == 5
