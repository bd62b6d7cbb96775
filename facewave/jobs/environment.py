"""Environment of every job: native libraries start no threads that the scheduler does not know of.

Snakemake sets `OMP_NUM_THREADS`, `OPENBLAS_NUM_THREADS` and their like to a job's threads, which
bounds NumPy, PyTorch, MKL and Arrow. OpenCV and the tokenizers read variables of their own, when
they are loaded: otherwise each starts a thread per core in a job of one thread.
"""

JOB_ENVIRONMENT = {
    "OPENCV_FOR_THREADS_NUM": "1",
    "RAYON_NUM_THREADS": "1",
}
