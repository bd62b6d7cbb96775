"""A small torch module with the interface of the face model, and data that it can learn."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from facewave.evaluation.metrics import unweighted_average_recall
from facewave.vlm.training.interface import TrainingData, TrainingFiles, TrainingOptions
from facewave.vlm.training.weights import copy_strictly

CLASSES = 3


@dataclass
class Output:
    loss: torch.Tensor | None
    logits: torch.Tensor | None


class ToyModel(nn.Module):
    """A frozen layer, a trained one, dropout: what resuming can get wrong."""

    def __init__(self, seed=0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.frozen = nn.Linear(6, 8).requires_grad_(False)
            self.trained = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.3), nn.Linear(8, CLASSES))

    def forward(self, batch):
        logits = self.trained(torch.tanh(self.frozen(batch["x"])))
        labels = batch.get("labels")
        loss = None if labels is None else functional.cross_entropy(logits, labels)
        return Output(loss, logits)

    def trainable_state(self):
        return self.trained.state_dict()

    def load_trainable_state(self, state):
        copy_strictly(state, self.trained.state_dict())


class Killed(BaseException):
    pass


class DyingModel(ToyModel):
    """Dies at the beginning of a training step, as a process that is killed between two steps.

    `steps` are done before, of `micro_batches` each.
    """

    def __init__(self, steps, *, micro_batches=2):
        super().__init__()
        self.left = steps * micro_batches

    def forward(self, batch):
        if self.training:
            if not self.left:
                raise Killed
            self.left -= 1
        return super().forward(batch)


def toy_data(n=37, n_val=11, *, seed=0, dtype=torch.float32):
    random = np.random.default_rng(seed)
    labels = random.integers(CLASSES, size=n + n_val)
    x = random.normal(size=(n + n_val, 6)) + 1.5 * np.eye(CLASSES, 6)[labels]
    inputs, targets = torch.from_numpy(x).to(dtype), torch.from_numpy(labels)

    def make_batch(rows):
        return {"x": inputs[rows], "labels": targets[rows]}

    def score(logits, rows):
        predicted = logits.argmax(axis=1)
        uar = unweighted_average_recall(labels[rows], predicted)
        return {"uar": uar, "war": float((predicted == labels[rows]).mean())}

    return TrainingData(
        make_batch=make_batch,
        train=np.arange(n),
        val=np.arange(n, n + n_val),
        outputs=CLASSES,
        score=score,
    )


def toy_options(**changes):
    values = {"epochs": 3, "learning_rate": 0.02, "batch_size": 4, "accumulation": 2}
    values |= {"checkpoint_steps": 2, "patience": 9}
    return TrainingOptions(**(values | changes))


def toy_files(folder, key="key"):
    return TrainingFiles(
        checkpoints=folder / "checkpoints",
        key=key,
        metrics=folder / "metrics.csv",
        steps=folder / "steps.csv",
        movement=folder / "movement.csv",
    )
