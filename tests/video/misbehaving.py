"""Functions that end, stop or fill the process that they are called in."""

import ctypes
import errno
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facewave.jobs.signs_of_life import alive
from facewave.video.decode import DecoderIOError, Limits, UnreadableVideoError


@dataclass(frozen=True)
class Facts:
    name: str
    pixels: int


class KnownError(Exception):
    pass


def describe(path: Path, limits: Limits) -> Facts:
    return Facts(path.name, limits.max_pixels)


def process(path: Path) -> int:
    return os.getpid()


def malloc(path: Path) -> str:
    return os.environ["GLIBC_TUNABLES"]


def arrays(path: Path) -> list:
    return [np.arange(12, dtype="<i4").reshape(3, 4), np.zeros((2, 0, 3), np.uint8), "x"]


def objects(path: Path) -> np.ndarray:
    return np.array([1j])


def noisy(path: Path) -> str:
    sys.stdout.write("printed by a library\n")
    sys.stdout.flush()
    return "quiet"


def crash(path: Path) -> None:
    ctypes.string_at(0)


def crash_by(path: Path, number: int) -> None:
    os.kill(os.getpid(), number)


def leave(path: Path) -> None:
    os._exit(3)


def once(path: Path, number: int) -> str:
    """Die when called first."""
    mark = path.with_suffix(".seen")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), number)
    return "read"


def spin(path: Path) -> None:
    while True:
        pass


def spin_and_sleep(path: Path) -> None:
    end = time.monotonic() + 1.2
    while time.monotonic() < end:
        pass
    time.sleep(600)


def sleep(path: Path) -> None:
    time.sleep(600)


def stop(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def slow(path: Path) -> str:
    for _ in range(4):
        time.sleep(0.5)
        alive()
    return "done"


def grow(path: Path) -> None:
    kept = []
    while True:
        kept.append(np.ones(4_000_000, np.uint8))
        time.sleep(0.001)


def huge(path: Path) -> None:
    np.ones(1 << 60, np.uint8)


def fail(path: Path, number: int) -> None:
    raise OSError(number, os.strerror(number), str(path))


def refuse(path: Path) -> None:
    raise UnreadableVideoError("nothing to see")


def known(path: Path) -> None:
    raise KnownError("as expected")


def mistake(path: Path) -> None:
    raise KeyError("a mistake of ours")


def missing(path: Path) -> None:
    raise ModuleNotFoundError("no module named scenedetect")


def unprepared(path: Path) -> None:
    ctypes.string_at(0)


def damage(path: Path) -> None:
    raise DecoderIOError(errno.EIO, "as FFmpeg says of damage", str(path))
