"""Two small datasets: a matrix of scores across them, and the protocol that trains on one."""

import csv
import json
import shutil

import pyarrow.parquet as pq
import pytest

from tests.workflow.workflow import CLASSES, snakemake, write_config

pytestmark = pytest.mark.workflow

TABLE = {"adapter": "table", "table": "labels.csv"}
MLP = {"hidden": [8], "max_epochs": 2, "fusion": {"ensemble": 1, "projection": 8}}


def write_two(project, **split):
    """Divide the clips of three people among two datasets; one clip is in both."""
    clips = (project / "videos" / "labels.csv").read_text().splitlines()
    other = project / "other"
    other.mkdir(exist_ok=True)
    lines = ["file_path,label,subject"]
    for place, line in enumerate(clips[1:]):
        path, label, subject = line.split(",")
        if subject == clips[-1].split(",")[2] or place == 0:
            name = f"{place}.{path.rpartition('.')[2]}"
            shutil.copy2(project / "videos" / path, other / name)
            word = {"happy": "joy", "surprise": "wonder"}[label]
            lines.append(f"{name},{word},{subject}{'' if place else ' again'}")
    lines += [line.replace(",joy,", ",bored,") for line in lines if ",joy," in line][:1]
    lines[-1] = "extra" + lines[-1][1:]
    shutil.copy2(other / lines[1].split(",")[0], other / lines[-1].split(",")[0])
    (other / "labels.csv").write_text("\n".join(lines) + "\n")
    (project / "videos" / "labels.csv").write_text(
        "\n".join(line for line in clips if not line.endswith(clips[-1].split(",")[2])) + "\n"
    )
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
    run = snakemake(project, "cross_datasets")
    assert (run.jobs["build_cross_splits"], run.jobs["fit_mlp"]) == (2, 2)
    folder = project / "results" / "cross_datasets"
    with (folder / "cross_datasets.csv").open() as file:
        rows = {(row["train"], row["test"]): row for row in csv.DictReader(file)}
    assert set(rows) == {("small", "other"), ("other", "small")}
    row = rows["small", "other"]
    assert row["classes"] == "joy surprise"
    assert int(row["clips_test"]) == 3
    assert int(row["clips_train"]) + int(row["clips_val"]) == 3
    assert "a test clip" in row["left_out"]
    assert "other: 1 (class bored)" in row["left_out"]
    page = (folder / "cross_datasets.html").read_text()
    assert f"{100 * float(row['uar']):.1f} <small>" in page
    assert "another task" not in page

    # The same parts, with all that belongs to a protocol.
    config = ("--config", 'split={"protocol":"cross_dataset","train":["small"],"val_fraction":0.5,')
    wanted = config[1] + '"class_map":{"wonder":"surprise"}}'
    run = snakemake(project, config[0], wanted, "--", "report")
    assert "fit_mlp" not in run.jobs
    assert run.jobs["write_report"] == 1
    other = project / "results" / "other"
    metrics = json.loads((other / "evaluation/mlp/cross_dataset/metrics.json").read_text())
    assert metrics["overall"]["uar"] == pytest.approx(float(row["uar"]))
    assert "cross_dataset" in (other / "report.html").read_text()
    split = pq.read_table(other / "splits/cross_dataset/fold-small/train.parquet")
    assert all(name.startswith("small@") for name in split["clip_id"].to_pylist())
