"""What a Slurm needs beside its own daemons: munged, and an accounting database of its own.

Each keeps key, socket, data and logs in a folder that is given, and ends with the block.
"""

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

_DATABASE_DAEMON = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
DbdHost=localhost
DbdPort={port}
SlurmUser=root
LogFile={folder}/slurmdbd.log
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={sql_port}
StorageUser=slurm
StoragePass={password}
StorageLoc=slurm_accounting
"""
# One statement per line: mariadbd reads no more than one from each.
_FIRST_STATEMENTS = """\
CREATE USER slurm@'127.0.0.1' IDENTIFIED BY '{password}';
GRANT ALL ON slurm_accounting.* TO slurm@'127.0.0.1';
"""


@contextmanager
def munged(folder: Path) -> Iterator[None]:
    """Run munged with a key of its own; its socket is `munge.socket`."""
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    # --force: warns, where it would refuse a folder that only root can enter.
    command = ["munged", "--foreground", "--force", f"--key-file={key}"]
    command += [f"--{kind}-file={folder}/munged.{kind}" for kind in ("log", "pid", "seed")]
    command += [f"--socket={folder}/munge.socket"]
    with daemon(command, folder / "munged.out"):
        wait_for((folder / "munge.socket").exists, "munged", folder)
        yield


@contextmanager
def accounting_database(
    folder: Path, *, port: int, environment: dict[str, str]
) -> Iterator[dict[str, int]]:
    """Run mariadbd and slurmdbd, which listens on this port; yields their process numbers."""
    (sql_port,) = free_ports(1)
    password = secrets.token_hex(16)
    statements = folder / "first_statements.sql"
    statements.write_text(_FIRST_STATEMENTS.format(password=password))
    config = folder / "slurmdbd.conf"
    config.touch(mode=0o600)
    config.write_text(
        _DATABASE_DAEMON.format(folder=folder, port=port, sql_port=sql_port, password=password)
    )
    data = ["--no-defaults", "--user=root", f"--datadir={folder}/database"]
    subprocess.run(
        ["mariadb-install-db", *data, "--skip-test-db", "--auth-root-authentication-method=normal"],
        check=True,
        capture_output=True,
        timeout=120,
    )
    sql = ["mariadbd", *data, f"--socket={folder}/database.socket", f"--port={sql_port}"]
    sql += ["--bind-address=127.0.0.1", "--skip-name-resolve", f"--pid-file={folder}/mariadbd.pid"]
    sql += [f"--init-file={statements}", "--innodb-lock-wait-timeout=900"]
    with (
        daemon(sql, folder / "mariadbd.out") as database,
        _answering(sql_port, "mariadbd", folder),
        daemon(["slurmdbd", "-D"], folder / "slurmdbd.out", environment) as accounting,
        _answering(port, "slurmdbd", folder),
    ):
        yield {"mariadbd": database.pid, "slurmdbd": accounting.pid}


@contextmanager
def daemon(
    command: list[str], output: Path, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen]:
    """Run a command until the block ends."""
    # The kernel ends it as well where this process is killed and ends nothing any more.
    command = ["setpriv", "--pdeathsig", "TERM", *command]
    with output.open("ab") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _answering(port: int, what: str, folder: Path) -> Iterator[None]:
    def answers() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    wait_for(answers, what, folder)
    yield


def wait_for(true: Callable[[], bool], what: str, folder: Path, seconds: float = 60) -> None:
    """Wait until something is true; raises with the ends of all logs if it does not become so."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            files = sorted([*folder.glob("*.log"), *folder.glob("*.out")])
            logs = (f"{file.name}:\n{file.read_text(errors='replace')[-1500:]}" for file in files)
            raise RuntimeError(f"{what}: not ready after {seconds} s\n" + "\n".join(logs))
        time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def processes_of(job: str) -> list[int]:
    """Return the processes of a Slurm job: those that guard its steps, then those of the steps."""
    guards, members = [], []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if command.startswith(f"slurmstepd: [{job}.".encode()):
            guards.append(int(folder.name))
        elif f"SLURM_JOB_ID={job}".encode() in variables:
            members.append(int(folder.name))
    return [process for process in [*guards, *members] if process != os.getpid()]
