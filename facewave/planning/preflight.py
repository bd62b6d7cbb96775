"""Checks at the start of a run, before its first job: what would fail only after hours of tracking.

Weights, licences and the disk of the cache are checked here, on the machine that has the network.
The GPU is checked here too if the jobs run here; on a cluster the job `check_gpu` does it where the
GPU is.
"""

from __future__ import annotations

import importlib.util
import json
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from facewave.planning.plan import PlanError
from facewave.pretrained import WeightsError, check_weights

_EXTRA = "the vision-language models need the extra `vlm`: make vlm, or pip install -r "
_MODULES = ("huggingface_hub", "torch", "transformers", "peft")


def check_before_run(jobs: Iterable[tuple[str, Mapping[str, Any]]], *, here: bool) -> None:
    """Stop a run whose jobs for vision-language models cannot succeed.

    Args:
        jobs: rule and `params` of each job that will run.
        here: whether the jobs run on this machine and with this Python.

    Raises:
        PlanError: saying what is missing and what to do.
    """
    wanted = [(rule, params) for rule, params in jobs if rule in ("fetch_weights", "check_gpu")]
    if wanted and here:
        missing = [name for name in _MODULES if importlib.util.find_spec(name) is None]
        if missing:
            raise PlanError(f"{_EXTRA}requirements-vlm.txt (missing: {', '.join(missing)})")
    problems = []
    for rule, params in wanted:
        if rule == "fetch_weights" and importlib.util.find_spec("huggingface_hub"):
            try:
                check_weights(**params["model"])
            except WeightsError as error:
                problems.append(str(error))
        if rule == "check_gpu" and here:
            problems += _gpu_problems(params["request"])
    if problems:
        text = "\n".join(dict.fromkeys(problems))
        raise PlanError(f"nothing was started, since a model could not run:\n{text}")


def _gpu_problems(request: Mapping[str, Any]) -> list[str]:
    # Snakemake's processes hold the interpreter as a word for a shell.
    python = shlex.split(sys.executable)
    command = [*python, "-m", "facewave.vlm.preflight", json.dumps(request)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return []
    return [done.stderr.strip().splitlines()[-1]] if done.stderr.strip() else ["check_gpu failed"]
