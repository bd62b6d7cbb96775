"""Trajectories packed in one project and used in another one, which has no videos."""

import shutil
import zipfile

import pyarrow.parquet as pq
import pytest
import yaml

from tests.workflow import workflow

pytestmark = pytest.mark.workflow


def predictions(work):
    (path,) = (work / "results/small/mlp").rglob("predictions.parquet")
    table = pq.read_table(path).to_pydict()
    return {name: column for name, column in table.items() if name != "file_path"}


def test_predictions_are_the_same_bits(project, tmp_path):
    run = workflow.snakemake(project, "pack")
    assert run.jobs == {"pack_dataset": 1, "pack": 1}
    other = tmp_path / "elsewhere"
    other.mkdir()
    with zipfile.ZipFile(project / "results/small/pack.zip") as archive:
        assert "README.md" in archive.namelist()
        archive.extractall(other / "pack")
    config = yaml.safe_load((project / "config.yaml").read_text())
    shutil.rmtree(project / "videos")
    config["datasets"]["small"] = {
        "adapter": "packed",
        "root": "pack",
        "classes": list(workflow.CLASSES),
    }
    (other / "config.yaml").write_text(yaml.safe_dump(config))
    run = workflow.snakemake(other)
    assert "fetch_landmarker" not in run.jobs
    assert (other / "results/small/report.html").exists()
    assert workflow.shards(other, "features").keys() == workflow.shards(project, "features").keys()
    assert predictions(other) == predictions(project)
    assert workflow.snakemake(other).jobs == {}
