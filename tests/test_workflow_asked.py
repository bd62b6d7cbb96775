"""Models that are asked, through the `snakemake` command: zero-shot, annotation, texts."""

import csv
import json
from pathlib import Path

import cv2
import pytest
import yaml
from media import write_video
from workflow import CLASSES, ROOT, copy_project, labels, snakemake, write_config

pytestmark = pytest.mark.workflow

TINY = yaml.safe_load((ROOT / "presets" / "zero_shot_tiny.yaml").read_text())["zero_shot"]
# PaliGemma is asked in test_zero_shot.py: here a job is mostly the import of transformers.
TOY = "tiny-random-qwen"


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    return copy_project(finished, tmp_path / "project")


def log(work: Path) -> str:
    return (work / f"results/small/logs/ask_zero_shot/{TOY}/80-10-10.log").read_text()


def test_zero_shot_ends_in_the_report_and_asks_once(project: Path) -> None:
    write_config(project, zero_shot={**TINY, "enabled": [TOY], "report": True})
    run = snakemake(project, "--", "report")
    expected = {"ask_zero_shot": 1, "evaluate_zero_shot": 1, "write_report": 1}
    assert expected.items() <= run.jobs.items()
    assert not {"track_faces", "encode_features", "fit_mlp"} & set(run.jobs)
    assert "0 answers are in the store, 2 clips to ask about" in log(project)
    scores = project / f"results/small/evaluation/zero_shot/{TOY}/80-10-10/metrics.json"
    assert json.loads(scores.read_text())["invalid_rate"] is not None
    page = (project / "results/small/report.html").read_text()
    assert f"{TOY}, zero-shot (toy size, random weights)" in page
    assert snakemake(project, "-n", "--", "zero_shot").jobs == {}

    # Outputs lost: nobody is asked twice.
    answers = project / f"results/small/zero_shot/{TOY}/80-10-10/predictions.parquet"
    answers.unlink()
    snakemake(project, "--", str(answers.relative_to(project)))
    assert "2 answers are in the store, 0 clips to ask about" in log(project)


def write_described(work: Path) -> None:
    """A second dataset: the first one's clips mirrored, with captions."""
    (work / "described").mkdir()
    lines = ["file_path,label,subject,text"]
    for number, (path, label, subject) in enumerate(labels(work)):
        capture = cv2.VideoCapture(str(work / "videos" / path))
        frames = []
        while True:
            there, frame = capture.read()
            if not there:
                break
            frames.append(cv2.cvtColor(cv2.flip(frame, 1), cv2.COLOR_BGR2RGB))
        capture.release()
        write_video(work / "described" / f"{number}.mp4", frames, fps=12)
        lines.append(f"{number}.mp4,{label},{subject},A person in a bright room turns the head.")
    (work / "described" / "labels.csv").write_text("\n".join(lines) + "\n")


def write_both(work: Path, *, texts: dict[str, str] | None = None, **annotation: object) -> None:
    table = {"adapter": "table", "table": "labels.csv", "classes": list(CLASSES)}
    datasets = {
        "small": {**table, "root": "videos", "texts": texts},
        "described": {**table, "root": "described"},
    }
    options = {"dataset": "small", "examples": "described", "model": "tiny-random-qwen"}
    options |= {"dtype": "float32", "max_pixels": 3136, "frames": 2, "example_frames": 2}
    options |= {
        "max_new_tokens": 8,
        "min_words": 20,
        "neutral": 0,
        "retries": 1,
        "gpus": 0,
        "threads": 1,
    }
    write_config(
        work,
        datasets=datasets,
        enabled=["small", "described"],
        annotate={**options, **annotation},
        near_duplicates={"max_distance": 0},
    )


def test_annotation_its_checks_and_the_joined_text(project: Path) -> None:
    write_described(project)
    write_both(project)
    run = snakemake(project, "--", "annotate")
    assert {"write_annotations": 1, "check_annotations": 1, "near_duplicates": 1}.items() <= (
        run.jobs.items()
    )
    assert "build_splits" not in run.jobs
    folder = project / "results/small/annotations"
    with (folder / "annotations.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert all(row["text"] for row in rows)
    checks = json.loads((folder / "checks.json").read_text())
    assert checks["described"] == 6
    assert checks["flags"]["short"] == 6
    with (folder / "examples.csv").open(encoding="utf-8", newline="") as file:
        assert sorted(row["actual"] for row in csv.DictReader(file)) == sorted(CLASSES)
    assert snakemake(project, "-n", "--", "annotate").jobs == {}

    # The texts become the clips' own; nothing is tracked or encoded anew.
    write_both(project, texts={"from": "annotations"})
    run = snakemake(project, "--", "results/small/manifest.csv")
    assert set(run.jobs) <= {"build_manifest", "results/small/manifest.csv"}
    with (project / "results/small/manifest.csv").open(encoding="utf-8", newline="") as file:
        joined = {row["clip_id"]: row["text"] for row in csv.DictReader(file)}
    assert joined == {row["clip_id"]: row["text"] for row in rows}


def test_nothing_to_describe_is_said(project: Path) -> None:
    run = snakemake(project, "-n", "--", "annotate", check=False)
    assert run.code != 0
    assert "annotate.dataset: found null, expected the name of the dataset" in run.output


def test_fine_tuning_plans_a_training_a_fold(project: Path) -> None:
    write_config(project, zero_shot=TINY, fine_tune={"models": [TOY]})
    jobs = snakemake(project, "-n", "--", "fine_tune").jobs
    assert {"fit_qwen": 1, "evaluate_fine_tuned": 1}.items() <= jobs.items()
    assert not {"ask_zero_shot", "track_faces", "encode_features"} & set(jobs)
