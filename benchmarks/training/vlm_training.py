"""Seconds per clip and peak memory of training PaliGemma 2 3B with a face, beside the estimate.

make bench-vlm
.venv/bin/python benchmarks/training/vlm_training.py [--batch 1 2 4 8] [--pixels 448] [--steps 10]
    [--folder results]

Weights are random and of full size, so no checkpoint is needed; images are noise and already in
memory. A row is a number of clips per batch, with and without gradient checkpointing: forward,
backward, clipping, AdamW's step. A row that does not fit into memory says so, and the next one is
measured. `vlm_training.md` and `.json` in the folder hold the table, rewritten after every row.
`--toy` measures the toy model, also on a CPU, to check that the script runs.
"""

import argparse
import gc
import json
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
import transformers

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))


from facewave.manifest.class_lists import SEVEN  # noqa: E402
from facewave.vlm.paligemma.batch import Example, collate  # noqa: E402
from facewave.vlm.paligemma.build import full_config, random_model  # noqa: E402
from facewave.vlm.paligemma.memory_estimate import estimate_training  # noqa: E402
from facewave.vlm.paligemma.model import FaceVlm  # noqa: E402
from facewave.vlm.paligemma.options import ModelOptions  # noqa: E402
from facewave.vlm.paligemma.toy import TINY_PIXELS, tiny_config, tiny_processor  # noqa: E402

GIB = 1024**3
# Steps before the measured ones: they choose kernels, reserve memory and make AdamW's state.
WARM_UP = 2
NO_MEMORY = "out of memory"
COLUMNS = {
    "clips": "clips per batch",
    "checkpointing": "checkpointing",
    "seconds_a_clip": "s per clip",
    "clips_a_second": "clips/s",
    "peak_gib": "peak GiB",
    "estimate_gib": "estimate GiB",
    "paper_seconds_a_clip": "paper estimate, s per clip",
}


def build(options: ModelOptions, *, pixels: int, toy: bool, device: torch.device) -> FaceVlm:
    processor = tiny_processor(options.classes, pixels=TINY_PIXELS if toy else pixels)
    config = tiny_config(processor)
    if not toy:
        config = full_config(pixels=pixels, image_token_id=processor.image_token_id)
    with device:
        return random_model(config, processor, options).train()


def made_up_batch(model: FaceVlm, clips: int, *, pixels: int, device: torch.device) -> dict:
    random = np.random.default_rng(0)
    options = model.options
    examples = [
        Example(
            clip_id=str(index),
            landmarks=random.normal(size=(options.K, 478, 3)).astype(np.float32),
            blendshapes=random.normal(size=(options.K, 52)).astype(np.float32),
            valid=True,
            images=random.integers(0, 256, (options.frames, pixels, pixels, 3), dtype=np.uint8),
            label=index % len(options.classes),
        )
        for index in range(clips)
    ]
    batch = collate(examples, model.processor, options)
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
    batch = made_up_batch(model, clips, pixels=given.pixels, device=device)
    patches = model.options.frames * model.processor.image_seq_length
    estimate = estimate_training(
        model,
        batch_size=clips,
        prompt_tokens=batch["input_ids"].shape[1] - patches,
        device=torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
    )
    row = {
        "clips": clips,
        "checkpointing": model.options.gradient_checkpointing,
        "tokens": estimate.tokens,
        "estimate_gib": round(estimate.total / GIB, 2),
        "paper_seconds_a_clip": estimate.seconds,
    }
    try:
        return row | measure(model, batch, steps=given.steps, device=device)
    except torch.OutOfMemoryError:
        return row | {"error": NO_MEMORY}


def rows_of(checkpointing: bool, *, given: argparse.Namespace, device: torch.device):
    """Yield one row per batch size."""
    options = ModelOptions(
        model="random weights",
        classes=SEVEN,
        width=32 if given.toy else 2048,
        lora_dropout=0.05,
        gradient_checkpointing=checkpointing,
    )
    try:
        model = build(options, pixels=given.pixels, toy=given.toy, device=device)
    except torch.OutOfMemoryError:
        free(None)
        for clips in given.batch:
            yield {"clips": clips, "checkpointing": checkpointing, "error": NO_MEMORY}
        return
    for clips in given.batch:
        free(model)
        yield row_of(model, clips, given=given, device=device)
    free(model)


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
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--pixels", type=int, default=448, choices=[224, 448, 896])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--folder", type=Path, default=Path("results"))
    parser.add_argument("--toy", action="store_true")
    given = parser.parse_args(arguments)
    cuda = torch.cuda.is_available()
    if not cuda and not given.toy:
        sys.exit("torch finds no GPU: install a build of torch with CUDA, or try --toy")
    device = torch.device("cuda" if cuda else "cpu")
    about = {
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "model": "toy" if given.toy else f"PaliGemma 2 3B, {given.pixels} pixels, random weights",
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
    }
    rows: list[dict] = []
    for checkpointing in (True, False):
        for row in rows_of(checkpointing, given=given, device=device):
            rows.append(row)
            print(json.dumps(row), flush=True)
            write(given.folder, rows, about)
    print("\n" + table_of(rows, about))


if __name__ == "__main__":
    main(sys.argv[1:])
