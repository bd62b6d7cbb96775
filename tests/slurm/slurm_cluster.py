"""A Slurm of several nodes on this machine: every daemon in a folder of the cluster's own.

Everything (key, sockets, state, spool, database, logs, ports) is the cluster's own; neither /etc
nor a Slurm that runs already is touched. Each node is a slurmd with a name and a port of its own;
what they share is this machine's processor, memory and file system.
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.slurm.slurm_services import (
    accounting_database,
    daemon,
    free_ports,
    munged,
    processes_of,
    wait_for,
)

DAEMONS = ("munged", "slurmctld", "slurmd", "slurmdbd", "mariadbd", "mariadb-install-db")
CLIENTS = ("sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo", "sacct", "sdiag")
PLUGINS = ("snakemake_executor_plugin_slurm", "snakemake_executor_plugin_cluster_generic")
UNFINISHED = "PENDING,RUNNING,SUSPENDED,COMPLETING"
NODES = ("facewave1", "facewave2", "facewave3")
# Enough for the profile's submissions of a few buckets; the machine need not have that much free.
MEMORY_MB = 12_000
_CGROUPS = Path("/sys/fs/cgroup")

_CONFIG = """\
ClusterName=facewave_test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n.spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={accounting_port}
AccountingStoragePass={folder}/munge.socket
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=1
SlurmdParameters=config_overrides
SlurmdTimeout=10
ReturnToService=2
MinJobAge=3600
KillWait=5
DebugFlags=NO_CONF_HASH
"""
# Memory limits: by the kernel where it lets root make control groups (version 1), else by polling.
_BY_KERNEL = "ProctrackType=proctrack/cgroup\nTaskPlugin=task/cgroup\n"
_BY_POLLING = """\
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherParams=OverMemoryKill
"""
_CGROUP_CONFIG = f"""\
CgroupPlugin=cgroup/v1
CgroupMountpoint={_CGROUPS}
ConstrainRAMSpace=yes
ConstrainSwapSpace=yes
AllowedSwapSpace=0
MinRAMSpace=10
"""
# Those of profiles/slurm/partitions.yaml that a machine without GPUs can have.
_PARTITIONS = """\
PartitionName=main Nodes={all} Default=YES MaxTime=INFINITE State=UP
PartitionName=cpu Nodes={cpu} MaxTime=INFINITE MaxMemPerNode=3000 State=UP
PartitionName=highmem Nodes={highmem} MaxTime=INFINITE State=UP
"""


@dataclass(frozen=True)
class Cluster:
    """A running Slurm: its folder, its nodes' daemons and the environment that reaches it."""

    folder: Path
    environment: dict[str, str]
    nodes: tuple[str, ...]
    pids: dict[str, int] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)

    def call(self, *command: str) -> str:
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout

    def jobs(self, states: str = "all") -> list[str]:
        """Return the numbers of the jobs in these states, oldest first; none is forgotten."""
        command = ["squeue", "--noheader", "--array", "--sort=i", "--format=%i"]
        return self.call(*command, f"--states={states}").split()

    def show(self, job: str) -> dict[str, str]:
        """Return what the controller knows of a job."""
        words = self.call("scontrol", "--oneliner", "show", "job", job).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def accounted(self, job: str, *fields: str) -> list[list[str]]:
        """Return these fields of a job and its steps from the database, earlier starts included."""
        names = f"--format={','.join(fields)}"
        command = ["sacct", "--duplicates", "--noheader", "--parsable2", names, f"--jobs={job}"]
        return [line.split("|") for line in self.call(*command).splitlines()]

    def node_state(self, node: str) -> str:
        return self.call(
            "sinfo", "--noheader", "--partition=main", f"--nodes={node}", "--format=%T"
        ).strip()

    def start_node(self, node: str) -> None:
        """Start a node's slurmd; one that died comes back by itself."""
        command = ["slurmd", "-D", "-N", node]
        output = self.folder / f"{node}.out"
        self.pids[node] = self.stack.enter_context(daemon(command, output, self.environment)).pid

    def kill_node(self, node: str, *, jobs_too: bool = True) -> None:
        """End a node as a power cut would: slurmd first, then all that its jobs run.

        Without `jobs_too` its jobs go on, and only the controller hears no more of them.
        """
        os.kill(self.pids.pop(node), signal.SIGKILL)
        running = self.call("squeue", "--noheader", f"--nodelist={node}", "--format=%A").split()
        for job in running if jobs_too else []:
            self.signal_job(job, signal.SIGKILL)

    def signal_job(self, job: str, number: signal.Signals) -> list[int]:
        """Send a signal to every process of a job, until no new ones appear; returns them."""
        reached: list[int] = []
        while new := [process for process in processes_of(job) if process not in reached]:
            for process in new:
                with suppress(ProcessLookupError):
                    os.kill(process, number)
            reached += new
        return reached


def missing_requirement() -> str | None:
    """Return why no cluster can be started here, and what to do; None if one can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "slurmd starts jobs as their users, so these tests need root on Linux"
    absent = [name for name in (*DAEMONS, *CLIENTS) if shutil.which(name) is None]
    if absent:
        return f"no {', '.join(absent)}: apt-get install slurm-wlm munge slurmdbd mariadb-server"
    absent = [name for name in PLUGINS if importlib.util.find_spec(name) is None]
    if absent:
        return f"no {', '.join(absent)}: pip install -r requirements-slurm.txt"
    return None


def kernel_limits_memory() -> bool:
    """Tell whether Slurm can enforce memory limits by control groups of version 1 here."""
    return all(os.access(_CGROUPS / name / "tasks", os.W_OK) for name in ("memory", "freezer"))


@contextmanager
def running_cluster(
    folder: Path, *, nodes: tuple[str, ...] = NODES, cpus: int = 1, by_kernel: bool | None = None
) -> Iterator[Cluster]:
    """Start a cluster in a folder and stop it again, its jobs included.

    Args:
        cpus: of each node, as Slurm counts them.
        by_kernel: whether control groups enforce memory limits; None: where they can.
    """
    by_kernel = kernel_limits_memory() if by_kernel is None else by_kernel
    for name in ("state", "database", "bin"):
        (folder / name).mkdir(parents=True)
    config = folder / "slurm.conf"
    controller_port, accounting_port, *node_ports = free_ports(2 + len(nodes))
    host = socket.gethostname().partition(".")[0]
    lines = [
        _CONFIG.format(
            folder=folder,
            host=host,
            controller_port=controller_port,
            accounting_port=accounting_port,
        ),
        _BY_KERNEL if by_kernel else _BY_POLLING,
        *(
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} "
            f"RealMemory={MEMORY_MB * cpus}\n"
            for node, port in zip(nodes, node_ports, strict=True)
        ),
        _PARTITIONS.format(
            all=",".join(nodes), cpu=",".join(nodes[:-1] or nodes), highmem=nodes[-1]
        ),
    ]
    config.write_text("".join(lines))
    (folder / "cgroup.conf").write_text(_CGROUP_CONFIG if by_kernel else "")
    environment = _environment(folder, config)
    with ExitStack() as stack:
        if by_kernel:
            stack.callback(_remove_control_groups, nodes)
        stack.enter_context(munged(folder))
        pids = stack.enter_context(
            accounting_database(folder, port=accounting_port, environment=environment)
        )
        command = ["slurmctld", "-D", "-c"]
        controller = stack.enter_context(daemon(command, folder / "slurmctld.out", environment))
        pids["slurmctld"] = controller.pid
        cluster = Cluster(folder, environment, nodes, pids, stack)
        for node in nodes:
            cluster.start_node(node)
        stack.callback(_cancel_everything, cluster)
        wait_until_idle(cluster)
        yield cluster


def wait_until_idle(cluster: Cluster) -> None:
    """Wait until every node is up and without a job."""

    def idle() -> bool:
        done = subprocess.run(
            ["sinfo", "--noheader", "--partition=main", "--format=%T"],
            env=cluster.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip() == "idle"

    wait_for(idle, "slurmctld and slurmd", cluster.folder)


def _environment(folder: Path, config: Path) -> dict[str, str]:
    # The Slurm plugin starts `srun` without the SLURM_ variables, SLURM_CONF among them; this one
    # has it again, so that nothing need be written to /etc/slurm.
    srun = folder / "bin" / "srun"
    srun.write_text(f'#!/bin/sh\nSLURM_CONF="{config}" exec {shutil.which("srun")} "$@"\n')
    srun.chmod(0o755)
    # pytest's own settings must not reach the jobs.
    foreign = ("PYTEST", "SLURM", "SBATCH", "SNAKEMAKE")
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith(foreign)},
        "SLURM_CONF": str(config),
        "PATH": os.pathsep.join([str(folder / "bin"), os.environ["PATH"]]),
    }


def _cancel_everything(cluster: Cluster) -> None:
    if jobs := cluster.jobs(UNFINISHED):
        cluster.call("scancel", *jobs)
        wait_for(lambda: not cluster.jobs(UNFINISHED), "cancelled jobs", cluster.folder)


def _remove_control_groups(nodes: tuple[str, ...]) -> None:
    # From the innermost one outwards; what still holds a process stays.
    for node in nodes:
        for root in _CGROUPS.glob(f"*/slurm_{node}"):
            for folder, _, _ in os.walk(root, topdown=False):
                with suppress(OSError):
                    Path(folder).rmdir()
