"""What the processes of jobs inherit from Snakemake's: their environment, and Python's path."""

import os
import shlex
import sys

# Snakemake sets `OMP_NUM_THREADS`, `OPENBLAS_NUM_THREADS` and their like to a job's threads, which
# bounds NumPy, PyTorch, MKL and Arrow. OpenCV and the tokenizers read variables of their own, when
# they are loaded: otherwise each starts a thread per core in a job of one thread.
_ONE_THREAD = ("OPENCV_FOR_THREADS_NUM", "RAYON_NUM_THREADS")


def prepare_jobs(root: str) -> None:
    """Set up this process, one of Snakemake's, for the jobs that it starts.

    Args:
        root: the folder that holds the package `facewave`; scripts run in processes of their own
            and import it from there
    """
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"), PYTHONPATH=path)
    quote_interpreter()


def quote_interpreter() -> None:
    """Make `sys.executable` one word for a shell, if it is not: `'/data/My Drive/bin/python'`.

    Snakemake 9.27 puts it into shell commands without quotes (it quotes everything else), so that
    with a blank in it, as with a virtual environment in such a project, each job ends with 127.
    Snakemake's processes hand it to a shell and to nothing else.
    """
    if os.path.exists(sys.executable):  # noqa: PTH110 - quoted already it is no path
        sys.executable = shlex.quote(sys.executable)
