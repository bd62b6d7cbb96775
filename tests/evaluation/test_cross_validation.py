"""The summary of folds, alone, in the report and from the command line."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from facewave.demo.recipe import demo_clips
from facewave.demo.render import render_clip
from facewave.evaluation.cross_validation import (
    NoFoldsError,
    cross_validation,
    datasets_with_folds,
    describe,
    write_fold_table,
)
from tests.report.report_files import build
from tests.workflow.workflow import CLASSES, snakemake, write_config, write_labels

SEVEN = ["neutral", "happy", "sad", "angry", "surprise", "disgust", "fear"]


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
    assert describe(found).startswith("d, official, 2 folds, intervals over ")


def test_protocol_without_folds_is_refused():
    with pytest.raises(NoFoldsError, match=r"'80-10-10' has no folds for a, c: .*grouped_k_fold"):
        datasets_with_folds({"a": [], "b": ["fold-1"], "c": []}, protocol="80-10-10")
    assert datasets_with_folds({"b": ["fold-1"]}, protocol="official") == ["b"]


@pytest.mark.slow
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
    write_config(tmp_path, split={"protocol": protocol, "folds": 2}, mlp=small, seeds=[3, 4])
    run = snakemake(tmp_path, "cross_validate")
    assert run.jobs["fit_mlp"] == 2
    folder = Path(tmp_path / "results" / "small" / "evaluation" / "mlp" / protocol)
    found = json.loads((folder / "cross_validation.json").read_text())
    assert np.sum(found["pooled"]["confusion"]) == 8
    assert (found["bootstrap"]["unit"], found["bootstrap"]["n"]) == ("subjects", 4)
    assert len(found["seeds"]["values"]["uar"]) == found["seeds"]["n"] == 2
    assert found["pooled"]["uar"] == pytest.approx(np.mean(found["seeds"]["values"]["uar"]))
    assert "over 2 seeds" in run.output
    assert len((folder / "cross_validation.csv").read_text().splitlines()) == 5
