"""What a model asks of the machine with the GPU, checked before hours of tracking.

Weights, licence and the disk of the cache are checked where the network is, by
`facewave.pretrained.check_weights`; this is for the machine that the jobs will run on.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from facewave.jobs.gpus import GpuError, taken_gpus
from facewave.manifest.class_lists import SEVEN
from facewave.pretrained import WeightsError, find_weights
from facewave.vlm.checkpoints import QWEN, check_family
from facewave.vlm.gpu_job import ASKING_ADVICE, training_advice

_log = logging.getLogger("facewave")
_GIB = 1024**3
_BYTES = {"bfloat16": 2, "float32": 4}
# What a clip's face is at least; its own features are not known yet.
_FACE = {"landmarks": (10, 478, 3), "blendshapes": (10, 52)}
# Of a prompt without its images, for the estimate: the question with its list of classes.
_PROMPT_TOKENS = 64


@dataclass(frozen=True, kw_only=True)
class GpuRequest:
    """What is to run on GPUs.

    Attributes:
        model, revision: as for `facewave.pretrained.find_weights`.
        dtype: of the weights.
        gpus: of one job.
        section: of the configuration, `vlm`, `zero_shot` or `annotate`; for messages.
        batch_size: clips in a forward pass of the training.
        trained: keyword arguments of `ModelOptions` where a model is trained, else None.
        results: folder that checkpoints and trained weights are written to.
        trainings: how many there will be: folds times stages.
    """

    model: str
    revision: str | None
    dtype: str
    gpus: int
    section: str
    batch_size: int = 1
    trained: Mapping[str, Any] | None = None
    results: str = "."
    trainings: int = 1


def check_gpu(request: GpuRequest) -> list[str]:
    """Return what was found, in words.

    Raises:
        GpuError: there are too few GPUs, torch cannot compute on them, or their memory or the disk
            is too small; saying what to do.
        WeightsError: the weights are another model's.
    """
    with taken_gpus(request.gpus, setting=f"{request.section}.gpus"):
        _check_devices(request)
        device = torch.device("cuda", 0)
        free, total = torch.cuda.mem_get_info(device)
        name = torch.cuda.get_device_name(device)
        found = [f"{request.gpus} x {name}, {total / _GIB:.1f} GiB, {free / _GIB:.1f} free"]
    try:
        folder = find_weights(request.model, revision=request.revision)
    except WeightsError:
        return [*found, "memory is checked once the weights are here"]
    return [*found, *_check_memory(request, folder, free=free, total=total, device=name)]


def _check_devices(request: GpuRequest) -> None:
    key, count = f"{request.section}.gpus", torch.cuda.device_count()
    if count < request.gpus:
        reason = (
            "this build of torch has no CUDA: install one that has"
            if torch.version.cuda is None
            else "look at nvidia-smi and the driver"
        )
        raise GpuError(
            f"{key} is {request.gpus}, but torch {torch.__version__} sees {count} GPUs here: "
            f"{reason}, or set {key}: {count} (0 computes on the CPU)"
        )
    dtype = getattr(torch, request.dtype)
    if dtype == torch.bfloat16 and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise GpuError(
            f"{torch.cuda.get_device_name()} has no bfloat16: set {request.section}.dtype: float32"
        )
    try:
        one = torch.ones(8, 8, device="cuda", dtype=dtype)
        torch.cuda.synchronize()
        (one @ one).sum().item()
    except RuntimeError as error:
        raise GpuError(
            f"torch {torch.__version__} cannot compute on {torch.cuda.get_device_name()} "
            f"({str(error).splitlines()[0]}): install a build of torch for this GPU"
        ) from None


def _check_memory(
    request: GpuRequest, folder: Path, *, free: int, total: int, device: str
) -> list[str]:
    if request.trained is None:
        needed = weights_bytes(folder, request.dtype)
        lines = [f"the weights take {needed / _GIB:.1f} GiB; what else is needed is not estimated"]
        advice = f"use a GPU with more memory; {ASKING_ADVICE.format(request.section)}"
    else:
        check_family(folder, request.trained["family"], setting=_model_key(request))
        estimate = _estimate(request, folder, device)
        needed, lines = estimate.total, estimate.lines(clips=1)[:2]
        advice = training_advice(
            request.batch_size,
            checkpointing=bool(request.trained["gradient_checkpointing"]),
            images="vlm.frames",
        )
        lines.append(_check_disk(request, estimate.trained))
    if needed > total:
        raise GpuError(
            f"{request.model}: {needed / _GIB:.1f} GiB are needed, and {device} has "
            f"{total / _GIB:.1f}: {advice}"
        )
    if needed > free:
        lines.append(f"WARNING: {needed / _GIB:.1f} GiB are needed, {free / _GIB:.1f} are free now")
    return lines


def _model_key(request: GpuRequest) -> str:
    qwen = request.trained is not None and request.trained["family"] == QWEN
    return "vlm.qwen.model" if qwen else "vlm.model"


def _estimate(request: GpuRequest, folder: Path, device: str) -> Any:
    """Estimate a training with a model on the meta device, of the checkpoint's shapes."""
    from transformers import AutoConfig

    from facewave.vlm.faces.memory_estimate import estimate_training
    from facewave.vlm.faces.options import ModelOptions

    given = dict(request.trained or {})
    names = SEVEN if given["head"] != "regression" else ()
    targets = tuple(given.get("targets", ()))
    options = ModelOptions(**{**given, "classes": names, "targets": targets, "face_shapes": _FACE})
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    make: Callable[..., Any]
    processor: Any
    if options.family == QWEN:
        from facewave.vlm.qwen.build import random_model as make
        from facewave.vlm.qwen.processor import load_qwen_processor

        processor = load_qwen_processor(folder, max_pixels=options.max_pixels)
    else:
        from facewave.vlm.paligemma.build import load_processor
        from facewave.vlm.paligemma.build import random_model as make

        processor = load_processor(folder)
    with torch.device("meta"):
        model = make(config, processor, options)
    return estimate_training(
        model, batch_size=request.batch_size, prompt_tokens=_PROMPT_TOKENS, device=device
    )


def weights_bytes(folder: Path, dtype: str) -> int:
    """Return the memory that a checkpoint's tensors take in a dtype, in bytes."""
    from safetensors import safe_open

    count = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118
                size = 1
                for length in file.get_slice(name).get_shape():
                    size *= length
                count += size
    return count * _BYTES[dtype]


def _check_disk(request: GpuRequest, trained: int) -> str:
    """Compare what the trainings write with the room there is: weights, and one checkpoint each."""
    kept = 4 * trained
    # A checkpoint has AdamW's two moments, the best epoch lies beside it, and each is replaced.
    needed = kept * request.trainings + 8 * kept
    path = Path(request.results).absolute()
    room = shutil.disk_usage(next(p for p in (path, *path.parents) if p.exists())).free
    if needed > room:
        raise GpuError(
            f"{request.trainings} trainings write {needed / 1e9:.1f} GB, and {path} has room for "
            f"{room / 1e9:.1f} GB: free some, or set `results` to a folder on a larger disk"
        )
    return f"{request.trainings} trainings write up to {needed / 1e9:.1f} GB"


def main(text: str) -> int:
    """Check a `GpuRequest` given as JSON; return 1 and say why if it cannot be met."""
    try:
        for line in check_gpu(GpuRequest(**json.loads(text))):
            print(line)
    except (GpuError, WeightsError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
