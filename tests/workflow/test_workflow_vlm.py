"""The vision-language model through the `snakemake` command: stages, report, a kill in between."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from facewave.evaluation.predictions import read_predictions
from tests.workflow.workflow import (
    ROOT,
    command,
    copy_project,
    environment,
    snakemake,
    write_config,
)

pytestmark = pytest.mark.workflow

TINY = yaml.safe_load((ROOT / "presets" / "vlm_tiny.yaml").read_text())["vlm"]
STAGES = ("adaptation", "fine_tuning")
# Many epochs of a single clip: long enough to be killed in between.
LONG = {
    "adaptation": {"share": 0.5, "epochs": 30, "train": ["face", "projector"]},
    "fine_tuning": {"share": 0.5, "epochs": 2, "train": ["face", "lora"]},
}
SHOWN = ["adaptation", "fine_tuning", "fusion"]


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    work = copy_project(finished, tmp_path / "project")
    write_vlm(work)
    return work


def write_vlm(work: Path, *, predict: dict[str, object] | None = None, **changes: object) -> None:
    options = {**TINY, "stages": LONG, "patience": 50, "checkpoint_steps": 1, "report": SHOWN}
    write_config(work, vlm={**options, **changes}, predict=predict or {})


def folder(work: Path, stage: str) -> Path:
    return work / "results/small/vlm/paligemma/full" / stage / "80-10-10"


def kill_after_first_checkpoint(work: Path) -> None:
    checkpoints = work / "results/small/vlm/checkpoints"
    process = subprocess.Popen(
        command(work, "--", "train_paligemma"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
        cwd=work,
        start_new_session=True,
    )
    deadline = time.monotonic() + 240
    while not list(checkpoints.glob("*/checkpoint.safetensors")):
        assert process.poll() is None, "the training ended without a checkpoint"
        assert time.monotonic() < deadline, "no checkpoint"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def predicts_as_for_the_test_part(project: Path) -> None:
    """Ask the trained model about a clip of its test part, as if it were one's own video."""
    part = pq.read_table(project / "results/small/splits/80-10-10/test.parquet")
    clip_id, path = (part.column(name)[0].as_py() for name in ("clip_id", "file_path"))
    table = project / "videos/own.csv"
    table.write_text(f"clip_id,file_path\n{clip_id},{path.removeprefix('videos/')}\n")
    model = str(folder(Path(), "fine_tuning"))
    predict = {"name": "own", "videos": str(table), "window": None, "overlay": False}
    write_vlm(project, predict={**predict, "model": model})
    jobs = snakemake(project, "--", "results/predict/own/predictions.csv").jobs
    assert (jobs["predict_videos"], "fit_vlm" in jobs) == (1, False)
    with (project / "results/predict/own/predictions.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    test = read_predictions(project / model / "predictions.parquet").of_part("test")
    np.testing.assert_allclose(
        [float(row[f"p_{name}"]) for name in test.classes],
        test.probabilities[test.clip_ids.index(clip_id)],
        atol=1e-5,
    )
    # Checked on the validation part: too little for a promise, and that is said.
    assert "no error rate of 0.1 can be promised: the model was checked on" in row["why"]


def test_a_killed_training_goes_on_and_ends_in_the_report(project: Path) -> None:
    kill_after_first_checkpoint(project)
    assert not folder(project, "adaptation").joinpath("weights.safetensors").exists()
    snakemake(project, "--unlock")
    run = snakemake(project, "--", "train_paligemma")
    expected = {"fit_vlm": 2, "evaluate_vlm": 3, "fuse_vlm": 1, "write_report": 1}
    assert expected.items() <= run.jobs.items()
    assert not {"track_faces", "encode_features", "fit_mlp"} & set(run.jobs)
    logs = project / "results/small/logs/fit_vlm/paligemma/full"
    assert "resuming after step" in (logs / "adaptation/80-10-10.log").read_text()
    assert "resuming after step" not in (logs / "fine_tuning/80-10-10.log").read_text()
    assert len((folder(project, "adaptation") / "metrics.csv").read_text().splitlines()) == 31
    assert not list((project / "results/small/vlm/checkpoints").iterdir())
    for stage in (*STAGES, "fusion"):
        answers = pq.read_table(folder(project, stage) / "predictions.parquet")
        assert answers.column("part").to_pylist() == ["val"] * 2 + ["test"] * 2
        path = project / f"results/small/evaluation/paligemma/full/{stage}/80-10-10/metrics.json"
        assert json.loads(path.read_text())["overall"]["n"] == 2
    page = (project / "results/small/report.html").read_text()
    assert "Models on the same clips" in page
    assert "PaliGemma 2 at toy size, random weights: and MLP, late fusion" in page
    assert "random weights instead of pretrained ones" in page
    predicts_as_for_the_test_part(project)

    # Only how fast it runs has changed; then a stage, then what both stages are made of.
    write_vlm(project, threads=2, cache_images=True, checkpoint_steps=3)
    assert "fit_vlm" not in snakemake(project, "-n", "--", "train_paligemma").jobs
    write_vlm(project, stages={**LONG, "fine_tuning": {**LONG["fine_tuning"], "share": 0.4}})
    assert snakemake(project, "-n", "--", "train_paligemma").jobs["fit_vlm"] == 1
    write_vlm(project, width=16)
    assert snakemake(project, "-n", "--", "train_paligemma").jobs["fit_vlm"] == 2


def test_targets_plan_what_they_say_and_the_default_nothing(project: Path) -> None:
    write_config(project)
    assert snakemake(project, "-n").jobs == {}
    write_vlm(project)
    plan = snakemake(project, "-n", "--", "zero_shot_paligemma").jobs
    assert plan == {"predict_zero_shot": 1, "evaluate_zero_shot": 1, "zero_shot_paligemma": 1}
    plan = snakemake(project, "-n", "--", "ablate_paligemma").jobs
    # Six controls of two stages; the frames are shuffled once a bucket.
    assert plan["fit_vlm"] == 12
    assert (plan["shuffle_time_encode"], plan["shuffle_time_split"]) == (2, 1)
    assert plan["compare_vlm_controls"] == 1
    write_vlm(project, report=["zero_shot", "ablation"])
    plan = snakemake(project, "-n").jobs
    assert (plan["write_report"], plan["predict_zero_shot"]) == (1, 1)
    write_vlm(project, report=["adaptation"], head="regression")
    failed = snakemake(project, "-n", "--", "zero_shot_paligemma", check=False)
    assert "zero_shot_paligemma: a model cannot predict numbers" in failed.output
    write_config(project, enabled=["demo"], datasets={"demo": {"adapter": "demo"}})
    plan = snakemake(project, "-n", "--", "demo_vlm").jobs
    assert (plan["fit_vlm"], plan["predict_zero_shot"]) == (4, 2)
    assert (plan["compare_toys"], plan["write_toy_report"]) == (1, 1)


@pytest.mark.slow
def test_a_changed_target_trains_the_regression_anew_and_nothing_else(project: Path) -> None:
    table = project / "videos/labels.csv"
    header, *rows = table.read_text().splitlines()
    scored = [f"{row},{number}.5" for number, row in enumerate(rows)]
    table.write_text("\n".join([f"{header},valence", *scored]) + "\n")
    short = {name: {**part, "epochs": 1} for name, part in LONG.items()}
    options = {**TINY, "stages": short, "head": "regression", "report": STAGES[1:]}
    small = {"adapter": "table", "root": "videos", "table": "labels.csv"}
    small["classes"] = ["happy", "surprise"]
    write_config(project, vlm=options)
    failed = snakemake(project, "-n", "--", "train_paligemma", check=False)
    assert "the clips of small have no targets" in failed.output
    assert "most recent call last" not in failed.output

    datasets = {"small": {**small, "targets": ["valence"]}}
    write_config(project, vlm={**options, "targets": {"columns": ["valense"]}}, datasets=datasets)
    failed = snakemake(project, "-n", "--", "train_paligemma", check=False)
    assert "expected a target of small (valence); did you mean 'valence'?" in failed.output
    write_config(project, vlm=options, datasets=datasets)
    run = snakemake(project, "--", "train_paligemma")
    assert {"build_targets": 1, "fit_vlm": 2}.items() <= run.jobs.items()
    early = {"build_manifest", "track_faces", "encode_features", "build_splits", "fit_mlp"}
    assert not early & set(run.jobs)
    found = pq.read_table(project / "results/small/targets.parquet")
    assert found.column("valence").to_pylist() == [i + 0.5 for i in range(len(found))]
    path = project / "results/small/evaluation/paligemma/full/fine_tuning/80-10-10/regression.json"
    assert json.loads(path.read_text())["n"] == 2

    table.write_text(table.read_text().replace("0.5", "7.5", 1))
    plan = snakemake(project, "-n", "--", "train_paligemma").jobs
    assert (plan["build_targets"], plan["fit_vlm"]) == (1, 2)
    assert set(plan) == {
        *("build_targets", "fit_vlm", "evaluate_regression", "write_report"),
        "train_paligemma",
    }


def test_a_model_that_cannot_run_stops_everything_before_the_first_job(project: Path) -> None:
    write_vlm(project, model=str(project / "none"), gpus=1)
    plan = snakemake(project, "-n", "--", "train_paligemma").jobs
    assert (plan["fetch_weights"], plan["check_gpu"]) == (1, 1)
    run = snakemake(project, "--", "train_paligemma", check=False)
    assert run.code != 0
    assert "nothing was started, since a model could not run:" in run.output
    assert f"vlm.model: {project}/none: there is no such folder" in run.output
    assert "most recent call last" not in run.output
    assert "jobid" not in run.output


def test_float16_stops_before_anything_runs(project: Path) -> None:
    write_vlm(project, dtype="float16")
    run = snakemake(project, "-n", "--", "train_paligemma", check=False)
    assert run.code != 0
    assert "float16 overflows in Gemma" in run.output
    assert "Traceback" not in run.output


def test_reading_the_snakefile_imports_no_model_library(project: Path) -> None:
    program = (
        "import sys; sys.argv = sys.argv[1:]\n"
        "from snakemake.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'transformers', 'peft', 'sklearn', 'matplotlib', 'scipy', 'pywt'}\n"
        "print('imported:', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command(project, "-n", "--", "train_paligemma")],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
        cwd=project,
    )
    assert "imported: []" in done.stdout, done.stdout + done.stderr
