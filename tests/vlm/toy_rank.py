"""Run by torchrun in a test: trains the toy model as one of several ranks."""

import sys
from pathlib import Path

import torch

from facewave.vlm.training.loop import train
from facewave.vlm.training.ranks import joined_ranks
from facewave.vlm.training.weights import save_state
from tests.vlm.toy_training import DyingModel, Killed, ToyModel, toy_data, toy_files, toy_options

folder, stop = Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(1)
with joined_ranks() as ranks:
    data, files = toy_data(33, dtype=torch.float64), toy_files(folder)
    arguments = {"options": toy_options(), "seed": 3, "files": files, "ranks": ranks}
    try:
        # Two ranks: one micro-batch of a step for each.
        train(DyingModel(stop, micro_batches=1).double(), data, **arguments)
    except Killed:
        ranks.barrier()
    model = ToyModel().double()
    train(model, data, **arguments)
    if ranks.is_main:
        save_state(folder / "weights.safetensors", model.trainable_state(), {})
