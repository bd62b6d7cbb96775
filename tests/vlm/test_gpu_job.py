"""Want of GPU memory is told with the options that need less."""

import re

import pytest
import torch

from facewave.vlm.gpu_job import ASKING_ADVICE, GpuMemoryError, gpu_job, training_advice


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nmore"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
    ],
)
def test_want_of_memory_names_what_to_lower(error):
    advice = training_advice(4, checkpointing=False, images="vlm.frames")
    with pytest.raises(GpuMemoryError) as told, gpu_job(0, setting="vlm.gpus", advice=advice):
        raise error
    text = re.sub(r" \([0-9.]+ GiB, .*?\)", "", str(told.value))  # where there is a GPU
    assert text == (
        "the memory of the GPU is not enough: set vlm.batch_size: 2 and raise vlm.accumulation by "
        "the factor 2, which gives the same steps; or set vlm.gradient_checkpointing: true; or "
        f"lower vlm.frames. Torch said: {str(error).splitlines()[0]}"
    )
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__


def test_other_errors_stay_as_they_are():
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(RuntimeError) as told, gpu_job(0, setting="vlm.gpus", advice="none"):
        raise error
    assert told.value is error


def test_where_nothing_can_be_lowered_a_larger_gpu_is_named():
    advice = training_advice(1, checkpointing=True, images="vlm.frames")
    assert advice == "use a GPU with more memory; or lower vlm.frames"
    assert "zero_shot.max_pixels" in ASKING_ADVICE.format("zero_shot")
