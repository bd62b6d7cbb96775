"""Models that are asked, through the `snakemake` command: zero-shot, annotation, texts."""

import csv
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from numpy.typing import NDArray

from facewave.upkeep.prune import prune_store
from tests.video.media import write_video
from tests.workflow.workflow import (
    CLASSES,
    ROOT,
    command,
    copy_project,
    environment,
    labels,
    shards,
    snakemake,
    write_config,
)

pytestmark = pytest.mark.workflow

TINY = yaml.safe_load((ROOT / "presets" / "zero_shot_tiny.yaml").read_text())["zero_shot"]
# PaliGemma is asked in test_zero_shot.py: here a job is mostly the import of transformers.
TOY = "tiny-random-qwen"


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    return copy_project(finished, tmp_path / "project")


def log(work: Path) -> str:
    return (work / f"results/small/logs/predict_zero_shot/{TOY}/80-10-10.log").read_text()


def test_zero_shot_ends_in_the_report_and_asks_once(project: Path) -> None:
    write_config(project, zero_shot={**TINY, "enabled": [TOY], "report": True})
    run = snakemake(project, "--", "report")
    expected = {"predict_zero_shot": 1, "evaluate_zero_shot": 1, "write_report": 1}
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


# Clips to draw examples from: label, fold, caption, and whether they are a target's clip mirrored.
DESCRIBED = (
    ("happy", "2", "一个人在明亮的房间里向左转头。", True),
    ("surprise", "2", "一个人在明亮的房间里扬起眉毛。", True),
    ("neutral", "2", "一个人在明亮的房间里看着墙。", True),
    ("happy", "1", "这一折里的人坐在房间里。", True),
    ("surprise", "2", "目标里也有的人站在房间里。", False),
    ("neutral", "2", "一个悲伤的人站在房间里。", True),
)


def write_described(work: Path) -> None:
    """A second dataset, of which only the first three clips may be examples."""
    (work / "described").mkdir()
    lines = ["file_path,label,fold,text"]
    for number, (about, target) in enumerate(zip(DESCRIBED, labels(work), strict=True)):
        label, fold, text, mirrored = about
        path, copy = work / "videos" / target[0], work / "described" / f"{number}.mp4"
        if mirrored:
            frames = [np.ascontiguousarray(frame[:, ::-1]) for frame in read_rgb(path)]
            write_video(copy, frames, fps=12)
        else:
            shutil.copy2(path, copy)
        lines.append(f"{copy.name},{label},{fold},{text}")
    (work / "described" / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_rgb(path: Path) -> list[NDArray[np.uint8]]:
    capture, frames = cv2.VideoCapture(str(path)), []
    while (read := capture.read())[0]:
        frames.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
    capture.release()
    return frames


def write_both(work: Path, *, texts: dict[str, str] | None = None) -> None:
    table = {"adapter": "table", "table": "labels.csv"}
    datasets = {
        "small": {**table, "root": "videos", "classes": list(CLASSES), "texts": texts},
        "described": {**table, "root": "described", "classes": ["neutral", *CLASSES]},
    }
    options = {"dataset": "small", "examples": "described", "model": TOY, "dtype": "float32"}
    options |= {"max_pixels": 3136, "frames": 2, "example_frames": 2, "max_new_tokens": 8}
    # The toy writes no Chinese: every clip is asked about again.
    options |= {"held_out_folds": ["1"], "language": "zh", "retries": 1, "gpus": 0, "threads": 1}
    write_config(
        work,
        datasets=datasets,
        enabled=["small", "described"],
        annotate=options,
        near_duplicates={"max_distance": 0},
    )


def kill_after_an_answer(work: Path, *targets: str) -> dict[str, tuple[int, int]]:
    """Kill a run, with all its jobs, once an answer is in the store; return the answers."""
    process = subprocess.Popen(
        command(work, "--", *targets),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
        cwd=work,
        start_new_session=True,
    )
    deadline = time.monotonic() + 240
    while not shards(work, "answers"):
        assert process.poll() is None, "the run ended without an answer"
        assert time.monotonic() < deadline, "no answer"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    snakemake(work, "--unlock")
    return shards(work, "answers")


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_annotation_killed_and_gone_on_its_checks_and_the_joined_text(project: Path) -> None:
    write_described(project)
    write_both(project)
    folder = project / "results/small/annotations"
    before = kill_after_an_answer(project, "annotate")
    assert before
    assert not (folder / "annotations.csv").exists()
    # What the killed job has paid for is named by its index.
    prune_store(project / "results", project / "results/store", apply=True, safe_seconds=0)
    assert shards(project, "answers") == before
    run = snakemake(project, "--", "annotate")
    assert run.jobs == {"write_annotations": 1, "check_annotations": 1, "annotate": 1}
    after = shards(project, "answers")
    assert before.items() <= after.items()
    chosen = read_csv(folder / "examples.csv")
    assert {(row["clip_id"], row["actual"], row["text"]) for row in chosen} == {
        (str(number), *DESCRIBED[number][::2]) for number in range(3)
    }
    rows = read_csv(folder / "annotations.csv")
    assert [row["attempts"] for row in rows] == ["2"] * 6
    assert len(after) == 12
    checks = json.loads((folder / "checks.json").read_text())
    assert (checks["clips"], checks["described"], checks["asked_again"]) == (6, 6, 6)
    assert checks["flags"]["language"] == 6
    assert checks["probe"]["reason"] == "too few classes with at least 5 texts to probe"

    # The texts become the clips' own; nothing is described, tracked or encoded anew.
    write_both(project, texts={"from": "annotations"})
    run = snakemake(project, "--", "results/small/splits/80-10-10/train.parquet")
    assert {name for name, count in run.jobs.items() if "/" not in name} == {
        *("build_manifest", "build_splits"),
    }
    written = {row["clip_id"]: row["text"] for row in rows}
    joined = read_csv(project / "results/small/manifest.csv")
    assert {row["clip_id"]: row["text"] for row in joined} == written
    train = pq.read_table(project / "results/small/splits/80-10-10/train.parquet")
    pairs = zip(*(train.column(name).to_pylist() for name in ("clip_id", "text")), strict=True)
    assert dict(pairs).items() <= written.items()
    assert snakemake(project, "-n", "--", "annotate").jobs == {}


def test_nothing_to_describe_is_said(project: Path) -> None:
    run = snakemake(project, "-n", "--", "annotate", check=False)
    assert run.code != 0
    assert "annotate.dataset: found null, expected the name of the dataset" in run.output
