"""Two small datasets: a matrix of scores across them, and the protocol that trains on one."""

import csv
import json
import shutil

import pyarrow.parquet as pq
import pytest

from tests.video.media import face_frames, write_video
from tests.workflow.workflow import CLASSES, snakemake, write_config

pytestmark = pytest.mark.workflow

TABLE = {"adapter": "table", "table": "labels.csv"}
WORDS = {"happy": "joy", "surprise": "wonder"}
MLP = {"hidden": [8], "max_epochs": 2, "fusion": {"ensemble": 1, "projection": 8}}


def write_two(project):
    """Give the clips of the third person, and made-up ones, to another dataset; one is in both."""
    head, *lines = (project / "videos" / "labels.csv").read_text().splitlines()
    third = lines[-1].rpartition(",")[2]
    small = [line for line in lines if not line.endswith(third)]
    moved = [line.split(",")[:2] for line in lines if line.endswith(third)]
    other = project / "other"
    other.mkdir()
    rows = []
    for number, (path, label) in enumerate(moved * 2):
        name = f"{number}.mp4"
        if number < len(moved):
            shutil.copy2(project / "videos" / path, other / name)
        else:
            frames = face_frames(12, width=160 + 20 * number, centre=(90 + 6 * number, 96))
            write_video(other / name, frames)
        rows.append(f"{name},{WORDS[label]},{third if number < len(moved) else 'made up'}")
    for name, label in (("shared.mp4", "joy"), ("bored.mp4", "bored")):
        shutil.copy2(project / "videos" / small[0].split(",")[0], other / name)
        rows.append(f"{name},{label},somebody")
    (other / "labels.csv").write_text("\n".join([head, *rows]) + "\n")
    shutil.copy2(other / "shared.mp4", project / "videos" / "twice.mp4")
    (project / "videos" / "labels.csv").write_text(
        "\n".join([head, *small, "twice.mp4,happy,somebody"]) + "\n"
    )


def configure(project, **split):
    write_config(
        project,
        enabled=["small", "other"],
        datasets={
            "small": {**TABLE, "root": "videos", "classes": list(CLASSES)},
            "other": {**TABLE, "root": "other", "classes": ["joy", "wonder", "bored"]},
        },
        mlp=MLP,
        split={"class_map": {"wonder": "surprise"}, "val_fraction": 0.5, **split},
        near_duplicates={"max_distance": 0},
    )


def test_the_matrix_and_the_protocol(project):
    write_two(project)
    configure(project)
    run = snakemake(project, "cross_datasets")
    assert (run.jobs["build_cross_splits"], run.jobs["fit_mlp"]) == (2, 2)
    folder = project / "results" / "cross_datasets"
    with (folder / "cross_datasets.csv").open() as file:
        rows = {(row["train"], row["test"]): row for row in csv.DictReader(file)}
    assert set(rows) == {("small", "other"), ("other", "small")}
    row = rows["small", "other"]
    assert row["classes"] == "joy surprise"
    assert int(row["clips_test"]) == 5
    # Both the clip and its copy show what a test clip shows.
    assert int(row["clips_train"]) + int(row["clips_val"]) == 3
    assert "small: 2 (bytes of a test clip)" in row["left_out"]
    assert "other: 1 (class bored)" in row["left_out"]
    page = (folder / "cross_datasets.html").read_text()
    assert f"{100 * float(row['uar']):.1f} ± {100 * float(row['uar_std']):.1f} <small>" in page
    assert "another task" not in page

    # The same parts, with all that belongs to a protocol.
    configure(project, protocol="cross_dataset", train=["small"])
    run = snakemake(project, "report")
    assert "fit_mlp" not in run.jobs
    assert run.jobs["write_report"] == 1
    other = project / "results" / "other"
    metrics = json.loads((other / "evaluation/mlp/cross_dataset/metrics.json").read_text())
    assert metrics["overall"]["uar"] == pytest.approx(float(row["uar"]), abs=1e-3)
    assert "cross_dataset" in (other / "report.html").read_text()
    split = pq.read_table(other / "splits/cross_dataset/fold-small/train.parquet")
    assert all(name.startswith("small@") for name in split["clip_id"].to_pylist())
