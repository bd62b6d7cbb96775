"""Seconds a clip and peak memory of training PaliGemma 2 3B with a face, beside the estimate.

python benchmarks/vlm_training.py [--batch 1 2 4 8] [--pixels 448] [--steps 10] [--json FILE]

Weights are random and of full size, so no checkpoint is needed; pictures are noise. A row is a
number of clips a batch, with and without gradient checkpointing: forward, backward, AdamW's step.
`--toy` measures the toy model, on a CPU too, to see that the script runs.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from facewave.class_lists import SEVEN
from facewave.vlm.batch import Example, collate
from facewave.vlm.memory import estimate_training
from facewave.vlm.options import ModelOptions
from facewave.vlm.paligemma import FaceVlm, random_model
from facewave.vlm.processors import TINY_PIXELS, tiny_processor
from facewave.vlm.tiny import full_config, tiny_config

GIB = 1024**3


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
            frames=random.integers(0, 256, (options.frames, pixels, pixels, 3), dtype=np.uint8),
            label=index % len(options.classes),
        )
        for index in range(clips)
    ]
    batch = collate(examples, model.processor, options)
    return {name: tensor.to(device) for name, tensor in batch.items()}


def measure(model: FaceVlm, batch: dict, *, steps: int, device: torch.device) -> dict:
    """Return median seconds a clip and peak bytes, after two steps to warm up."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-6)
    cuda = device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    times = []
    for _ in range(steps + 2):
        start = time.perf_counter()
        optimiser.zero_grad()
        model(batch).loss.backward()
        optimiser.step()
        if cuda:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    clips = len(batch["input_ids"])
    return {
        "seconds_a_clip": round(float(np.median(times[2:])) / clips, 5),
        "peak_gib": round(torch.cuda.max_memory_allocated() / GIB, 2) if cuda else None,
    }


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--pixels", type=int, default=448, choices=[224, 448, 896])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--toy", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    cuda = torch.cuda.is_available()
    device = torch.device("cuda" if cuda else "cpu")
    name = torch.cuda.get_device_name() if cuda else "cpu"
    rows = []
    for checkpointing in (True, False):
        options = ModelOptions(
            model="random weights",
            classes=SEVEN,
            width=32 if given.toy else 2048,
            gradient_checkpointing=checkpointing,
        )
        model = build(options, pixels=given.pixels, toy=given.toy, device=device)
        for clips in given.batch:
            row = {"clips": clips, "checkpointing": checkpointing, "device": name}
            batch = made_up_batch(model, clips, pixels=given.pixels, device=device)
            patches = options.frames * model.processor.image_seq_length
            estimate = estimate_training(
                model,
                batch_size=clips,
                prompt_tokens=batch["input_ids"].shape[1] - patches,
                device=name,
            )
            row |= {"tokens": estimate.tokens, "estimate_gib": round(estimate.total / GIB, 2)}
            row |= {"estimate_seconds_a_clip": estimate.seconds}
            try:
                row |= measure(model, batch, steps=given.steps, device=device)
            except torch.cuda.OutOfMemoryError:
                row |= {"error": "out of memory"}
            rows.append(row)
            print(json.dumps(row), flush=True)
        del model
        if cuda:
            torch.cuda.empty_cache()
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
