"""Results that are damaged or dated in the future: what the commands say, and what runs again."""

import json
import os
import shutil
import subprocess
import time

import pytest

from tests.workflow.workflow import (
    bucket_files,
    command,
    environment,
    labels,
    planned_jobs,
    shards,
    snakemake,
)

pytestmark = pytest.mark.workflow

CODED = {"track_faces": 1, "encode_features": 1, "list_quality": 1}


@pytest.fixture
def changed_in_the_future(project):
    """Results that are dated next year, and a video that has other bytes."""
    ahead = time.time() + 365 * 24 * 3600
    for path in (project / "results").rglob("*"):
        os.utime(path, (ahead, ahead))
    video = project / "videos" / labels(project)[0][0]
    # A player does not read what comes after the end.
    video.write_bytes(video.read_bytes() + b"\0" * 8)
    return project


def test_a_dry_run_sees_a_change_whatever_the_dates_and_writes_nothing(changed_in_the_future):
    project = changed_in_the_future
    keys = {p: p.read_bytes() for p in (project / "results/small/keys").rglob("*") if p.is_file()}
    assert snakemake(project, "-n", "--", "features").jobs == CODED
    cache = project / "results/small/keys/fingerprints.tsv"
    for path, content in keys.items():
        assert path == cache or path.read_bytes() == content


def test_a_dry_run_shows_what_would_run_on_results_that_may_not_be_written(project):
    results = project / "results"
    # Root may write whatever the modes say, unless it gives that right up.
    lowered = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"]
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed, and root may write everything")
    folders = [path for path in (results, *results.rglob("*")) if path.is_dir()]
    for path in (results, *results.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*")}
    try:
        done = subprocess.run(
            [
                *(lowered if os.geteuid() == 0 else ()),
                # Key files that there are not yet, and outputs that would be replaced.
                *command(project, "-n", "--config", "buckets=4", "--", "train_mlp"),
            ],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        for path in folders:
            path.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert "a run would stop, since it may not write the results of rule" in done.stderr
    jobs = planned_jobs(done.stdout + done.stderr)
    assert (jobs["track_faces"], jobs["encode_features"], jobs["fit_mlp"]) == (4, 4, 1)
    assert {path: path.stat().st_mtime_ns for path in results.rglob("*")} == before


@pytest.mark.slow
def test_a_run_that_ends_between_two_stages_leaves_no_stale_result(changed_in_the_future):
    project = changed_in_the_future
    before = bucket_files(project, "features")
    first = snakemake(project, "--until", "track_faces", "--", "features")
    assert "were dated in the future" in first.output
    assert first.jobs["track_faces"] == 1
    assert bucket_files(project, "features") == before
    assert snakemake(project, "--", "features").jobs == {
        name: count for name, count in CODED.items() if name != "track_faces"
    }
    assert bucket_files(project, "features") != before
    assert snakemake(project, "--", "features").jobs == {}


@pytest.mark.slow
def test_damaged_shards_are_put_aside_and_made_anew(project):
    store = project / "results/store"
    intact = {path: path.read_bytes() for path in store.rglob("*.npz")}
    assert snakemake(project, "--", "verify_store").code == 0
    one, other, third = sorted((store / "features").rglob("*.npz"))[:3]
    shutil.copy2(one, project / "kept")
    shutil.copy2(other, one)
    shutil.copy2(project / "kept", other)
    third.write_bytes(third.read_bytes()[:-1])
    flipped = sorted((store / "tracks").rglob("*.npz"))[0]
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 4
    flipped.write_bytes(content)
    run = snakemake(project, "--", "verify_store", check=False)
    assert run.code != 0
    found = json.loads((project / "results/verify_store.json").read_text())
    named = {project / entry["path"] for entry in found["damaged"]}
    assert named == {one, other, third, flipped}
    assert all((project / entry["aside"]).exists() for entry in found["damaged"])
    assert "clips have no index row" in snakemake(project, "--", "prune_store", check=False).output
    snakemake(project, "--", "features")
    assert {path: path.read_bytes() for path in intact} == intact
    for rule in ("verify_store", "verify_results", "store_info"):
        assert snakemake(project, "--", rule).code == 0
    assert len(shards(project, "features")) == 6
