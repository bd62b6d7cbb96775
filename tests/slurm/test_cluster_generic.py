"""The workflow through profiles/cluster-generic, whose scripts speak to the same Slurm."""

import pytest

from tests.slurm.cluster_project import GENERIC, products, run, said, started, wait_until
from tests.workflow.workflow import ROOT, shards

pytestmark = pytest.mark.slurm

SCRIPTS = ROOT / "profiles" / "cluster-generic"


def test_features_are_those_of_a_local_run(cluster, make_project, local):
    work = make_project()
    before = len(cluster.jobs())
    run(work, *GENERIC, "--cores", "2", "--", "features", cluster=cluster)
    assert len(cluster.jobs()) - before == 1
    wanted = ("store/", "small/tracks/", "small/features/")
    assert {path: digest for path, digest in products(work).items() if path.startswith(wanted)} == {
        path: digest for path, digest in local.items() if path.startswith(wanted)
    }


def test_cancelled_job_is_tried_again(cluster, make_project):
    work = make_project(buckets=1)
    before = len(cluster.jobs())
    with started(work, *GENERIC, "--", "features", cluster=cluster) as process:
        wait_until(lambda: len(shards(work, "tracks")) >= 3, process)
        (job,) = cluster.jobs("RUNNING")
        assert cluster.call(str(SCRIPTS / "status.sh"), job) == "running\n"
        cluster.call(str(SCRIPTS / "cancel.sh"), job)
        wait_until(lambda: not cluster.jobs("RUNNING,COMPLETING"), process)
        assert cluster.call(str(SCRIPTS / "status.sh"), job) == "failed\n"
        finished = shards(work, "tracks")
        assert process.wait(timeout=900) == 0, said(work)[-6000:]
    first, second = cluster.jobs()[before:]
    assert cluster.call(str(SCRIPTS / "status.sh"), second) == "success\n"
    assert cluster.show(first)["MinMemoryNode"] == "1000M"
    assert cluster.show(second)["MinMemoryNode"] == "2000M"
    after = shards(work, "tracks")
    assert len(after) == 12
    assert {key: after[key] for key in finished} == finished


def test_unknown_job_has_failed(cluster):
    assert cluster.call(str(SCRIPTS / "status.sh"), "999999") == "failed\n"
