"""Seconds per clip and peak memory of training the two models with a face, beside the estimate.

make bench-vlm
.venv/bin/python benchmarks/training/vlm_training.py [--models paligemma qwen] [--batch 1 2 4 8]
    [--steps 6] [--folder results]

PaliGemma 2 3B and Qwen2.5-VL 3B of full size with random weights, so no checkpoint is needed;
images are noise, already in memory. A row is a model and a number of clips per batch, with and
without gradient checkpointing: forward, backward, clipping, AdamW's step, with the parts of both
stages trained (face, soft prefix, projector, LoRA). A row that does not fit into memory says so,
and the next one is measured. At the end one process joins a group of NCCL and adds up as many
numbers as are trained. `vlm_training.md` and `.json` in the folder hold the table, rewritten after
every row. `--toy` measures the toys, also on a CPU, to check that the script runs.
"""

import argparse
import gc
import json
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import transformers

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))


from facewave.manifest.class_lists import SEVEN  # noqa: E402
from facewave.vlm.faces.batch import Example  # noqa: E402
from facewave.vlm.faces.memory_estimate import estimate_training  # noqa: E402
from facewave.vlm.faces.model import FaceVlm  # noqa: E402
from facewave.vlm.faces.options import ModelOptions  # noqa: E402
from facewave.vlm.inputs.clip_reader import ClipFrames  # noqa: E402
from facewave.vlm.paligemma import build as paligemma  # noqa: E402
from facewave.vlm.paligemma.toy import TINY_PIXELS, tiny_config, tiny_processor  # noqa: E402
from facewave.vlm.qwen import build as qwen  # noqa: E402
from facewave.vlm.qwen.toy import tiny_qwen_config, tiny_qwen_processor  # noqa: E402

GIB = 1024**3
# Steps before the measured ones: they choose kernels, reserve memory and make AdamW's state.
WARM_UP = 2
NO_MEMORY = "out of memory"
NAMES = {"paligemma": "PaliGemma 2 3B", "qwen": "Qwen2.5-VL 3B"}
# By default PaliGemma is shown one frame, and Qwen eight.
FRAMES = {"paligemma": 1, "qwen": 8}
# The feature groups of the default configuration.
FACE = {
    "landmarks": (10, 478, 3),
    "landmark_energy": (5, 478, 3),
    "blendshapes": (10, 52),
    "blendshape_energy": (5, 52),
    "pose": (10, 6),
    "pose_energy": (5, 6),
}
COLUMNS = {
    "model": "model",
    "clips": "clips per batch",
    "checkpointing": "checkpointing",
    "tokens": "tokens",
    "seconds_a_clip": "s per clip",
    "clips_a_second": "clips/s",
    "peak_gib": "peak GiB",
    "estimate_gib": "estimate GiB",
    "paper_seconds_a_clip": "paper estimate, s per clip",
}


def build(options: ModelOptions, *, toy: bool, pixels: int, device: torch.device) -> FaceVlm:
    if options.family == "qwen":
        processor = tiny_qwen_processor(options.classes, max_pixels=options.max_pixels)
        config = tiny_qwen_config(processor) if toy else qwen.full_config(processor)
        make = qwen.random_model
    else:
        processor = tiny_processor(options.classes, pixels=pixels)
        config = tiny_config(processor)
        if not toy:
            config = paligemma.full_config(pixels=pixels, image_token_id=processor.image_token_id)
        make = paligemma.random_model
    with device:
        return make(config, processor, options).train()


def made_up_batch(model: FaceVlm, clips: int, *, pixels: int, device: torch.device) -> dict:
    random = np.random.default_rng(0)
    options = model.options
    examples = []
    for index in range(clips):
        shape = (options.frames, pixels, pixels, 3)
        images = random.integers(0, 256, shape, dtype=np.uint8)
        times = list(range(options.frames))
        frames = ClipFrames(images=images, indices=times, total=len(times), fps=2.0)
        face = {
            group: random.normal(size=shape).astype(np.float32)
            for group, shape in options.face_shapes.items()
        }
        example = Example(clip_id=str(index), face=face, valid=True, images=images, frames=frames)
        examples.append(example)
    batch = model.collate(examples)
    batch["labels"] = torch.arange(clips) % len(options.classes)
    return {name: tensor.to(device) for name, tensor in batch.items()}


def measure(model: FaceVlm, batch: dict, *, steps: int, device: torch.device) -> dict:
    """Return the median seconds per clip, clips per second and, on a GPU, peak memory."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-6)
    times = []
    for _ in range(WARM_UP + steps):
        start = time.perf_counter()
        optimiser.zero_grad()
        model(batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    seconds = statistics.median(times[WARM_UP:]) / len(batch["input_ids"])
    peak = torch.cuda.max_memory_allocated() / GIB if device.type == "cuda" else None
    return {
        "seconds_a_clip": round(seconds, 5),
        "clips_a_second": round(1 / seconds, 2),
        "peak_gib": None if peak is None else round(peak, 2),
    }


def free(model: FaceVlm | None) -> None:
    """Free what a row has used: gradients, and memory that torch keeps reserved."""
    if model is not None:
        model.zero_grad(set_to_none=True)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def row_of(model: FaceVlm, clips: int, *, given: argparse.Namespace, device: torch.device) -> dict:
    row = {"clips": clips, "checkpointing": model.options.gradient_checkpointing}
    try:
        batch = made_up_batch(model, clips, pixels=given.pixels, device=device)
        estimate = estimate_training(
            model,
            batch_size=clips,
            prompt_tokens=model.backbone.words_of_prompt(batch),
            device=torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        )
        row["tokens"] = estimate.tokens
        row["estimate_gib"] = round(estimate.total / GIB, 2)
        row["paper_seconds_a_clip"] = estimate.seconds
        return row | measure(model, batch, steps=given.steps, device=device)
    except torch.OutOfMemoryError:
        return row | {"error": NO_MEMORY}


def rows_of(family: str, checkpointing: bool, *, given: argparse.Namespace, device: torch.device):
    """Yield one row per batch size."""
    options = ModelOptions(
        model="random weights",
        family=family,
        classes=SEVEN,
        face_shapes=FACE,
        frames=FRAMES[family],
        max_pixels=given.pixels**2,
        width=32 if given.toy else 2048,
        dropout=0.1,
        lora_dropout=0.05,
        projector=True,
        gradient_checkpointing=checkpointing,
    )
    name = {"model": NAMES[family]}
    try:
        model = build(options, pixels=given.pixels, toy=given.toy, device=device)
    except torch.OutOfMemoryError:
        free(None)
        for clips in given.batch:
            yield {**name, "clips": clips, "checkpointing": checkpointing, "error": NO_MEMORY}
        return
    for clips in given.batch:
        free(model)
        yield name | row_of(model, clips, given=given, device=device)
    free(model)


def nccl_alone(count: int) -> dict:
    """Return the seconds in which a group of one adds up `count` numbers with NCCL."""
    with tempfile.TemporaryDirectory() as folder:
        device = torch.device("cuda", torch.cuda.current_device())
        torch.distributed.init_process_group(
            "nccl", init_method=f"file://{folder}/group", rank=0, world_size=1, device_id=device
        )
        numbers = torch.arange(count, dtype=torch.float32, device=device)
        wanted = numbers.clone()
        times = []
        for _ in range(3):
            torch.cuda.synchronize()
            start = time.perf_counter()
            torch.distributed.all_reduce(numbers)
            torch.distributed.barrier()
            torch.cuda.synchronize()
            times.append(time.perf_counter() - start)
        same = bool(numbers.equal(wanted))
        torch.distributed.destroy_process_group()
    version = ".".join(map(str, torch.cuda.nccl.version()))
    return {"nccl": version, "numbers": count, "seconds": min(times), "sum_is_right": same}


def cell(row: dict, name: str) -> str:
    value = row.get(name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return "–".join(f"{part:.3f}" for part in value)
    if value is None:
        return row.get("error", "") if name == "seconds_a_clip" else ""
    return f"{value:.3f}" if name == "seconds_a_clip" else str(value)


def table_of(rows: list[dict], about: dict) -> str:
    """Return the rows as a Markdown table."""
    lines = [", ".join(f"{name} {value}" for name, value in about.items()), ""]
    lines += [f"| {' | '.join(COLUMNS.values())} |", f"|{'---|' * len(COLUMNS)}"]
    lines += [f"| {' | '.join(cell(row, name) for name in COLUMNS)} |" for row in rows]
    return "\n".join(lines) + "\n"


def write(folder: Path, rows: list[dict], about: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps({**about, "rows": rows}, indent=1) + "\n"
    (folder / "vlm_training.json").write_text(content, encoding="utf-8")
    (folder / "vlm_training.md").write_text(table_of(rows, about), encoding="utf-8")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", choices=list(NAMES), default=list(NAMES))
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--pixels", type=int, default=448, choices=[224, 448, 896])
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--folder", type=Path, default=Path("results"))
    parser.add_argument("--toy", action="store_true")
    given = parser.parse_args(arguments)
    cuda = torch.cuda.is_available()
    if not cuda and not given.toy:
        sys.exit("torch finds no GPU: install a build of torch with CUDA, or try --toy")
    if given.toy:
        given.pixels = TINY_PIXELS
    device = torch.device("cuda" if cuda else "cpu")
    size = "toy size" if given.toy else f"full size, {given.pixels} pixels, random weights"
    about = {
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "models": size,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
    }
    rows: list[dict] = []
    for family in given.models:
        for checkpointing in (True, False):
            for row in rows_of(family, checkpointing, given=given, device=device):
                rows.append(row)
                print(json.dumps(row), flush=True)
                write(given.folder, rows, about)
    if cuda:
        about["all_reduce"] = nccl_alone(160_000_000 if not given.toy else 1000)
        print(json.dumps(about["all_reduce"]), flush=True)
        write(given.folder, rows, about)
    print("\n" + table_of(rows, about))


if __name__ == "__main__":
    main(sys.argv[1:])
