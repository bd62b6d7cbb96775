"""A job on GPUs: it takes its own, and names the options to lower if their memory is too small."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from facewave.jobs.gpus import taken_gpus

# cuBLAS and cuDNN have errors of their own for memory that they do not get.
_WORDS = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
_GIB = 1024**3
# Of models that only answer; to be formatted with the section of the configuration.
ASKING_ADVICE = "lower {0}.batch_size (answers do not depend on it), `frames` or {0}.max_pixels"


class GpuMemoryError(RuntimeError):
    """A model and its batch do not fit into a GPU; the message names options to lower."""


@contextmanager
def gpu_job(gpus: int, *, setting: str, advice: str) -> Iterator[None]:
    """Within the block CUDA shows this job's GPUs alone; see `taken_gpus` and `naming_options`.

    Args:
        gpus: their number; 0 for the CPU.
        setting: configuration key of the number, for messages.
        advice: which options need less memory.

    Raises:
        GpuError: there are fewer GPUs.
        GpuMemoryError: their memory is not enough.
    """
    with taken_gpus(gpus, setting=setting), naming_options(advice):
        yield


@contextmanager
def naming_options(advice: str) -> Iterator[None]:
    """Turn an error for want of GPU memory into one that says what to change.

    Args:
        advice: which options need less, as `lower vlm.batch_size`.

    Raises:
        GpuMemoryError: in place of torch's error.
    """
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        if isinstance(error, GpuMemoryError) or not any(word in text for word in _WORDS):
            raise
        raise GpuMemoryError(
            f"the memory of the GPU is not enough{_use()}: {advice}. Torch said: "
            f"{text.splitlines()[0].split('. GPU ')[0]}"
        ) from None


def _use() -> str:
    """Return how much this process and others hold; nothing without a GPU."""
    if not torch.cuda.is_available():
        return ""
    free, total = torch.cuda.mem_get_info()
    own = torch.cuda.max_memory_reserved()
    others = max(0, total - free - torch.cuda.memory_reserved())
    return (
        f" ({total / _GIB:.1f} GiB, of which this job took up to {own / _GIB:.1f}, others "
        f"{others / _GIB:.1f})"
    )


def training_advice(batch_size: int, *, checkpointing: bool, images: str) -> str:
    """Return which options of a training need less memory.

    Args:
        batch_size: clips in a forward pass.
        checkpointing: whether `vlm.gradient_checkpointing` is on.
        images: which options make images fewer or smaller.
    """
    wanted = []
    if batch_size > 1:
        half = batch_size // 2
        wanted.append(
            f"set vlm.batch_size: {half} and raise vlm.accumulation by the factor "
            f"{batch_size / half:g}, which gives the same steps"
        )
    if not checkpointing:
        wanted.append("set vlm.gradient_checkpointing: true")
    if not wanted:
        wanted.append("use a GPU with more memory")
    return "; or ".join([*wanted, f"lower {images}"])
