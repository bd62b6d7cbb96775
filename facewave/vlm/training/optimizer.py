"""AdamW over the trained parameters, and the step size of each step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from facewave.vlm.training.interface import Trainable, TrainingOptions
from facewave.vlm.training.parts import part_of


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

    Biases, scales, gates and the soft prefix do not decay. Each part has its own factor of the
    learning rate, which `set_learning_rate` applies.
    """
    named: dict[tuple[str, bool], list[str]] = {}
    for name, parameter in parameters.items():
        part = part_of(name)
        decays = parameter.ndim > 1 and part != "soft_prefix"
        named.setdefault((part, decays), []).append(name)
    groups = [
        {
            "params": [parameters[name] for name in names],
            "weight_decay": options.weight_decay if decays else 0.0,
            "factor": options.rates.get(part, 1.0),
        }
        for (part, decays), names in named.items()
    ]
    adamw = torch.optim.AdamW(groups, lr=options.learning_rate)
    ordered = [name for names in named.values() for name in names]
    return NamedAdamW(adamw=adamw, names=dict(enumerate(ordered)))


def set_learning_rate(optimizer: NamedAdamW, rate: float) -> None:
    """Set the step size, multiplied by each part's factor."""
    for group in optimizer.adamw.param_groups:
        group["lr"] = rate * group["factor"]


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
