"""The workflow through profiles/slurm on a real Slurm: equal results, and what goes wrong there."""

import signal
import time

import pytest
import yaml

from tests.slurm.cluster_project import (
    SLURM,
    kept,
    of_stages,
    products,
    run,
    said,
    started,
    wait_until,
)
from tests.slurm.slurm_cluster import UNFINISHED
from tests.workflow.workflow import ROOT, shards

pytestmark = pytest.mark.slurm


def test_whole_workflow_gives_what_a_local_run_gives(cluster, make_project, local):
    work = make_project()
    before = len(cluster.jobs())
    run(work, *SLURM, cluster=cluster)
    assert products(work) == local
    # One of four buckets with two stages each; splits, MLP, evaluation, comparison and report.
    submitted = cluster.jobs()[before:]
    assert len(submitted) == 6
    group = cluster.show(submitted[0])
    # What one bucket needs, and the time of all of them.
    assert group["NumCPUs"] == "1"
    assert group["MinMemoryNode"] == "1000M"
    assert group["TimeLimit"] == "02:40:00"
    assert "Nothing to be done" in run(work, *SLURM, cluster=cluster)


def test_cancelled_job_is_tried_again_and_goes_on_at_the_clip(cluster, make_project, local):
    work = make_project(buckets=1)
    before = len(cluster.jobs())
    # As where there is no database.
    options = (*SLURM, "--slurm-status-command", "squeue")
    with started(work, *options, "--", "features", cluster=cluster) as process:
        wait_until(lambda: len(shards(work, "tracks")) >= 3, process)
        (job,) = cluster.jobs("RUNNING")
        cluster.call("scancel", job)
        wait_until(lambda: not cluster.jobs("RUNNING,COMPLETING"), process)
        finished = shards(work, "tracks")
        assert 3 <= len(finished) < 12
        assert process.wait(timeout=900) == 0, said(work)[-6000:]
    assert "Trying to restart job" in said(work)
    first, second = (cluster.show(number) for number in cluster.jobs()[before:])
    assert (first["MinMemoryNode"], second["MinMemoryNode"]) == ("1000M", "2000M")
    assert (first["TimeLimit"], second["TimeLimit"]) == ("00:40:00", "01:20:00")
    # What was there stayed as it was; the rest came once.
    kept(work, finished)
    log = (work / "results/small/logs/track_faces/0000.log").read_text()
    assert f"12/12 clips ({12 - len(finished)} computed)" in log
    assert of_stages(products(work), "store/") == of_stages(local, "store/")


def test_drained_nodes_finish_their_jobs_and_the_others_wait(cluster, make_project, local):
    work = make_project()
    options = ("--group-components", "buckets=1", "variants=1")
    nodes = f"nodename={','.join(cluster.nodes)}"
    with started(work, *SLURM, *options, "--", "features", cluster=cluster) as process:
        wait_until(lambda: len(cluster.jobs(UNFINISHED)) == 4, process)
        wait_until(lambda: shards(work, "tracks"), process)
        cluster.call("scontrol", "update", nodes, "state=drain", "reason=test")
        try:
            wait_until(lambda: not cluster.jobs("RUNNING,COMPLETING"), process)
            pending = cluster.jobs("PENDING")
            assert pending
            assert {cluster.node_state(node) for node in cluster.nodes} == {"drained"}
            done = shards(work, "tracks")
            assert 0 < len(done) < 12
        finally:
            cluster.call("scontrol", "update", nodes, "state=resume")
        assert process.wait(timeout=900) == 0, said(work)[-6000:]
    assert {cluster.show(job)["JobState"] for job in pending} == {"COMPLETED"}
    kept(work, done)
    wanted = ("store/", "small/tracks/", "small/features/")
    assert of_stages(products(work), *wanted) == of_stages(local, *wanted)


def test_array_jobs_as_the_documentation_says(cluster, make_project, local, tmp_path):
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    for key in ("groups", "group-components", "scheduler-subsample", "max-jobs-per-timespan"):
        del profile[key]
    profile |= {"slurm-array-jobs": "track_faces", "slurm-array-limit": 25}
    # The plugin judges all tasks of an array by the last one's state in the database.
    profile["slurm-status-command"] = "squeue"
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(profile))
    work = make_project()
    before = len(cluster.jobs())
    options = ("--workflow-profile", str(tmp_path), *SLURM[2:])
    run(work, *options, "--", "features", cluster=cluster)
    submitted = cluster.jobs()[before:]
    # An array of four buckets; what follows from each is a job of its own. On several nodes the
    # plugin fails a task that ends well before the first one, sometimes the first one with it, and
    # submits their buckets again, two or more of them as another array.
    assert len(submitted) >= 8
    first = next(number.partition("_")[0] for number in submitted if "_" in number)
    tasks = {number for number in submitted if number.startswith(f"{first}_")}
    assert tasks == {f"{first}_{task}" for task in range(1, 5)}
    wanted = ("store/", "small/tracks/", "small/features/")
    assert of_stages(products(work), *wanted) == of_stages(local, *wanted)


def test_interrupted_run_cancels_its_jobs(cluster, make_project):
    work = make_project()
    with started(work, *SLURM, "--", "features", cluster=cluster) as process:
        wait_until(lambda: shards(work, "tracks"), process)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=300) != 0
    deadline = time.monotonic() + 60
    while cluster.jobs(UNFINISHED):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    finished = shards(work, "tracks")
    run(work, *SLURM, "--", "features", cluster=cluster)
    kept(work, finished)
