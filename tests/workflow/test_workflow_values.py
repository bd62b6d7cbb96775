"""Values in place of classes, from tables of landmarks through the report of values."""

import csv
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from tests.landmark_tables.tracker_tables import OPENFACE_UNITS
from tests.workflow.test_workflow_tracks import write_table
from tests.workflow.workflow import snakemake

pytestmark = pytest.mark.workflow

CONFIG = {
    "enabled": ["moods"],
    "seeds": [0, 1],
    "datasets": {
        "moods": {
            "adapter": "tracks",
            "root": "tables",
            "table": "labels.csv",
            "classes": None,
            "targets": ["valence", "arousal"],
            "size": [640, 480],
        }
    },
    "features": {"align": "similarity", "head_pose": False},
    "mlp": {
        "head": "regression",
        "targets": {"columns": ["valence", "arousal"]},
        "inputs": ["action_units"],
        "hidden": [8],
        "max_epochs": 40,
        "learning_rate": 0.01,
        "batch_size": 4,
        "fusion": {"mirror": False, "keep": "best", "ensemble": 2},
    },
    "split": {"protocol": "grouped_k_fold", "folds": 2},
}


def votes(number):
    """Return made-up votes of ten people for happy, sad and neutral."""
    return np.random.default_rng(number).multinomial(10, np.full(3, 1 / 3)) / 10


def write_labels(work, *, shift=0.0):
    lines = ["file_path,subject,valence,arousal"]
    for number in range(32):
        happy, sad, neutral = votes(number)
        arousal = "" if number % 5 == 0 else f"{1 - neutral + shift}"
        lines.append(f"c{number}.csv,p{number // 4},{happy - sad},{arousal}")
    (work / "tables" / "labels.csv").write_text("\n".join(lines))


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A project of 32 tables of eight people, whose smile follows the votes."""
    work = tmp_path_factory.mktemp("values")
    (work / "tables").mkdir()
    for number in range(32):
        happy, sad, _ = votes(number)
        units = np.full(len(OPENFACE_UNITS), 1.0)
        units[OPENFACE_UNITS.index("AU12")] = 4 * happy
        units[OPENFACE_UNITS.index("AU15")] = 4 * sad
        write_table(work / "tables" / f"c{number}.csv", number, units)
    write_labels(work)
    write_config(work)
    run = snakemake(work, "report", "cross_validate")
    assert (run.jobs["fit_values"], run.jobs["write_value_report"]) == (2, 1)
    assert "fit_mlp" not in run.jobs
    return work


def write_config(work, **mlp):
    (work / "config.yaml").write_text(yaml.safe_dump({**CONFIG, "mlp": {**CONFIG["mlp"], **mlp}}))


def test_values_end_in_scores_a_summary_and_a_page(work):
    folder = work / "results/moods/evaluation/mlp_values/grouped_k_fold"
    scores = json.loads((folder / "regression.json").read_text())
    valence, arousal = scores["targets"]
    assert (valence["name"], valence["n"], arousal["n"]) == ("valence", 32, 25)
    assert (valence["interval"]["unit"], valence["interval"]["n"]) == ("subjects", 8)
    assert valence["mae"] < 0.6 * scores["mean_of_training"][0]["mae"]
    assert valence["ccc"] > 0.5
    assert valence["std"]["mae"] > 0
    assert valence["against_mean"]["smallest_p"] == 2 / 2**8
    with (folder / "cross_validation.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["valence", "arousal"] * 2
    assert sum(int(row["n"]) for row in rows) == 57
    answers = pq.read_table(
        work / "results/moods/mlp_values/grouped_k_fold/fold-1/predictions.parquet"
    )
    assert {"target", "predicted", "baseline"} <= set(answers.column_names)
    page = (work / "results/moods/report_values.html").read_text()
    for text in (
        "MAE, <bdi>valence</bdi>",
        "mean of the training part",
        "the lowest validation MAE",
        "means over 2 trainings with different seeds",
        f"{valence['mae']:,.3f} ± {valence['std']['mae']:,.3f}",
        "8 subjects",
    ):
        assert text in page, text
    assert " UAR" not in page
    assert not (work / "results/moods/report.html").exists()


def test_a_changed_target_trains_anew_and_tracks_nothing(work):
    try:
        write_labels(work, shift=0.25)
        jobs = snakemake(work, "--dry-run", "report").jobs
    finally:
        write_labels(work)
    assert jobs["fit_values"] == 2
    assert not {"track_faces", "encode_features", "build_splits"} & set(jobs)


@pytest.mark.parametrize("target", ["ablate", "tune", "explain", "text_fusion"])
def test_what_needs_classes_is_refused_by_name(work, target):
    run = snakemake(work, "--dry-run", target, check=False)
    assert run.code != 0
    assert f"{target}: works with classes only, but mlp.head is regression" in run.output
    assert "most recent call last" not in run.output


def test_a_target_that_is_not_there_is_named(work):
    try:
        write_config(work, targets={"columns": ["valense"]})
        run = snakemake(work, "--dry-run", "train_mlp", check=False)
    finally:
        write_config(work)
    assert "mlp.targets.columns: found 'valense'" in run.output
    assert "did you mean 'valence'?" in run.output
