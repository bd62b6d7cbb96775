"""AdamW over the trained parameters, and the step size of each step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from facewave.vlm.training.interface import Trainable, TrainingOptions


@dataclass(frozen=True, kw_only=True, eq=False)
class NamedAdamW:
    """AdamW, and the name of each parameter by its number in the groups."""

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


def learning_rate(step: int, *, steps: int, peak: float, warmup: float) -> float:
    """Return the step size of an optimiser step.

    It grows linearly to `peak` at the last step of the warm-up, then falls along a cosine
    (I. Loshchilov, F. Hutter, "SGDR", 2017, without restarts) towards 0, which it would reach one
    step after the last. It depends on the step alone, so a checkpoint need not hold it.

    Args:
        step: from 0.
        steps: of the whole training.
        peak: largest step size.
        warmup: fraction of the steps that are warm-up, 0 to less than 1.
    """
    rising = round(warmup * steps)
    if step < rising:
        return peak * (step + 1) / rising
    return peak * 0.5 * (1.0 + math.cos(math.pi * (step - rising) / (steps - rising)))
