"""Fixtures: a Slurm of three nodes, the clips of a project, and what a local run makes of them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.slurm.cluster_project import java_sed_rows, products, rendered_rows, run, write_project
from tests.slurm.slurm_cluster import missing_requirement, running_cluster

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A running Slurm; skips with the reason where none can be started."""
    if reason := missing_requirement():
        pytest.skip(reason)
    with running_cluster(tmp_path_factory.mktemp("slurm")) as running:
        yield running


@pytest.fixture(scope="session")
def make_project(tmp_path_factory, landmarker_model) -> Callable[..., Path]:
    """A function that writes a project over the same clips in a folder of its own."""
    given = os.environ.get("FACEWAVE_TEST_DATA", ROOT.parent / "shared" / "data")
    root = Path(given) / "java_sed"
    table = tmp_path_factory.mktemp("labels") / "labels.csv"
    if root.is_dir():
        rows = java_sed_rows(root)
    else:
        root = tmp_path_factory.mktemp("clips")
        rows = rendered_rows(root)
    lines = ["file_path,label,subject", *(",".join(row) for row in rows)]
    table.write_text("\n".join(lines) + "\n")

    def make(**options) -> Path:
        work = tmp_path_factory.mktemp("project") / "work"
        return write_project(work, root=root, table=table, model=landmarker_model, **options)

    return make


@pytest.fixture(scope="session")
def local(cluster, make_project) -> dict[str, str]:
    """Digest of every product of a run on this machine, without the cluster."""
    del cluster
    work = make_project()
    run(work, "--cores", "2")
    return products(work)
