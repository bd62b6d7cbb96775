"""Lists of files, folds and stage options from a configuration alone, without a graph."""

import csv
import json
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from facewave.config.check import check_config
from facewave.planning.plan import PlanError
from facewave.planning.project import (
    code_commit,
    landmarker_model,
    open_project,
    recipe_clips,
    rendered_patterns,
    stage_options,
)
from tests.video.media import flat_frames, write_video

ROWS = [("a.mp4", "happy", "s1"), ("b.mp4", "sad", "s1"), ("c.mp4", "sad", "s2")]


def configuration(folder, **changes):
    given = {
        "results": str(folder / "results"),
        "enabled": ["mine"],
        "buckets": 2,
        "datasets": {
            "mine": {
                "adapter": "table",
                "root": str(folder),
                "table": "labels.csv",
                "classes": ["happy", "sad"],
            },
            "demo": {"adapter": "demo", "subjects": 2, "takes": 1},
        },
    }
    return check_config({**given, **changes})


@pytest.fixture
def folder(tmp_path):
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file_path", "label", "subject"), *ROWS])
    for name, _, _ in ROWS:
        (tmp_path / name).write_bytes(b"a video")
    return tmp_path


def test_files_of_buckets_folds_and_datasets(folder):
    config = configuration(folder, split={"protocol": "leave_one_subject_out"})
    project = open_project(config, write=True)
    base = folder / "results/mine"
    buckets = project.plans["mine"].buckets
    assert project.of_buckets("mine", "tracks") == [base / f"tracks/{b}.tsv" for b in buckets]
    assert project.split_folders("mine") == [
        f"leave_one_subject_out/{f}" for f in project.folds["mine"]
    ]
    assert len(project.folds["mine"]) == 2
    assert project.of_folds("mine", "mlp/{split}/metrics.csv") == [
        base / f"mlp/leave_one_subject_out/{fold}/metrics.csv" for fold in project.folds["mine"]
    ]
    assert project.of_datasets("x/{split}/{part}.parquet", part=["train", "test"]) == [
        base / f"x/leave_one_subject_out/{fold}/{part}.parquet"
        for fold in project.folds["mine"]
        for part in ("train", "test")
    ]
    assert project.of_datasets("report.html") == [base / "report.html"]


def test_a_single_split_is_named_by_its_protocol(folder):
    project = open_project(configuration(folder), write=True)
    assert project.split_folders("mine") == ["80-10-10"]
    assert project.fold_names("mine") == ["80-10-10"]
    assert project.folds["mine"] == []


def test_a_job_reads_the_plan_that_the_main_process_wrote(folder):
    config = configuration(folder)
    written = open_project(config, write=True)
    (folder / "labels.csv").unlink()  # a job looks at no label file
    assert open_project(config, write=False) == written


def test_a_job_before_any_plan_has_no_buckets(folder):
    assert open_project(configuration(folder), write=False).of_buckets("mine", "tracks") == []


def test_what_cannot_be_planned_yet_is_said_when_its_files_are_wanted(folder):
    write_video(folder / "a.mp4", flat_frames(30))
    config = configuration(folder)
    config["datasets"]["mine"]["segments"] = {"seconds": 10, "overlap": 0.0, "scenes": "detect"}
    project = open_project(check_config(config), write=True)
    assert "detect_scenes" in project.unplanned["mine"]
    with pytest.raises(PlanError, match="detect_scenes"):
        project.of_datasets("report.html")
    with pytest.raises(PlanError, match="detect_scenes"):
        project.file("mine", "report.html")


def test_splits_of_clips_without_labels_are_refused_before_anything_runs(folder):
    (folder / "labels.csv").write_text("file_path\n" + "\n".join(name for name, _, _ in ROWS))
    project = open_project(configuration(folder), write=True)
    assert project.unlabelled
    assert project.of_datasets("quality.html") == [folder / "results/mine/quality.html"]
    with pytest.raises(
        PlanError, match=r"dataset mine: clips without a label .3. .*column `label`"
    ):
        project.of_datasets("report.html")


def test_checking_a_folder_plans_no_dataset(folder):
    project = open_project(configuration(folder, root=str(folder)), write=True)
    assert project.datasets == {}
    assert project.of_datasets("report.html") == []


def test_rendered_clips_by_bucket_are_all_of_them_once(folder):
    project = open_project(configuration(folder, enabled=["demo", "mine"]), write=True)
    everything = project.demo_files("demo")
    parts = [project.demo_files("demo", bucket=bucket) for bucket in project.plans["demo"].buckets]
    assert len(parts) == 2
    assert sorted(path for part in parts for path in part) == sorted(everything)
    assert project.demo_files("mine") == []


def test_the_pattern_of_a_subject_stands_for_all_its_clips(folder):
    options = open_project(configuration(folder, enabled=["demo"]), write=False).datasets["demo"]
    names = {
        pattern.format(subject=subject)
        for pattern in rendered_patterns(options)
        for subject in ("s01", "s02")
    }
    assert names == {clip.relative_path for clip in recipe_clips(options)}


def test_existing_files_alone_are_shown(folder):
    project = open_project(configuration(folder), write=True)
    assert project.existing("mine", "keys/plan.json", "nothing.json") == [
        folder / "results/mine/keys/plan.json"
    ]


def test_options_that_are_not_set_are_in_no_key(folder):
    plain = stage_options(configuration(folder))["tracks"]["landmarker"]
    assert "max_fps" not in plain
    chosen = stage_options(configuration(folder, landmarker={"max_fps": 15}))
    assert chosen["tracks"]["landmarker"]["max_fps"] == 15
    assert json.dumps(chosen)  # key files hold it


def test_another_landmarker_is_another_file(folder):
    config = configuration(folder)
    name = landmarker_model(config).name
    assert config["landmarker"]["sha256"].startswith(Path(name).stem.partition("-")[2])


def test_the_commit_says_whether_files_differ(tmp_path):
    assert code_commit(tmp_path) is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e@example.org"]
    (tmp_path / "file").write_text("1")
    for arguments in (["init", "-q"], ["add", "file"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *arguments], check=True)
    clean = code_commit(tmp_path)
    assert clean
    (tmp_path / "file").write_text("2")
    assert code_commit(tmp_path) == f"{clean}+"


def test_another_version_of_the_decoder_or_of_mediapipe_is_noticed(folder):
    options = stage_options(configuration(folder))["tracks"]
    assert options["software"] == {name: version(name) for name in ("mediapipe", "av")}
