"""The parts of a model that are trained at rates of their own, and how far each of them moved.

AdamW's steps hardly depend on the size of the gradient, so a part moves by at most the sum of its
rates over all steps. Whether that is much depends on the size of its weights: a step that is large
for a matrix of 2,048 columns is nothing for a scalar that ranges from 0 to 1. So each part has a
rate of its own, and a table says how far it came, relative to its own size.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from facewave.storage.tables import write_csv

_log = logging.getLogger("facewave")

PARTS = ("face", "gate", "soft_prefix", "lora", "head", "projector")
MOVEMENT_COLUMNS = ("module", "part", "parameters", "scale", "change", "moved")
# What moved less than this, relative to its scale, might as well not have been trained.
LEAST_MOVE = 0.01
_ADAPTERS = {"lora_A": ".lora_A.", "lora_B": ".lora_B."}


def part_of(name: str) -> str:
    """Return which of `PARTS` a trained parameter belongs to, by its name in the model."""
    if name.endswith(".gate"):
        return "gate"
    if any(mark in name for mark in _ADAPTERS.values()):
        return "lora"
    first = name.partition(".")[0]
    return first if first in PARTS else "projector"


def module_of(name: str) -> str:
    """Return the row of the table that a trained parameter belongs to."""
    part = part_of(name)
    if part == "lora":
        return next(module for module, mark in _ADAPTERS.items() if mark in name)
    if part in ("face", "gate"):
        module = ".".join(name.split(".")[:2])
        # A norm alone is 1 and stays near it.
        return "face.out" if module == "face.norm" else module
    return part


@dataclass(frozen=True, kw_only=True)
class Movement:
    """How far a module moved in a training.

    Attributes:
        module: its name.
        part: one of `PARTS`, which has its rate.
        parameters: how many are trained.
        scale: root mean square of its weights before the training; 1 of a gate, whose tanh ranges
            from 0 to 1; of LoRA's second factor, which starts at 0, that of the first.
        change: root mean square of the difference to these weights.
    """

    module: str
    part: str
    parameters: int
    scale: float
    change: float

    @property
    def moved(self) -> float:
        """The change relative to the scale."""
        return self.change / max(self.scale, 1e-12)


def weights_before(parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a copy of trained parameters, on the CPU."""
    return {name: p.detach().to("cpu", copy=True) for name, p in parameters.items()}


def movements(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> list[Movement]:
    """Return how far each module moved, in the order of the parameters.

    Args:
        before: of `weights_before`.
        after: the same names, on any device.
    """
    modules: dict[str, list[str]] = {}
    for name in before:
        modules.setdefault(module_of(name), []).append(name)
    starts = {module: _rms([before[n] for n in names]) for module, names in modules.items()}
    found = []
    for module, names in modules.items():
        part = part_of(names[0])
        scale = starts[module]
        if part == "gate":
            scale = 1.0
        elif module == "lora_B":
            scale = starts.get("lora_A", scale)
        changes = [after[name].detach().cpu() - before[name] for name in names]
        found.append(
            Movement(
                module=module,
                part=part,
                parameters=sum(before[name].numel() for name in names),
                scale=scale,
                change=_rms(changes),
            )
        )
    return found


def write_movements(path: Path, found: Sequence[Movement]) -> None:
    """Write the table as CSV, and log which modules have hardly moved."""
    rows = [
        (m.module, m.part, m.parameters, f"{m.scale:.4g}", f"{m.change:.4g}", f"{m.moved:.4g}")
        for m in found
    ]
    write_csv(path, MOVEMENT_COLUMNS, rows)
    for each in found:
        if each.moved < LEAST_MOVE:
            _log.warning(
                "%s hardly moved: by %.2g of its scale; raise vlm.rates.%s, or train longer",
                *(each.module, each.moved, each.part),
            )


def _rms(tensors: Sequence[Tensor]) -> float:
    count = sum(tensor.numel() for tensor in tensors)
    total = torch.stack([tensor.double().square().sum() for tensor in tensors]).sum()
    return float((total / max(count, 1)).sqrt())
