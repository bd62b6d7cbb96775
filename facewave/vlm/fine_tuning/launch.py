"""One training job, in this process or with one process per GPU.

For several GPUs `launch` calls `python -m torch.distributed.run --nproc-per-node 4 -m
facewave.vlm.fine_tuning.launch job.json`; the file holds a `Job`.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import torch

from facewave.storage.atomic import write_json
from facewave.training import use_threads
from facewave.vlm.fine_tuning.build import build
from facewave.vlm.fine_tuning.fit import fit
from facewave.vlm.fine_tuning.job_inputs import Job, read_job_inputs
from facewave.vlm.gpu_job import naming_options, training_advice
from facewave.vlm.training.ranks import Ranks, joined_ranks


def launch(job: Job, *, gpus: int) -> None:
    """Run a job: in this process on the CPU or a GPU, or with one process per GPU.

    Raises:
        ValueError: torch does not see so many GPUs; the CPU is used only on request.
        RuntimeError: a process failed; what it said is in the log.
    """
    found = torch.cuda.device_count()
    if gpus > found:
        raise ValueError(
            f"vlm.gpus is {gpus}, but torch sees {found} GPUs here: set vlm.gpus: {found} (0 "
            "computes on the CPU), or install a build of torch with CUDA"
        )
    if gpus > 1:
        launch_ranks(job, count=gpus)
    else:
        run(job, Ranks(device=torch.device("cuda", 0) if gpus else torch.device("cpu")))


def launch_ranks(job: Job, *, count: int) -> None:
    """Run a job with `count` processes of torchrun, each on a GPU of its own if there are any.

    They divide the job's threads among themselves.
    """
    job = replace(job, threads=max(1, job.threads // count))
    path = Path(job.outputs["predictions"]).with_name("job.json")
    write_json(path, asdict(job))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(count), "-m", "facewave.vlm.fine_tuning.launch", str(path)]
    try:
        environment = {**os.environ, "OMP_NUM_THREADS": str(job.threads)}
        code = subprocess.run(command, check=False, env=environment).returncode
    finally:
        path.unlink()
    if code:
        raise RuntimeError(f"one of {count} processes failed (exit code {code}), see above")


def run(job: Job, ranks: Ranks) -> None:
    """Run a job as one of its ranks.

    Raises:
        ValueError: options, splits or weights do not fit; saying what to do.
        WeightsError: the pretrained weights cannot be had.
    """
    with use_threads(job.threads):
        inputs = read_job_inputs(job)
        fit(job, inputs, build(inputs.options), ranks)


def memory_advice(job: Job) -> str:
    """Return which options of a job need less GPU memory."""
    return training_advice(
        job.options["training"]["batch_size"],
        checkpointing=job.options["model"]["gradient_checkpointing"],
        images="vlm.frames",
    )


def main(path: str) -> None:
    """Run the job in a file as one of torchrun's ranks."""
    job = Job(**json.loads(Path(path).read_text(encoding="utf-8")))
    with joined_ranks() as ranks, naming_options(memory_advice(job)):
        # The launcher's log file is this process's stderr; one rank logs for all.
        level = logging.INFO if ranks.is_main else logging.WARNING
        logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(message)s")
        logging.getLogger("facewave").setLevel(level)
        run(job, ranks)


if __name__ == "__main__":
    main(sys.argv[1])
