"""The process in which media files are read: `python -m facewave.video.reader FD`.

Each line of standard input names a function of this package and its arguments, as JSON; each answer
is a line of JSON on the file descriptor FD, and after it the bytes of its arrays. It may crash,
hang or grow: see `facewave.video.isolated`, which starts it, watches it and reads its answers.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import logging
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
from numpy.typing import NDArray

from facewave.jobs.signs_of_life import report_to

READY, ALIVE = "ready", "alive"
_PR_SET_PDEATHSIG = 1
_SECONDS_BETWEEN_SIGNS = 1.0
_BLOCK = 1 << 20


def serve(descriptor: int, *, replaced: Mapping[str, Callable[..., Any]] | None = None) -> None:
    """Call one function per line of standard input until it ends.

    Args:
        descriptor: of the file that the answers go to.
        replaced: by name, what is called in place of a function; a benchmark's made-up clips.
    """
    _end_with_parent()
    _log_to_stderr()
    answers, ready = _Answers(descriptor), set[str]()
    report_to(answers.alive)
    # What is loaded for a function stays: it need not be searched for garbage, now or later.
    gc.disable()
    for line in sys.stdin:
        request = json.loads(line)
        name, given = request["function"], request["arguments"]
        try:
            function = (replaced or {}).get(name) or named(name)
            arguments = rebuilt(given, get_type_hints(function))
            if name not in ready:
                if request["prepare"] and not (replaced or {}).get(name):
                    named(request["prepare"])(**arguments)
                answers.say(sign=READY)
                ready.add(name)
                gc.freeze()
                gc.enable()
            value = function(**arguments)
        except Exception as error:
            if name in ready:
                traceback.print_exc()
            answers.refuse(error, path=given.get("path"))
        else:
            answers.give(value)


def named(name: str) -> Callable[..., Any]:
    """Return the function of a name like `facewave.video.open:measure`."""
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def rebuilt(values: Mapping[str, Any], hints: Mapping[str, Any]) -> dict[str, Any]:
    """Return values that came as JSON as the types of their names: paths and dataclasses."""
    return {name: _rebuilt(value, hints.get(name)) for name, value in values.items()}


def _rebuilt(value: Any, hint: Any) -> Any:
    if hint is Path:
        return Path(value)
    if isinstance(value, dict) and isinstance(hint, type) and is_dataclass(hint):
        return hint(**rebuilt(value, get_type_hints(hint)))
    options = getattr(hint, "__args__", ())
    if isinstance(value, dict) and options:  # Limits | None
        kinds = [kind for kind in options if isinstance(kind, type) and is_dataclass(kind)]
        return _rebuilt(value, kinds[0]) if kinds else value
    return value


def _end_with_parent() -> None:
    """Have the kernel kill this process when its parent ends, where it can (Linux)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger = logging.getLogger("facewave")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


class _Answers:
    """Lines, and bytes, to the parent; signs of life at most once a second."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._said = 0.0

    def say(self, **answer: Any) -> None:
        self._said = time.monotonic()
        self._write(json.dumps(answer).encode() + b"\n")

    def give(self, value: Any) -> None:
        arrays: list[NDArray[Any]] = []
        found = _without_arrays(value, arrays)
        self.say(value=found, arrays=[[array.dtype.str, list(array.shape)] for array in arrays])
        for array in arrays:
            self._write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)

    def refuse(self, error: Exception, *, path: str | None) -> None:
        name, number, message = type(error).__name__, None, str(error)
        kinds = [kind.__name__ for kind in type(error).__mro__]
        decoder = "DecoderIOError" in kinds or ("FFmpegError" in kinds and "OSError" in kinds)
        if isinstance(error, OSError) and error.errno is not None:
            number = error.errno
            message = ": ".join(str(part) for part in (error.strerror, error.filename) if part)
        self.say(
            error=name,
            kinds=kinds,
            message=message,
            errno=number,
            readable=decoder and path is not None and _is_readable(Path(path)),
            free_mb=_free_mb() if isinstance(error, MemoryError) else 0,
        )

    def alive(self) -> None:
        if time.monotonic() - self._said >= _SECONDS_BETWEEN_SIGNS:
            self.say(sign=ALIVE)

    def _write(self, data: Any) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]


def _without_arrays(value: Any, arrays: list[NDArray[Any]]) -> Any:
    """Return a value for JSON; its arrays are appended to `arrays` and numbered in it."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, (list, tuple)):
        return [_without_arrays(part, arrays) for part in value]
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value


def _is_readable(path: Path) -> bool:
    """Return whether the system can read a file whole: FFmpeg names damage an I/O error as well."""
    try:
        with path.open("rb", buffering=0) as file:
            while file.read(_BLOCK):
                pass
    except OSError:
        return False
    return True


def _free_mb() -> float:
    """Return how much memory an allocation that failed could have had; 0: not known."""
    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        return 0.0
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return float(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        serve(int(sys.argv[1]))
