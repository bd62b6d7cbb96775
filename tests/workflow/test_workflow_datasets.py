"""Official layouts through the whole workflow: folders of frames, protocols, looks alike."""

import json
import shutil
from pathlib import Path

import cv2
import pyarrow.parquet as pq
import pytest
import yaml

from facewave.storage.tables import iter_rows
from tests.datasets.release_trees import put_text
from tests.video.media import face_frames, flat_frames, write_video
from tests.workflow.workflow import computed, shards, snakemake

pytestmark = pytest.mark.workflow

CLIPS = [(emotion, number) for emotion in ("Happy", "Sad") for number in ("0001", "0002", "0003")]


def frames_of(index):
    """Return 12 frames of a face, at another place for each clip."""
    place = (90 + 2 * index, 96 + index)
    return list(face_frames(12, width=180 + 8 * (index % 2), centre=place))


def write_ferv39k(root):
    for index, (emotion, number) in enumerate(CLIPS):
        folder = root / "2_ClipsforFaceCrop" / "Action" / emotion / number
        folder.mkdir(parents=True)
        for frame, picture in enumerate(frames_of(index), start=1):
            if (index, frame) != (0, 5):  # a hole in the numbering
                cv2.imwrite(str(folder / f"{frame}.jpg"), picture)
    for part, numbers in (("train", ("0001", "0002")), ("test", ("0003",))):
        lines = [f"Action/{e}/{n} {e}" for e, n in CLIPS if n in numbers]
        put_text(root / "4_setups" / "All_scenes" / f"{part}_All.csv", lines)


def write_config(work, **sections):
    classes = ["happy", "sad"]
    config = {
        "enabled": ["ferv"],
        "buckets": 2,
        "datasets": {
            "ferv": {"adapter": "ferv39k", "root": "ferv39k", "fps": 12, "classes": classes},
            "films": {"adapter": "folders", "root": "films", "classes": classes},
        },
        "split": {"protocol": "official", "val_fraction": 0.5},
        **sections,
    }
    if (work / "config.yaml").exists():  # a copy uses the model where the first project has it
        config["landmarker"] = yaml.safe_load((work / "config.yaml").read_text())["landmarker"]
    (work / "config.yaml").write_text(yaml.safe_dump(config))


@pytest.fixture(scope="session")
def frame_project(tmp_path_factory, landmarker_model):
    """FERV39k's layout with six clips of 12 frames, run up to the splits."""
    work = tmp_path_factory.mktemp("frames") / "project"
    write_ferv39k(work / "ferv39k")
    write_config(work, landmarker={"model": str(landmarker_model)})
    snakemake(work, "splits")
    return work


@pytest.fixture
def project(frame_project, tmp_path):
    return Path(shutil.copytree(frame_project, tmp_path / "project", copy_function=shutil.copy2))


def tracked(work):
    indexes = sorted((work / "results" / "ferv" / "tracks").glob("*.tsv"))
    columns = ("clip_id", "frames", "fps", "notes")
    return {row["clip_id"]: row for index in indexes for row in iter_rows(index, columns)}


def test_folders_of_frames_become_splits(frame_project):
    folder = frame_project / "results" / "ferv" / "splits" / "official"
    parts = {part: pq.read_table(folder / f"{part}.parquet") for part in ("train", "val", "test")}
    assert parts["test"].column("clip_id").to_pylist() == ["Action_Happy_0003", "Action_Sad_0003"]
    assert parts["train"].num_rows == parts["val"].num_rows == 2
    first = tracked(frame_project)["Action_Happy_0001"]
    assert (first["frames"], first["fps"]) == ("11", "12.0")
    assert "1 frames missing in the numbering (5)" in first["notes"]
    assert all(valid for table in parts.values() for valid in table.column("valid").to_pylist())
    manifest = pq.read_table(frame_project / "results" / "ferv" / "manifest.parquet")
    assert set(manifest.column("scene").to_pylist()) == {"Action"}


def test_nothing_to_do_and_one_frame_changed(project):
    assert snakemake(project, "splits").jobs == {}
    before = shards(project, "tracks")
    folder = project / "ferv39k" / "2_ClipsforFaceCrop" / "Action" / "Sad" / "0001"
    cv2.imwrite(str(folder / "3.jpg"), frames_of(9)[3])
    (folder / "12.jpg").unlink()
    run = snakemake(project, "splits")
    assert run.jobs["track_faces"] == 1
    assert len(computed(before, shards(project, "tracks"))) == 1


def test_identical_bytes_on_both_sides_stop_the_build(project):
    folder = project / "ferv39k" / "2_ClipsforFaceCrop" / "Action"
    shutil.rmtree(folder / "Sad" / "0003")
    shutil.copytree(folder / "Happy" / "0002", folder / "Sad" / "0003")
    run = snakemake(project, "splits", check=False)
    log = (project / "results" / "ferv" / "logs" / "build_splits" / "official.log").read_text()
    assert run.code != 0
    assert "1 clips with identical bytes in more than one part: Action_Sad_0003 in test" in log


def test_folds_of_grouped_k_fold_are_cross_validated(project):
    mlp = {
        "hidden": [8],
        "max_epochs": 1,
        "fusion": {"ensemble": 1, "refit": False, "mirror": False},
    }
    split = {"protocol": "grouped_k_fold", "folds": 3, "val_fraction": 0.5}
    write_config(project, split=split, mlp=mlp)
    run = snakemake(project, "cross_validate")
    assert "track_faces" not in run.jobs
    tested = []
    for fold in (1, 2, 3):
        folder = project / "results" / "ferv" / "splits" / "grouped_k_fold" / f"fold-{fold}"
        tested += pq.read_table(folder / "test.parquet").column("clip_id").to_pylist()
    assert sorted(tested) == sorted(f"Action_{emotion}_{number}" for emotion, number in CLIPS)
    folder = project / "results" / "ferv" / "evaluation" / "mlp" / "grouped_k_fold"
    found = json.loads((folder / "cross_validation.json").read_text())
    assert sum(map(sum, found["pooled"]["confusion"])) == 6


def test_a_film_of_the_same_frames_is_found(project):
    (project / "films" / "happy").mkdir(parents=True)
    write_video(project / "films" / "happy" / "same.mp4", frames_of(2))
    write_config(project, enabled=["ferv", "films"], near_duplicates={"max_distance": 1})
    run = snakemake(project, "near_duplicates")
    assert "look alike (ferv, films): results/near_duplicates.tsv" in run.output
    columns = ("dataset_a", "clip_a", "split_a", "clip_b", "distance")
    pairs = list(iter_rows(project / "results" / "near_duplicates.tsv", columns))
    best = min(pairs, key=lambda row: float(row["distance"]))
    assert [best[name] for name in columns[:4]] == ["ferv", "Action_Happy_0003", "test", "same"]
    assert "track_faces" not in run.jobs


def test_check_dataset(project):
    root = project / "ferv39k"
    run = snakemake(project, "check_dataset", "--config", f"root={root}")
    assert "fits: adapter ferv39k (FERV39k)" in run.output
    assert "happy                          2      5,854" in run.output
    text = (project / "results" / "check_dataset" / "ferv39k.txt").read_text()
    assert text.strip() in run.output


def test_quality_needs_neither_classes_nor_a_valid_clip(tmp_path, landmarker_model):
    """One class, two clips without a face: a table, a page and a line, and no training."""
    (tmp_path / "films" / "happy").mkdir(parents=True)
    for name in ("a", "b"):
        write_video(tmp_path / "films" / "happy" / f"{name}.mp4", flat_frames(12))
    config = {
        "enabled": ["films"],
        "buckets": 1,
        "datasets": {"films": {"adapter": "folders", "root": "films"}},
        "landmarker": {"model": str(landmarker_model)},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    run = snakemake(tmp_path, "--", "quality")
    assert "films: 2 clips, 0 valid, reasons: no face in any of … frames (2)" in run.output
    assert not {"build_splits", "fit_mlp", "write_report"} & set(run.jobs)
    folder = tmp_path / "results/films"
    assert (folder / "quality.csv").read_text().count("no face in any of 12 frames") == 2
    assert "Clips to review" in (folder / "quality.html").read_text()
