"""Batches made ahead of time: while the model computes, threads decode the next clips' frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from facewave.vlm.training.schedule import Rows

# Makes the batch of some rows; called in threads, so that it must not use torch's random state.
Feed = Callable[[Rows], dict[str, Tensor]]

_AHEAD = 8


def fed(
    feed: Feed, batches: Sequence[Rows], *, device: torch.device, ahead: int = _AHEAD
) -> Iterator[dict[str, Tensor]]:
    """Yield the batch of each of `batches`, in their order, on a device.

    Args:
        feed: makes a batch.
        batches: rows of each.
        device: where the tensors go.
        ahead: batches that are kept ready.
    """
    # As many as the job was given: decoding leaves Python's lock alone.
    with ThreadPoolExecutor(max(2, torch.get_num_threads())) as pool:
        waiting: deque[Future[dict[str, Tensor]]] = deque()
        rest = iter(batches)
        try:
            while True:
                while len(waiting) < ahead and (rows := next(rest, None)) is not None:
                    waiting.append(pool.submit(feed, rows))
                if not waiting:
                    return
                batch = waiting.popleft().result()
                yield {name: tensor.to(device) for name, tensor in batch.items()}
        finally:
            for future in waiting:
                future.cancel()
