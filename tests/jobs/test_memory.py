from facewave.jobs import memory


def test_what_the_kernel_killed(tmp_path):
    groups, membership = tmp_path / "groups", tmp_path / "cgroup"
    place = {"cgroups": groups, "membership": membership}
    own = groups / "memory/slurm/job_1"  # version 1
    own.mkdir(parents=True)
    membership.write_text("9:name=systemd:/\n4:cpu,memory:/slurm/job_1\n0::/\n")
    assert memory.killed_for_memory(**place) == 0
    (own / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    assert memory.killed_for_memory(**place) == 2
    own = groups / "slurm/job_1"  # version 2
    own.mkdir(parents=True)
    membership.write_text("0::/slurm/job_1\n")
    assert memory.killed_for_memory(**place) == 0
    (own / "memory.events").write_text("low 0\noom 1\noom_kill 3\n")
    assert memory.killed_for_memory(**place) == 3
    assert memory.killed_for_memory(cgroups=tmp_path, membership=tmp_path / "none") == 0
