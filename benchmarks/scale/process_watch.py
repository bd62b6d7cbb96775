"""Run the `snakemake` command and watch its main process and its jobs (Linux: /proc)."""

import os
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_SCRIPT = re.compile(r"\.snakemake/scripts/tmp\w+\.(\w+)\.py")
_INTERVAL = 0.1


@dataclass
class Stage:
    """The jobs of one script.

    Attributes:
        pids: processes seen.
        peak_mb: peak resident memory of one of them.
        seconds: time during which at least one of them was running.
    """

    pids: set[int] = field(default_factory=set)
    peak_mb: float = 0.0
    seconds: float = 0.0


@dataclass
class Watched:
    """What a run took.

    Attributes:
        wall_s: of the whole command.
        cpu_s: user and system time of the main process and all jobs.
        main_cpu_s: of the main process alone, up to the last sample.
        main_peak_mb: peak resident memory of the main process.
        jobs_s: time during which at least one job's process was running.
        main_share_while_jobs: fraction of one core, from the first job's start to the last's end.
        stages: by name of the script.
        code, output: exit code; stdout and stderr.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    main_cpu_s: float = 0.0
    main_peak_mb: float = 0.0
    jobs_s: float = 0.0
    main_share_while_jobs: float | None = None
    stages: dict[str, Stage] = field(default_factory=dict)
    code: int = 0
    output: str = ""


def watch(
    command: list[str], *, output: Path, cwd: Path, environment: Mapping[str, str]
) -> Watched:
    """Run a command and wait for it to end.

    Args:
        command: its main process is `snakemake`, whose descendants are jobs.
        output: file for stdout and stderr.
        cwd: working folder.
        environment: variables added to this process's own.
    """
    seen = Watched()
    before = os.times()
    started = time.monotonic()
    with output.open("w") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, cwd=cwd, env=os.environ | environment
        )
        _sample_until_end(process, seen)
    after = os.times()
    seen.wall_s = time.monotonic() - started
    seen.cpu_s = sum(after[2:4]) - sum(before[2:4])
    seen.code = process.returncode
    seen.output = output.read_text(errors="replace")
    return seen


def _sample_until_end(process: subprocess.Popen[bytes], seen: Watched) -> None:
    last = time.monotonic()
    spans: list[tuple[float, float]] = []  # time and the main process's seconds, while jobs run
    while process.poll() is None:
        now = time.monotonic()
        _look_at_main(process.pid, seen)
        running = _look_at_jobs(process.pid, seen)
        for name in running:
            seen.stages[name].seconds += now - last
        if running:
            seen.jobs_s += now - last
            spans.append((now, seen.main_cpu_s))
        last = now
        time.sleep(_INTERVAL)
    if len(spans) > 1:
        (first, before), (end, after) = spans[0], spans[-1]
        seen.main_share_while_jobs = (after - before) / (end - first)


def _look_at_main(pid: int, seen: Watched) -> None:
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if len(fields) > 12:
        seen.main_cpu_s = (int(fields[11]) + int(fields[12])) / _TICK
    seen.main_peak_mb = max(seen.main_peak_mb, _peak_mb(pid))


def _look_at_jobs(pid: int, seen: Watched) -> set[str]:
    running = set()
    for job in _descendants(pid):
        script = _SCRIPT.search(_read(f"/proc/{job}/cmdline").replace("\0", " "))
        if script is None:
            continue
        stage = seen.stages.setdefault(script[1], Stage())
        stage.pids.add(job)
        stage.peak_mb = max(stage.peak_mb, _peak_mb(job))
        running.add(script[1])
    return running


def _descendants(pid: int) -> list[int]:
    found, waiting = [], [pid]
    while waiting:
        parent = waiting.pop()
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            numbers = [int(number) for number in _read(str(children)).split()]
            found += numbers
            waiting += numbers
    return found


def _peak_mb(pid: int) -> float:
    found = re.search(r"^VmHWM:\s+(\d+) kB", _read(f"/proc/{pid}/status"), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:  # it ended in between
        return ""
