"""The processes of a training: one per GPU, started by torchrun, or this one alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

_CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """This process among the others.

    Attributes:
        rank: of this process, from 0.
        count: number of processes.
        device: that this process computes on.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = _CPU

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes files and log."""
        return self.rank == 0

    def all_reduce(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all ranks, in place; all must be of one dtype."""
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        totals = torch.split(flat, [tensor.numel() for tensor in tensors])
        for tensor, total in zip(tensors, totals, strict=True):
            tensor.copy_(total.view_as(tensor))

    def total(self, tensor: Tensor) -> Tensor:
        """Return the sum of a CPU tensor over all ranks; NCCL works on GPUs only."""
        moved = tensor.to(self.device, copy=True)
        self.all_reduce([moved])
        return moved.cpu()

    def barrier(self) -> None:
        """Wait until every rank is here."""
        if self.count > 1:
            dist.barrier()


def default_device(local_rank: int = 0) -> torch.device:
    """Return the GPU of a rank, or the CPU where torch sees no GPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", local_rank)
    return torch.device("cpu")


@contextmanager
def joined_ranks() -> Iterator[Ranks]:
    """Join the group that torchrun's environment variables describe; without them a group of one.

    NCCL between GPUs, Gloo between CPUs.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Ranks(device=default_device())
        return
    device = default_device(int(os.environ["LOCAL_RANK"]))
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if device.type == "cuda":
        dist.init_process_group("nccl", device_id=device)
    else:
        dist.init_process_group("gloo")
    try:
        yield Ranks(rank=dist.get_rank(), count=count, device=device)
    finally:
        dist.destroy_process_group()
