"""Faults that meet a run: kill, signals, a full or read-only disk, clips that crash or hang."""

import os
import random
import shutil
import signal
import subprocess
import time

import pytest
import yaml

from facewave.video.scene_lists import read_header
from tests.video.bad_decoder import write_bad_decoder
from tests.workflow.workflow import (
    bucket_files,
    command,
    computed,
    copy_project,
    drop_stat,
    environment,
    labels,
    shards,
    snakemake,
    write_config,
    write_labels,
)

pytestmark = pytest.mark.workflow


def start(project, *arguments):
    """Start the command in a process group of its own."""
    return subprocess.Popen(
        command(project, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
        cwd=project,
        start_new_session=True,
        # A shell's background jobs ignore it, and so would all that they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def forget(project):
    shutil.rmtree(project / "results")
    shutil.rmtree(project / ".snakemake", ignore_errors=True)


def wait_for_a_clip(project, process):
    deadline = time.monotonic() + 120
    while not shards(project, "tracks") and process.poll() is None:
        assert time.monotonic() < deadline, "no clip was finished"
        time.sleep(0.02)


def assert_equal_to(finished, project):
    """Whatever happened in between: the same indexes, and the same bytes in the store."""
    for stage in ("tracks", "features"):
        found, wanted = (bucket_files(work, stage) for work in (project, finished))
        assert {
            name: drop_stat(text) if stage == "tracks" else text for name, text in found.items()
        } == {name: drop_stat(text) if stage == "tracks" else text for name, text in wanted.items()}
    store = project / "results" / "store"
    found = {path.relative_to(store): path.read_bytes() for path in store.rglob("*.npz")}
    origin = finished / "results" / "store"
    assert found == {path.relative_to(origin): path.read_bytes() for path in origin.rglob("*.npz")}


@pytest.fixture
def bad_decoder(tmp_path, monkeypatch):
    """A function that names the clip at which the decoder waits; "" for none, and no crashes."""

    def hang_at(clip):
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "bad") if clip else "")
        monkeypatch.setenv("WAITING_CLIP", clip)

    write_bad_decoder(tmp_path / "bad")
    return hang_at


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_and_the_next_goes_on(finished, tmp_path, bad_decoder, number):
    project = copy_project(finished, tmp_path / "project")
    forget(project)
    # Else the run might end before the signal comes.
    bad_decoder(labels(project)[-1][0])
    process = start(project, "--", "features")
    wait_for_a_clip(project, process)
    os.killpg(process.pid, number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode != 0, output
    done = shards(project, "tracks")
    assert 0 < len(done) < 6
    bad_decoder("")
    # After a signal Snakemake takes its lock away itself.
    snakemake(project, "--", "features")
    assert not computed(done, {key: shards(project, "tracks")[key] for key in done})
    assert_equal_to(finished, project)


@pytest.mark.slow
def test_killed_at_twenty_random_moments(finished, tmp_path):
    """SIGKILL of the whole process tree: a restart finishes, and computes no clip twice."""
    project = copy_project(finished, tmp_path / "project")
    forget(project)
    began = time.monotonic()
    snakemake(project, "--", "features")
    seconds = time.monotonic() - began
    moments = random.Random(2024)
    for round_number in range(20):
        forget(project)
        process = start(project, "--", "features")
        time.sleep(moments.uniform(0.2, 1.0) * seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        done = {stage: shards(project, stage) for stage in ("tracks", "features")}
        snakemake(project, "--unlock", check=False)
        snakemake(project, "--", "features")
        for stage, before in done.items():
            after = shards(project, stage)
            assert {key: after[key] for key in before} == before, f"round {round_number}"
        assert_equal_to(finished, project)
        print(f"# round {round_number}: {len(done['tracks'])} of 6 clips were tracked")


@pytest.fixture
def small_disk(finished, tmp_path):
    """A project with its results on a disk of 400 kB of their own; a function that changes it."""
    project = copy_project(finished, tmp_path / "project")
    forget(project)
    results = project / "results"
    results.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(results)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs is not allowed here (needs root)")

    def remount(options):
        subprocess.run(["mount", "-o", f"remount,{options}", str(results)], check=True)

    yield project, remount
    subprocess.run(["umount", str(results)], check=True)


def test_a_full_disk_stops_the_run_and_flags_no_clip(finished, small_disk):
    project, remount = small_disk
    run = snakemake(project, "--", "features", check=False)
    assert run.code != 0
    assert "No space left on device" in run.output
    assert not list((project / "results").rglob("*.tmp*")), "left-overs fill the disk"
    remount("size=100m")
    snakemake(project, "--", "features")
    assert_equal_to(finished, project)


def test_a_read_only_results_folder_is_named(finished, small_disk):
    project, remount = small_disk
    remount("size=100m")
    remount("ro")
    run = snakemake(project, "--", "features", check=False)
    assert run.code != 0
    assert "results" in run.output
    assert "Read-only file system" in run.output
    assert "Traceback" not in run.output
    remount("rw")
    snakemake(project, "--", "features")
    assert_equal_to(finished, project)


@pytest.mark.slow
def test_clips_that_crash_or_hang_the_decoder_in_every_process_are_flagged(project, bad_decoder):
    bad_decoder("none")
    add_bad_clips(project)
    add_option(project, segments={"seconds": 100})  # lengths are measured while planning
    snakemake(project, "--", "report")
    flagged = [
        line
        for text in bucket_files(project, "features").values()
        for line in text.splitlines()
        if line.startswith(("endless", "segfault"))
    ]
    assert len(flagged) == 2
    endless, segfault = sorted(flagged)
    assert "the decoder works on it without a frame for 5 s" in endless
    assert "crashes the process (signal 11, SIGSEGV)" in segfault
    assert "crashes the process" in (project / "results/small/report.html").read_text()
    assert snakemake(project, "--", "features").jobs == {}


def add_bad_clips(project):
    """Add `endless.mp4` and `segfault.mp4`, at whose names the bad decoder hangs and crashes."""
    donor = project / "videos" / labels(project)[0][0]
    rows = []
    for name in ("endless.mp4", "segfault.mp4"):
        # Other bytes than the donor's: identical ones would be taken from the store.
        (project / "videos" / name).write_bytes(donor.read_bytes() + b"\0" * 8 + name.encode())
        rows.append((name, "happy", labels(project)[0][2]))
    write_labels(project, [*labels(project), *rows])
    write_config(project, video={"stall_seconds": 5})


@pytest.mark.slow
def test_scenes_and_near_duplicates_of_such_clips(project, bad_decoder):
    bad_decoder("none")
    add_bad_clips(project)
    snakemake(project, "--", "near_duplicates")
    assert (project / "results/near_duplicates.tsv").exists()
    add_option(project, segments={"seconds": 2, "scenes": "detect"})
    snakemake(project, "--", "detect_scenes")
    lists = project / "results/small/scenes"
    errors = {path.name: read_header(path).get("error", "") for path in lists.iterdir()}
    assert len(errors) == 8
    assert "without a frame for 5 s" in errors.pop("endless-Scenes.csv")
    assert "crashes the process" in errors.pop("segfault-Scenes.csv")
    assert set(errors.values()) == {""}


def add_option(project, **options):
    path = project / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["datasets"]["small"] |= options
    path.write_text(yaml.safe_dump(config))


def test_a_process_that_waits_fails_the_job_and_the_next_run_goes_on(project, bad_decoder):
    shutil.rmtree(project / "results/store/tracks")
    waiting = labels(project)[0][0]
    bad_decoder(waiting)
    write_config(project, buckets=1, video={"stall_seconds": 5})
    run = snakemake(project, "--", "features", check=False)
    assert run.code != 0
    assert f"{waiting}: the process that reads it neither worked nor answered" in run.output + log(
        project
    )
    done = shards(project, "tracks")
    assert len(done) == len(labels(project)) - 1
    bad_decoder("")
    snakemake(project, "--", "features")
    assert not computed(done, {path: shards(project, "tracks")[path] for path in done})


def log(project):
    return "".join(path.read_text() for path in (project / "results").rglob("logs/track_faces/*"))
