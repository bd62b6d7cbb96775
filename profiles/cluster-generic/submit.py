#!/usr/bin/env python3
"""Submit a job's script to the cluster and print the job's number.

Snakemake calls it with the path of the script, which states in a comment what its job needs.
For another scheduler change `submit_command`, and `job_id` if it prints more than the number.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

_MARK = "# properties = "


def main() -> None:
    """Submit the script named on the command line."""
    script = Path(sys.argv[1])
    logs = Path(".snakemake", "cluster_logs")
    logs.mkdir(parents=True, exist_ok=True)
    extra = shlex.split(os.environ.get("FACEWAVE_SUBMIT_OPTIONS", ""))
    command = submit_command(read_properties(script), logs=logs.resolve(), extra=extra)
    done = subprocess.run([*command, str(script)], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{shlex.join(command)} failed with exit code {done.returncode}")
    print(job_id(done.stdout))


def read_properties(script: Path) -> dict[str, Any]:
    """Return what Snakemake says about a job: type, rule or groupid, threads and resources."""
    for line in script.read_text(encoding="utf-8").splitlines():
        if line.startswith(_MARK):
            return json.loads(line.removeprefix(_MARK))
    raise ValueError(f"{script}: no line begins with {_MARK!r}; is it a job script of Snakemake?")


def submit_command(properties: dict[str, Any], *, logs: Path, extra: list[str]) -> list[str]:
    """Return the command that submits a job; the script's path is appended to it.

    Args:
        properties: see `read_properties`; `mem_mb` is in MiB, `runtime` in minutes, `gpu` a number.
        logs: folder of the cluster's own logs.
        extra: further options, from the environment variable FACEWAVE_SUBMIT_OPTIONS.
    """
    resources = properties["resources"]
    name = properties.get("rule") or "group"
    command = [
        "sbatch",
        "--parsable",
        f"--job-name=facewave-{name}",
        f"--output={logs}/{name}-%j.log",
        "--ntasks=1",
        f"--cpus-per-task={properties['threads']}",
        f"--mem={resources['mem_mb']}",
        f"--time={resources['runtime']}",
    ]
    if gpus := resources.get("gpu"):
        command.append(f"--gpus={gpus}")
    return [*command, *extra]


def job_id(output: str) -> str:
    """Return the job's number from what the command printed (`12` or `12;cluster`)."""
    return output.strip().partition(";")[0]


if __name__ == "__main__":
    main()
