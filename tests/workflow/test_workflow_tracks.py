"""Tables of landmarks in place of videos, through the workflow."""

import os

import numpy as np
import pytest
import yaml

from tests.landmark_tables.tracker_tables import OPENFACE_UNITS, faces_68, openface_text
from tests.workflow.workflow import shards, snakemake

pytestmark = pytest.mark.workflow

CONFIG = {
    "enabled": ["small"],
    "datasets": {
        "small": {
            "adapter": "tracks",
            "root": "tables",
            "table": "labels.csv",
            "classes": ["happy", "sad"],
            "size": [640, 480],
        }
    },
    "features": {"align": "similarity", "head_pose": False},
    "mlp": {"inputs": ["landmarks", "action_units"], "hidden": [8], "max_epochs": 2},
    "split": {"protocol": "grouped_k_fold", "folds": 2},
}


def write_table(path, seed, units=None):
    flat, space = faces_68(20, seed=seed)
    values = np.full(len(OPENFACE_UNITS), 1.5) if units is None else units
    rows = [(i + 1, 0, i / 25, 0.98, int(i != 5), flat[i], space[i], values) for i in range(20)]
    path.write_text(openface_text(rows))


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A project of eight tables of four people, run up to the report where MediaPipe is missing."""
    work = tmp_path_factory.mktemp("tracks")
    (work / "tables").mkdir()
    lines = ["file_path,label,subject"]
    for number in range(8):
        write_table(work / "tables" / f"c{number}.csv", number)
        lines.append(f"c{number}.csv,{('happy', 'sad')[number % 2]},p{number // 2}")
    (work / "tables" / "labels.csv").write_text("\n".join(lines))
    (work / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    # Each process of Python imports it first.
    (work / "sitecustomize.py").write_text("import sys; sys.modules['mediapipe'] = None\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(work))
        run = snakemake(work, "report", "explain")
    assert "fetch_landmarker" not in run.jobs
    assert run.jobs["track_faces"] >= 1
    return work


def test_a_report_and_no_landmarker(work):
    page = (work / "results/small/report.html").read_text()
    assert "x and y of 68 landmarks, and 17 action units" in page
    assert not (work / "results/models").exists()
    indexes = "".join(p.read_text() for p in (work / "results/small/features").glob("*.tsv"))
    assert indexes.count("dlib_68 2-D AU01 AU02") == 8
    importance = (work / "results/small/explanation/grouped_k_fold/importance.csv").read_text()
    assert "action unit,AU12" in importance


def test_a_new_date_reruns_nothing_and_a_new_row_its_clip(work):
    table = work / "tables" / "c3.csv"
    os.utime(table)
    assert snakemake(work, "features", "--dry-run").jobs == {}
    before = shards(work, "tracks")
    table.write_text(table.read_text().replace(" 0.98", " 0.97", 1))
    jobs = snakemake(work, "features").jobs
    assert jobs["track_faces"] == 1
    assert len(shards(work, "tracks").keys() - before.keys()) == 1


def test_other_channels_in_one_split_are_refused(work):
    table = work / "tables" / "c4.csv"
    text = table.read_text()
    try:
        table.write_text(text.replace("AU45_r", "AU43_r"))
        run = snakemake(work, "splits", check=False)
        assert run.code != 0
        assert "trajectories of different kinds cannot be in one split" in run.output
        assert "1 clips such as c4" in run.output
    finally:
        table.write_text(text)
