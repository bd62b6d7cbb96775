"""A project of real clips (rendered ones where there are none), run here or through a profile."""

import csv
import hashlib
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import yaml

from facewave.demo.recipe import demo_clips
from facewave.demo.render import render_clip
from tests.slurm.slurm_cluster import Cluster
from tests.workflow.workflow import ROOT, SNAKEMAKE, environment, shards

CLASSES = ("neutral", "happy", "sad")
SUBJECTS = 4
# Faster than a profile for people may ask: of states every 3 s, of files at once.
QUICK = (
    *("--default-resources", "slurm_partition=main"),
    *("--latency-wait", "15", "--seconds-between-status-checks", "3"),
)
SLURM = (
    *("--workflow-profile", str(ROOT / "profiles" / "slurm"), *QUICK),
    *("--slurm-init-seconds-before-status-checks", "3"),
)
GENERIC = ("--workflow-profile", str(ROOT / "profiles" / "cluster-generic"), *QUICK)


def java_sed_rows(folder: Path) -> list[tuple[str, str, str]]:
    """Return path, label and subject of one clip of each of some subjects and classes."""
    with (folder / "labels.csv").open(newline="") as file:
        return [
            (row["file"], row["label"], row["subject"])
            for row in csv.DictReader(file)
            if row["label"] in CLASSES
            and int(row["subject"]) <= SUBJECTS
            and (row["sentence"], row["repetition"]) == ("01", "01")
        ]


def rendered_rows(folder: Path) -> list[tuple[str, str, str]]:
    """Render as many clips of the demo and return path, label and subject of each."""
    clips = demo_clips(subjects=SUBJECTS, takes=1, classes=CLASSES)
    for clip in clips:
        render_clip(clip, folder / clip.relative_path, size=192, fps=12, seed=1)
    return [(clip.relative_path, clip.label, clip.subject) for clip in clips]


def write_project(work: Path, *, root: Path, table: Path, model: Path, buckets: int = 4) -> Path:
    """Write the configuration of a project whose clips and labels lie outside of it."""
    work.mkdir(parents=True)
    dataset = {"adapter": "table", "root": str(root), "table": str(table)}
    config = {
        "enabled": ["small"],
        "buckets": buckets,
        "datasets": {"small": {**dataset, "classes": list(CLASSES)}},
        "landmarker": {"model": str(model)},
        "mlp": {"hidden": [8], "max_epochs": 3, "patience": 3},
    }
    (work / "config.yaml").write_text(yaml.safe_dump(config))
    return work


def run(work: Path, *arguments: str, cluster: Cluster | None = None) -> str:
    """Run snakemake to its end and return what it said; raises if it failed."""
    with started(work, *arguments, cluster=cluster) as process:
        code = process.wait(timeout=900)
    output = said(work)
    assert code == 0, output[-6000:]
    return output


@contextmanager
def started(work: Path, *arguments: str, cluster: Cluster | None = None):
    """Start snakemake, here or through the cluster's profile; stopped with the block."""
    command = [str(SNAKEMAKE), "--snakefile", str(ROOT / "Snakefile"), "--nocolor"]
    command += ["--directory", str(work), "--configfile", str(work / "config.yaml"), *arguments]
    with (work / "run.log").open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=cluster.environment if cluster else environment(),
            # Ctrl-C must reach it even where these tests run in the background, which ignores it.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=120)


def said(work: Path) -> str:
    return (work / "run.log").read_text(errors="replace")


def wait_until(true: Callable[[], bool], process: subprocess.Popen, *, seconds: float = 400):
    """Wait for something to become true while a run goes on."""
    end = time.monotonic() + seconds
    while not true():
        assert process.poll() is None, "the run ended before"
        assert time.monotonic() < end, f"not true after {seconds} s"
        time.sleep(0.1)


def products(work: Path) -> dict[str, str]:
    """Return the digest of every file of the results that must not depend on where it was made."""
    results = work / "results"
    return {
        str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(results.rglob("*"))
        if path.is_file() and not {"logs", "benchmarks"} & {*path.relative_to(results).parts}
    }


def of_stages(files: dict[str, str], *folders: str) -> dict[str, str]:
    return {path: digest for path, digest in files.items() if path.startswith(folders)}


def kept(work: Path, done: dict[str, tuple[int, int]], *, clips: int = 12) -> None:
    """Check that every clip has its trajectory and that these ones were not written again."""
    after = shards(work, "tracks")
    assert len(after) == clips
    assert {key: after[key] for key in done} == done
