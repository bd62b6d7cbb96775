from types import SimpleNamespace

import pytest

from facewave.jobs import memory

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


@pytest.fixture
def old_job(tmp_path):
    """A job in control groups of version 1, whose own limit is 3 GiB."""
    own = tmp_path / "groups/memory/slurm/job_1"
    own.mkdir(parents=True)
    (own / "memory.limit_in_bytes").write_text(f"{3 * GIB}\n")
    (own / "memory.usage_in_bytes").write_text(f"{GIB}\n")
    (own.parent / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    (own.parent / "memory.usage_in_bytes").write_text(f"{5 * GIB}\n")
    (tmp_path / "cgroup").write_text("9:name=systemd:/\n4:cpu,memory:/slurm/job_1\n0::/\n")
    return own, {"cgroups": tmp_path / "groups", "membership": tmp_path / "cgroup"}


def test_without_limits_it_is_what_the_machine_has_left(job, tmp_path):
    assert memory.available_memory(**job(slurm__job_1=("max", GIB))) == 8 * GIB
    nowhere = {"cgroups": tmp_path / "none", "membership": tmp_path / "none"}
    assert memory.available_memory(**nowhere) == 8 * GIB


def test_a_job_has_what_its_group_and_those_above_leave(job):
    own = job(slurm=(5 * GIB, 3 * GIB), slurm__job_1=(4 * GIB, GIB))
    assert memory.available_memory(**own) == 2 * GIB
    assert memory.available_memory(**job(slurm__job_1=(GIB, 2 * GIB))) == 0


def test_groups_of_version_1(old_job):
    assert memory.available_memory(**old_job[1]) == 2 * GIB


def test_pages_of_files_that_were_read_can_be_taken(job, old_job, tmp_path):
    (old_job[0] / "memory.stat").write_text(f"cache 7\ntotal_inactive_file {GIB // 2}\n")
    assert memory.available_memory(**old_job[1]) == 2.5 * GIB
    own = job(slurm__job_1=(2 * GIB, 2 * GIB))
    (own["cgroups"] / "slurm/job_1/memory.stat").write_text(f"anon 9\ninactive_file {GIB}\n")
    assert memory.available_memory(**own) == GIB


def test_what_the_kernel_killed(job, old_job, tmp_path):
    own, place = old_job
    assert memory.killed_for_memory(**place) == 0
    (own / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    assert memory.killed_for_memory(**place) == 2
    place = job()
    (place["cgroups"] / "slurm/job_1/memory.events").write_text("low 0\noom 1\noom_kill 3\n")
    assert memory.killed_for_memory(**place) == 3
    assert memory.killed_for_memory(cgroups=tmp_path, membership=tmp_path / "none") == 0


def test_half_of_it_may_be_filled():
    left = memory.available_memory()
    assert memory.fits(left // 2)
    assert not memory.fits(left // 2 + 1)
    assert memory.fits(GIB // 2, job_mb=1024)
    assert not memory.fits(GIB // 2 + 1, job_mb=1024)
