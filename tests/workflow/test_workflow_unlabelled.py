"""Clips without labels, through all that needs none."""

import shutil

import pyarrow.csv as pc
import pytest
import yaml

from tests.workflow.workflow import snakemake

pytestmark = pytest.mark.workflow


def test_two_videos_in_a_folder(tmp_path, face_clip, landmarker_model):
    (tmp_path / "videos").mkdir()
    for name in ("one.mp4", "two.mp4"):
        shutil.copy2(face_clip, tmp_path / "videos" / name)
    config = {
        "enabled": ["mine"],
        "buckets": 1,
        "datasets": {"mine": {"adapter": "folders", "root": "videos"}},
        "landmarker": {"model": str(landmarker_model)},
        "export_frames": {"points": "pixels"},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    run = snakemake(tmp_path, "features", "quality", "export_frames", "face_crops")
    assert run.jobs["write_frames"] == 1
    results = tmp_path / "results/mine"
    quality = pc.read_csv(results / "quality.csv").to_pylist()
    assert [(row["clip_id"], row["valid"]) for row in quality] == [("one", True), ("two", True)]
    assert (results / "quality.html").is_file()
    tables = {path.name for path in (results / "frames").glob("*.csv")}
    assert tables == {"one.csv", "two.csv"}
    table = pc.read_csv(results / "frames/one.csv")
    assert table.num_rows == 12
    assert table["detected"].to_pylist() == [1] * 12
    # A video less: its table goes; training is refused before anything runs.
    (tmp_path / "videos/two.mp4").unlink()
    refused = snakemake(tmp_path, "train_mlp", check=False)
    assert "dataset mine: clips without a label (1)" in refused.output
    assert refused.jobs == {}
    snakemake(tmp_path, "export_frames")
    assert [path.name for path in (results / "frames").glob("*.csv")] == ["one.csv"]
