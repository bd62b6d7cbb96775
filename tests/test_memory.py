from types import SimpleNamespace

import pytest

from facewave import memory

GIB = 1024**3


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A machine with 8 GiB to spare."""
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=8 * GIB))


@pytest.fixture
def job(tmp_path):
    """Make control groups; returns what `available_memory` is to be given."""

    def make(**limits):
        folder = tmp_path / "groups"
        for name in ("", "slurm", "slurm/job_1"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name, (limit, used) in limits.items():
            place = folder / name.replace("__", "/")
            (place / "memory.max").write_text(f"{limit}\n")
            (place / "memory.current").write_text(f"{used}\n")
        (tmp_path / "cgroup").write_text("0::/slurm/job_1\n")
        return {"cgroups": folder, "membership": tmp_path / "cgroup"}

    return make


def test_without_limits_it_is_what_the_machine_has_left(job, tmp_path):
    assert memory.available_memory(**job(slurm__job_1=("max", GIB))) == 8 * GIB
    nowhere = {"cgroups": tmp_path / "none", "membership": tmp_path / "none"}
    assert memory.available_memory(**nowhere) == 8 * GIB


def test_a_job_has_what_its_group_and_those_above_leave(job):
    own = job(slurm=(5 * GIB, 3 * GIB), slurm__job_1=(4 * GIB, GIB))
    assert memory.available_memory(**own) == 2 * GIB
    assert memory.available_memory(**job(slurm__job_1=(GIB, 2 * GIB))) == 0


def test_half_of_it_may_be_filled():
    left = memory.available_memory()
    assert memory.fits(left // 2)
    assert not memory.fits(left // 2 + 1)
    assert memory.fits(GIB // 2, job_mb=1024)
    assert not memory.fits(GIB // 2 + 1, job_mb=1024)
