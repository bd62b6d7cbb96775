"""Run by torchrun in a test: trains the toy model as one of several ranks."""

import sys
from pathlib import Path

import torch

from facewave.vlm.training.checkpoint import save_state
from facewave.vlm.training.loop import Stopped, train
from facewave.vlm.training.ranks import joined_ranks
from tests.vlm.vlm_toy import ToyModel, toy_data, toy_files, toy_options

folder, stop = Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(1)
with joined_ranks() as ranks:
    model = ToyModel().double()
    data, files = toy_data(33, dtype=torch.float64), toy_files(folder)
    arguments = {"options": toy_options(), "seed": 3, "files": files, "ranks": ranks}
    try:
        if stop:
            train(model, data, stop_after=stop, **arguments)
    except Stopped:
        ranks.wait()
    train(model, data, **arguments)
    if ranks.first:
        save_state(folder / "weights.safetensors", model.trainable_state(), {})
