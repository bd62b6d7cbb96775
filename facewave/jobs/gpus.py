"""Which GPUs a job takes, so that jobs on one machine do not all meet on the first one.

A scheduler that hands out GPUs says so in `CUDA_VISIBLE_DEVICES`, and that is kept. Elsewhere a job
takes the GPUs with the most free memory that no other job of facewave has taken: each has a lock
file per user, which the system releases when the process ends, however it ends. `nvidia-smi` is
asked before CUDA starts, since starting it on a GPU takes memory there.
"""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

_log = logging.getLogger("facewave")
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_QUERY = ("nvidia-smi", "--query-gpu=index,uuid,memory.free", "--format=csv,noheader,nounits")


class GpuError(ValueError):
    """There are not the GPUs that are wanted; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU of this machine.

    Attributes:
        index: as `nvidia-smi` counts.
        uuid: its name, which other programs know it by too.
        free_mib: free memory, MiB.
    """

    index: int
    uuid: str
    free_mib: int


def list_gpus() -> list[Gpu] | None:
    """Return the GPUs that this process may use; None where nobody can say.

    Nobody can say without `nvidia-smi`, or where `CUDA_VISIBLE_DEVICES` names parts of GPUs.
    """
    try:
        done = subprocess.run(_QUERY, capture_output=True, text=True, check=True, timeout=30)
        cells = [line.split(", ") for line in done.stdout.splitlines() if line.strip()]
        found = [Gpu(index=int(i), uuid=uuid, free_mib=int(free)) for i, uuid, free in cells]
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    visible = os.environ.get(_VISIBLE)
    if visible is None:
        return found
    chosen = []
    for name in filter(None, visible.split(",")):
        same = [g for g in found if name == str(g.index) or g.uuid.startswith(name)]
        if len(same) != 1:
            return None
        chosen.append(same[0])
    return chosen


@contextmanager
def taken_gpus(
    count: int, *, setting: str = "gpus", folder: Path | None = None, pause: float = 20.0
) -> Iterator[None]:
    """Within the block let `CUDA_VISIBLE_DEVICES` name the GPUs of this job alone.

    To be entered before torch has asked for GPUs. It waits while other jobs of facewave have taken
    too many. Where nobody can say which GPUs there are, nothing is changed.

    Args:
        count: number of GPUs; 0 changes nothing.
        setting: configuration key of the number, for messages.
        folder: of the lock files; None: one per user below the machine's temporary folder.
        pause: seconds between two looks at what is free.

    Raises:
        GpuError: there are fewer GPUs than `count`.
    """
    gpus = list_gpus() if count else None
    if gpus is None:
        yield
        return
    if len(gpus) < count:
        raise GpuError(
            f"{setting} is {count}, but this machine shows {len(gpus)} GPUs: set {setting}: "
            f"{len(gpus)} (0 computes on the CPU), or run where there are more"
        )
    folder = folder or Path(tempfile.gettempdir()) / f"facewave-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    before = os.environ.get(_VISIBLE)
    with ExitStack() as held:
        chosen = _lock(gpus, count, folder, held, pause=pause)
        # Given as many as wanted, the names stay: a scheduler may count in another order.
        if before is None or len(gpus) > count:
            os.environ[_VISIBLE] = ",".join(gpu.uuid for gpu in chosen)
        for gpu in chosen:
            _log.info("GPU %d (%s), %d MiB free", gpu.index, gpu.uuid, gpu.free_mib)
        try:
            yield
        finally:
            if before is None:
                del os.environ[_VISIBLE]
            else:
                os.environ[_VISIBLE] = before


def _lock(
    gpus: Sequence[Gpu], count: int, folder: Path, held: ExitStack, *, pause: float
) -> list[Gpu]:
    """Return `count` GPUs whose locks `held` now holds: all of them or, while waiting, none."""
    waiting = False
    while True:
        with ExitStack() as tried:
            chosen = []
            for gpu in sorted(gpus, key=lambda gpu: -gpu.free_mib):
                file = tried.enter_context((folder / f"{gpu.uuid}.lock").open("a"))
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                chosen.append(gpu)
                if len(chosen) == count:
                    held.enter_context(tried.pop_all())
                    return chosen
        if not waiting:
            _log.info("other jobs of facewave have taken the GPUs of this machine: waiting")
        waiting = True
        time.sleep(pause)
        gpus = list_gpus() or gpus
