"""Three nodes: buckets side by side, partitions by need, nodes that die, memory that is limited."""

import os
import signal
from pathlib import Path

import pytest

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
from tests.slurm.slurm_cluster import (
    UNFINISHED,
    Cluster,
    kernel_limits_memory,
    missing_requirement,
    running_cluster,
    wait_until_idle,
)
from tests.slurm.slurm_services import wait_for
from tests.workflow.workflow import ROOT, shards

pytestmark = pytest.mark.slurm

PARTITIONS = str(ROOT / "profiles" / "slurm" / "partitions.yaml")
WITHOUT_PARTITION = tuple(
    option for option in SLURM if option not in ("--default-resources", "slurm_partition=main")
)


def tracking_log(work) -> str:
    return (work / "results/small/logs/track_faces/0000.log").read_text()


def start_at_once(cluster: Cluster, job: str) -> None:
    # Slurm lets a job wait two minutes after its node died.
    cluster.call("scontrol", "update", f"jobid={job}", "starttime=now")


def members(processes: list[int]) -> list[int]:
    """Return those that still run, without the guards of a job's steps."""
    return [
        number
        for number in processes
        if (command := Path(f"/proc/{number}/cmdline")).exists()
        and b"snakemake" in command.read_bytes()
    ]


@pytest.fixture
def all_nodes(cluster):
    """The cluster; nodes that the test killed are started again."""
    yield cluster
    for node in set(cluster.nodes) - set(cluster.pids):
        cluster.start_node(node)
    wait_until_idle(cluster)


def test_buckets_run_on_several_nodes_in_the_partition_that_fits(cluster, make_project, local):
    work = make_project()
    before = len(cluster.jobs())
    options = ("--group-components", "buckets=1", "variants=1")
    options += ("--slurm-partition-config", PARTITIONS)
    run(work, *WITHOUT_PARTITION, *options, "--", "train_mlp", cluster=cluster)
    submitted = cluster.jobs()[before:]
    assert len(submitted) == 7
    fields = ("State", "Partition", "ReqMem", "NodeList")
    rows = {job: cluster.accounted(job, *fields)[0] for job in submitted}
    assert {row[0] for row in rows.values()} == {"COMPLETED"}
    # 1 GB each for the buckets, 2 for splits and evaluation, 4 for training.
    buckets, (splits, training, evaluation) = submitted[:4], submitted[4:]
    assert {tuple(rows[job][1:3]) for job in buckets} == {("cpu", "1000M")}
    assert {rows[job][3] for job in buckets} == {"facewave1", "facewave2"}
    assert rows[splits][1:3] == rows[evaluation][1:3] == ["cpu", "2000M"]
    assert rows[training][1:] == ["highmem", "4000M", "facewave3"]
    # The database knows what the steps took.
    steps = dict(cluster.accounted(buckets[0], "JobID", "MaxRSS"))
    assert {f"{buckets[0]}.{step}" for step in ("batch", "0", "1")} < set(steps)
    assert steps[f"{buckets[0]}.0"]
    wanted = ("store/", "small/tracks/", "small/features/")
    assert of_stages(products(work), *wanted) == of_stages(local, *wanted)


@pytest.mark.parametrize("requeue", [True, False], ids=["requeued", "resubmitted"])
def test_node_dies_in_the_middle_of_a_bucket(all_nodes, make_project, local, requeue):
    cluster = all_nodes
    work = make_project(buckets=1)
    before = len(cluster.jobs())
    options = SLURM if requeue else (*SLURM, "--slurm-no-requeue")
    with started(work, *options, "--", "features", cluster=cluster) as process:
        wait_until(lambda: len(shards(work, "tracks")) >= 3, process)
        (job,) = cluster.jobs("RUNNING")
        node = cluster.show(job)["NodeList"]
        cluster.kill_node(node)
        done = shards(work, "tracks")
        assert 3 <= len(done) < 12
        # Nobody tells the controller: it finds out when the node no longer answers.
        wait_until(lambda: cluster.node_state(node).startswith("down"), process)
        if requeue:
            wait_until(lambda: cluster.show(job)["JobState"] == "PENDING", process)
            start_at_once(cluster, job)
        assert process.wait(timeout=900) == 0, said(work)[-6000:]
    submitted = cluster.jobs()[before:]
    last = cluster.show(submitted[-1])
    assert last["JobState"] == "COMPLETED"
    assert last["NodeList"] != node
    if requeue:
        # Slurm started the same job again; Snakemake submitted one and saw no failure.
        assert submitted == [job]
        assert last["Restarts"] == "1"
        assert last["MinMemoryNode"] == "1000M"
        assert "Trying to restart" not in said(work)
        states = [row[0] for row in cluster.accounted(job, "State", "JobID") if row[1] == job]
        assert states == ["NODE_FAIL", "COMPLETED"]
    else:
        assert submitted == [job, last["JobId"]]
        assert cluster.show(job)["JobState"] == "NODE_FAIL"
        assert last["MinMemoryNode"] == "2000M"
        assert last["ExcNodeList"] == node
    kept(work, done)
    assert f"12/12 clips ({12 - len(done)} computed)" in tracking_log(work)
    assert of_stages(products(work), "store/") == of_stages(local, "store/")


def test_lost_node_computes_on_beside_its_successor(all_nodes, make_project, local):
    cluster = all_nodes
    work = make_project(buckets=1)
    with started(work, *SLURM, "--", "features", cluster=cluster) as process:
        wait_until(lambda: len(shards(work, "tracks")) >= 3, process)
        (job,) = cluster.jobs("RUNNING")
        node = cluster.show(job)["NodeList"]
        # It hangs, and the controller loses it …
        first = cluster.signal_job(job, signal.SIGSTOP)
        done = shards(work, "tracks")
        cluster.kill_node(node, jobs_too=False)
        wait_until(lambda: cluster.show(job)["JobState"] == "PENDING", process)
        start_at_once(cluster, job)
        wait_until(lambda: len(shards(work, "tracks")) > len(done), process)
        # … and while another node computes the same bucket, it goes on.
        for number in first:
            os.kill(number, signal.SIGCONT)
        assert process.wait(timeout=900) == 0, said(work)[-6000:]
    wait_for(lambda: not members(first), "the end of the lost job", cluster.folder)
    assert cluster.show(job)["NodeList"] != node
    kept(work, done)
    assert of_stages(products(work), "store/") == of_stages(local, "store/")
    assert "Nothing to be done" in run(work, *SLURM, "--", "features", cluster=cluster)


@pytest.mark.skipif(not kernel_limits_memory(), reason="no control groups of version 1")
def test_job_over_its_memory_is_killed_and_tried_again_with_more(cluster, make_project, local):
    work = make_project(buckets=1)
    before = len(cluster.jobs())
    rules = ("track_faces", "encode_features")
    needs = [f"{rule}:{need}" for rule in rules for need in ("bucket=1", "mem_mb=250*attempt**2")]
    run(work, *SLURM, "--set-resources", *needs, "--", "features", cluster=cluster)
    first, second = cluster.jobs()[before:]
    assert cluster.show(first)["MinMemoryNode"] == "250M"
    assert "OUT_OF_MEMORY" in {row[0] for row in cluster.accounted(first, "State")}
    assert cluster.show(second)["MinMemoryNode"] == "1000M"
    assert cluster.show(second)["JobState"] == "COMPLETED"
    # A reader that the kernel killed says nothing about the clip: none is flagged.
    assert of_stages(products(work), "store/") == of_stages(local, "store/")


def test_polling_ends_a_job_over_its_memory(tmp_path):
    if reason := missing_requirement():
        pytest.skip(reason)
    hungry = "x = bytearray(300 << 20); import time; time.sleep(60)"
    nodes = ("polled1",)
    with running_cluster(tmp_path / "slurm", nodes=nodes, by_kernel=False) as polled:
        options = ("--parsable", "--mem=100", "--output=/dev/null")
        job = polled.call("sbatch", *options, f"--wrap=srun -n1 python3 -c '{hungry}'").strip()
        wait_for(lambda: job not in polled.jobs(UNFINISHED), "the job's end", polled.folder)
        assert polled.show(job)["JobState"] in {"FAILED", "OUT_OF_MEMORY"}
