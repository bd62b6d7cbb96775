"""AdamW over the trained parameters, and its state by the parameters' names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from facewave.vlm.training.checkpoint import CheckpointError
from facewave.vlm.training.data import Trainable
from facewave.vlm.training.options import TrainingOptions


@dataclass(frozen=True, kw_only=True, eq=False)
class NamedAdamW:
    """AdamW, and the name of each parameter's number in its groups."""

    adamw: torch.optim.AdamW
    names: Mapping[int, str]


def trained_parameters(model: Trainable) -> dict[str, nn.Parameter]:
    """Return the parameters that require a gradient, by name.

    Raises:
        ValueError: there are none, or one is not float32, in which steps of 5e-5 would be lost.
    """
    found = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if not found:
        raise ValueError("the model has no parameter to train")
    for name, parameter in found.items():
        if parameter.dtype not in (torch.float32, torch.float64):
            raise ValueError(
                f"{name} is {parameter.dtype}: trained weights must be float32, frozen ones may "
                "be bfloat16"
            )
    return found


def make_optimizer(parameters: Mapping[str, nn.Parameter], options: TrainingOptions) -> NamedAdamW:
    """Return AdamW (I. Loshchilov, F. Hutter, 2019) over some parameters.

    Biases, scales and gates do not decay.
    """
    matrices = {name: p for name, p in parameters.items() if p.ndim > 1}
    others = {name: p for name, p in parameters.items() if p.ndim <= 1}
    groups = [
        {"params": list(matrices.values()), "weight_decay": options.weight_decay},
        {"params": list(others.values()), "weight_decay": 0.0},
    ]
    adamw = torch.optim.AdamW(groups, lr=options.learning_rate)
    return NamedAdamW(adamw=adamw, names=dict(enumerate([*matrices, *others])))


def optimizer_tensors(optimizer: NamedAdamW) -> dict[str, Tensor]:
    """Return the state of an optimiser by `{quantity}/{parameter}`; AdamW has tensors only."""
    state = optimizer.adamw.state_dict()["state"]
    return {
        f"{quantity}/{optimizer.names[number]}": value
        for number, quantities in state.items()
        for quantity, value in quantities.items()
    }


def load_optimizer(optimizer: NamedAdamW, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` returned.

    Raises:
        CheckpointError: a parameter has no state, or there is state of one that is not trained.
    """
    names, adamw = optimizer.names, optimizer.adamw
    number_of = {name: number for number, name in names.items()}
    state: dict[int, dict[str, Tensor]] = {}
    for path, value in tensors.items():
        quantity, _, name = path.partition("/")
        if name not in number_of:
            raise CheckpointError(f"checkpoint: {name!r} is not trained here")
        state.setdefault(number_of[name], {})[quantity] = value
    if missing := sorted(set(names) - set(state)):
        raise CheckpointError(f"checkpoint: no optimiser state of {names[missing[0]]!r}")
    adamw.load_state_dict({**adamw.state_dict(), "state": state})
