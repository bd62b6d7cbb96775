"""A Slurm of one node on this machine: munged, slurmctld and slurmd in a folder of their own.

Everything (key, sockets, state, spool, logs, ports) is the cluster's own; neither /etc nor a Slurm
that runs already is touched.
"""

import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
CLIENTS = ("sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
PLUGINS = ("snakemake_executor_plugin_slurm", "snakemake_executor_plugin_cluster_generic")
# Enough for the profile's submissions of a few buckets; the machine need not have that much free.
MEMORY_MB = 12_000

_CONFIG = """\
ClusterName=facewave_test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=1
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=3600
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory}
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@dataclass(frozen=True)
class Cluster:
    """A running Slurm: its folder, its node's name and the environment that reaches it."""

    folder: Path
    node: str
    environment: dict[str, str]

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


def missing_requirement() -> str | None:
    """Return why no cluster can be started here, and what to do; None if one can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "slurmd starts jobs as their users, so these tests need root on Linux"
    absent = [name for name in (*DAEMONS, *CLIENTS) if shutil.which(name) is None]
    if absent:
        return f"no {', '.join(absent)}: apt-get install slurm-wlm munge"
    absent = [name for name in PLUGINS if importlib.util.find_spec(name) is None]
    if absent:
        return f"no {', '.join(absent)}: pip install -r requirements-slurm.txt"
    return None


@contextmanager
def one_node_cluster(folder: Path) -> Iterator[Cluster]:
    """Start a cluster in a folder and stop it again, its jobs included."""
    for name in ("state", "spool", "bin"):
        (folder / name).mkdir(parents=True)
    config = folder / "slurm.conf"
    host = socket.gethostname().partition(".")[0]
    controller_port, node_port = _free_ports(2)
    config.write_text(
        _CONFIG.format(
            folder=folder,
            host=host,
            controller_port=controller_port,
            node_port=node_port,
            cpus=os.cpu_count(),
            memory=MEMORY_MB,
        )
    )
    environment = _environment(folder, config)
    cluster = Cluster(folder, host, environment)
    with ExitStack() as stack:
        stack.enter_context(_munged(folder))
        for command in (
            ["slurmctld", "-D", "-c", "-f", str(config)],
            ["slurmd", "-D", "-f", str(config), "-N", host],
        ):
            stack.enter_context(_daemon(command, folder / f"{command[0]}.out", environment))
        stack.callback(_cancel_everything, cluster)
        _wait_until_idle(cluster)
        yield cluster


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


@contextmanager
def _munged(folder: Path) -> Iterator[None]:
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    # --force: warns, where it would refuse a folder that only root can enter.
    command = ["munged", "--foreground", "--force", f"--key-file={key}"]
    command += [f"--{kind}-file={folder}/munged.{kind}" for kind in ("log", "pid", "seed")]
    command += [f"--socket={folder}/munge.socket"]
    with _daemon(command, folder / "munged.out", dict(os.environ)):
        _wait_for((folder / "munge.socket").exists, "munged", folder)
        yield


@contextmanager
def _daemon(command: list[str], output: Path, environment: dict[str, str]) -> Iterator[None]:
    # The kernel ends it as well where this process is killed and ends nothing any more.
    command = ["setpriv", "--pdeathsig", "TERM", *command]
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_idle(cluster: Cluster) -> None:
    def idle() -> bool:
        done = subprocess.run(
            ["sinfo", "--noheader", "--format=%T"],
            env=cluster.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip() == "idle"

    _wait_for(idle, "slurmctld and slurmd", cluster.folder)


def _wait_for(true, what: str, folder: Path, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            logs = (path.read_text(errors="replace")[-2000:] for path in folder.glob("*.log"))
            raise RuntimeError(f"{what}: not ready after {seconds} s\n" + "\n".join(logs))
        time.sleep(0.1)


def _cancel_everything(cluster: Cluster) -> None:
    unfinished = "PENDING,RUNNING,SUSPENDED,COMPLETING"
    if jobs := cluster.jobs(unfinished):
        cluster.call("scancel", *jobs)
        _wait_for(lambda: not cluster.jobs(unfinished), "cancelled jobs", cluster.folder)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
