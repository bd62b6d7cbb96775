"""Reading media files in a child process, which may crash, hang or grow: a clip is all it costs.

FFmpeg and MediaPipe are native code that reads what people uploaded. Whatever opens a video or a
picture, or hashes one, calls a function through an `IsolatedReader`: it is called in a child
process, one per job, which is started for the first call and again after it ended.

Only its own bytes flag a clip. They are blamed for what the child does to itself, twice: a crash
(SIGSEGV, SIGABRT, ...) or an exit, more memory than `memory_mb`, or `stall_seconds` of computing
without a sign of life. A child that is killed, or that neither works nor answers (it was stopped,
or waits for a disk), and I/O errors are faults of the run: tried again once, then `RunFaultError`.
"""

from __future__ import annotations

import errno
import inspect
import logging
import signal
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass
from threading import Lock
from typing import Any, Protocol, TypeVar, get_type_hints

import numpy as np

from facewave.jobs.clip_errors import RunFaultError, UnexpectedError, WorkerError
from facewave.jobs.memory import killed_for_memory
from facewave.video.child_process import (
    Child,
    DiedError,
    GrewError,
    StalledError,
    how_it_died,
)
from facewave.video.decode import BeyondLimitsError, Limits, UnreadableVideoError
from facewave.video.reader import ALIVE, READY, rebuilt

_log = logging.getLogger("facewave")

T = TypeVar("T")
WORKER = "facewave.video.reader"

_START_SECONDS = 300.0
_DTYPES = ("|u1", "<i2", "<i4", "<i8", "<f4", "<f8")
_CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_UNABLE = (
    "the process that reads clips died before it read one ({how}): look above this in the log for "
    "what it printed, and try `python -m facewave.jobs.system_libraries`"
)
_KILLED = (
    "{clip}: the process that reads it was killed ({how}), in all likelihood by the kernel because "
    "the job or the machine ran out of memory. No clip is flagged for it. Give the job more memory "
    "(on a cluster mem_mb of its rule, which grows with each attempt), or run fewer jobs at once "
    "(--cores), and run again: finished clips stay. If it is always this clip, set video.memory_mb "
    "below what the job may use: then the clip is flagged"
)
_FAILED = "{clip}: {how}. No clip is flagged for it; run again: finished clips stay"


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What reading a clip may take (config section `video`).

    Attributes:
        max_pixels, max_seconds: see `facewave.video.decode.Limits`.
        memory_mb: memory of the child process itself, in MB.
        stall_seconds: longest time without a frame.
    """

    max_pixels: int = Limits.max_pixels
    max_seconds: float = Limits.max_seconds
    memory_mb: int = 2000
    stall_seconds: float = 120.0

    @property
    def limits(self) -> Limits:
        """What a video may be at most."""
        return Limits(max_pixels=self.max_pixels, max_seconds=self.max_seconds)


class Read(Protocol):
    """Calls a function that opens a media file, in another process or here."""

    def __call__(
        self,
        function: Callable[..., T],
        /,
        *,
        raises: tuple[type[Exception], ...] = (),
        prepare: Callable[..., Any] | None = None,
        **arguments: Any,
    ) -> T:
        """Return what `function(**arguments)` returns; see `IsolatedReader.__call__`."""


def read_here(
    function: Callable[..., T],
    /,
    *,
    raises: tuple[type[Exception], ...] = (),
    prepare: Callable[..., Any] | None = None,
    **arguments: Any,
) -> T:
    """Call a function in this process: for files that are known to be harmless."""
    del raises, prepare
    return function(**arguments)


class _OwnError(Exception):
    """What the child did to itself: the clip's own doing."""


class _FaultError(Exception):
    """What was done to the child; `final` if another attempt would make it worse."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class IsolatedReader:
    """Calls functions in a child process; the child is started with the first call."""

    def __init__(self, bounds: Bounds | None = None, *, module: str = WORKER) -> None:
        """Keep the options.

        Args:
            bounds: what reading a clip may take.
            module: run as the child; it calls `facewave.video.reader.serve`.
        """
        self.bounds = bounds or Bounds()
        self._module = module
        self._children: list[Child] = []
        self._lock = Lock()
        weakref.finalize(self, _end_all, self._children)

    def __call__(
        self,
        function: Callable[..., T],
        /,
        *,
        raises: tuple[type[Exception], ...] = (),
        prepare: Callable[..., Any] | None = None,
        **arguments: Any,
    ) -> T:
        """Return what a function returns; it is called in the child.

        Args:
            function: of a module that the child can import. Its arguments, dataclasses and paths
                among them, travel as JSON; what it returns does so too, but for arrays (also in a
                list), whose bytes follow. A parameter `limits` is filled in.
            raises: errors of the function that the caller knows.
            prepare: called once with the same arguments before the child's first call of this
                function; if it fails or crashes, that is not the clip's doing.
            arguments: of the function; `path` is the file that it reads.

        Raises:
            UnreadableVideoError: if the file's bytes are to blame, for what the function said or
                for what they did to the child twice.
            RunFaultError: if the run or the machine failed, twice.
            WorkerError: if the child does not get ready, or misses a module.
            UnexpectedError: if the function raised anything else.
            OSError: if something cannot be written, since the disk is full or read-only.
        """
        name = f"{function.__module__}:{function.__qualname__}"
        if "limits" in inspect.signature(function).parameters:
            arguments.setdefault("limits", self.bounds.limits)
        request = {
            "function": name,
            "prepare": prepare and f"{prepare.__module__}:{prepare.__qualname__}",
            "arguments": arguments,
        }
        known = {kind.__name__: kind for kind in (*raises, BeyondLimitsError, UnreadableVideoError)}
        clip = arguments.get("path")
        own = faults = 0
        with self._lock:
            while True:
                try:
                    value = self._ask(request, known)
                    break
                except _OwnError as error:
                    own += 1
                    _log.warning("%s: %s (attempt %d)", clip, error, own + faults)
                    if own == 2:
                        raise UnreadableVideoError(str(error)) from None
                except _FaultError as error:
                    faults += 1
                    _log.warning("%s (attempt %d)", error, own + faults)
                    if faults == 2 or error.final:
                        raise RunFaultError(str(error)) from None
        hint = get_type_hints(function).get("return")
        if isinstance(value, dict) and isinstance(hint, type) and is_dataclass(hint):
            value = hint(**rebuilt(value, get_type_hints(hint)))
        return value  # type: ignore[no-any-return]

    def _ask(self, request: dict[str, Any], known: dict[str, type[Exception]]) -> Any:
        """Return the child's answer; raise one of the errors above."""
        name, clip = request["function"], request["arguments"].get("path")
        kills = killed_for_memory()
        child = self._living()
        try:
            child.send(request)
            answer = self._answer(child, name)
            if "error" not in answer:
                return self._value(child, answer)
        except StalledError as stalled:
            self.close()
            if name not in child.ready:
                raise WorkerError(_UNABLE.format(how="no sign of life")) from None
            raise self._stalled(clip, busy=stalled.busy) from None
        except GrewError:
            self.close()
            raise _OwnError(self._too_much()) from None
        except _OwnError:
            self.close()
            raise
        except DiedError:
            code = self._children.pop().end(died=True)
            how = how_it_died(code)
            killed = killed_for_memory() > kills
            if code == -signal.SIGKILL:
                raise _FaultError(_KILLED.format(clip=clip, how=how), final=killed) from None
            if name not in child.ready:
                raise WorkerError(_UNABLE.format(how=how)) from None
            if code >= 0 or -code in _CRASHES:
                raise _OwnError(f"reading it crashes the process ({how})") from None
            how = f"the process that reads it was ended ({how})"
            raise _FaultError(_FAILED.format(clip=clip, how=how)) from None
        except (KeyboardInterrupt, SystemExit):
            # Before the caller tidies up: the child may still write a file for it.
            self.close()
            raise
        raise self._error(answer, clip, known, ready=name in child.ready)

    def _too_much(self) -> str:
        return f"reading it takes more than {self.bounds.memory_mb} MB of memory (video.memory_mb)"

    def _stalled(self, clip: Any, *, busy: bool) -> Exception:
        seconds = f"{self.bounds.stall_seconds:g} s"
        if busy:
            return _OwnError(
                f"the decoder works on it without a frame for {seconds} (video.stall_seconds)"
            )
        how = (
            f"the process that reads it neither worked nor answered for {seconds} "
            "(video.stall_seconds): it was stopped, or it waits for a disk or a network"
        )
        return _FaultError(_FAILED.format(clip=clip, how=how))

    def _answer(self, child: Child, name: str) -> dict[str, Any]:
        while True:
            # Loading libraries from a busy file system takes long, and is not the clip's fault.
            stall = self.bounds.stall_seconds
            stall = stall if name in child.ready else max(stall, _START_SECONDS)
            answer = child.line(stall=stall, memory_mb=self.bounds.memory_mb)
            child.sign()
            if answer.get("sign") == READY:
                child.ready.add(name)
            elif answer.get("sign") != ALIVE:
                return answer

    def _value(self, child: Child, answer: dict[str, Any]) -> Any:
        arrays = []
        room = self.bounds.memory_mb * 1_000_000
        for dtype, shape in answer["arrays"]:
            size = np.dtype(dtype).itemsize if dtype in _DTYPES else 0
            for side in shape:
                size *= int(side)
            room -= size
            if dtype not in _DTYPES or room < 0 or any(side < 0 for side in shape):
                raise _OwnError("reading it makes the process answer nonsense")
            arrays.append(np.frombuffer(self._bytes(child, size), dtype).reshape(shape))
        return _with_arrays(answer["value"], arrays)

    def _bytes(self, child: Child, count: int) -> bytearray:
        bounds = self.bounds
        return child.take(count, stall=bounds.stall_seconds, memory_mb=bounds.memory_mb)

    def _error(
        self, answer: dict[str, Any], clip: Any, known: dict[str, type[Exception]], *, ready: bool
    ) -> Exception:
        name, message, number = answer["error"], answer["message"], answer["errno"]
        if name in known:
            return known[name](message)
        if not ready or "ImportError" in answer["kinds"]:
            return WorkerError(f"{name}: {message}")
        if number in _FULL:
            return OSError(number, message)
        if "OSError" in answer["kinds"]:
            # Two times the same complaint about a file that can be read whole: its own damage.
            if answer["readable"]:
                return _OwnError(f"it cannot be decoded: {message}")
            return _FaultError(_FAILED.format(clip=clip, how=message or name))
        if name == "MemoryError":
            if answer["free_mb"] > self.bounds.memory_mb:
                return _OwnError(self._too_much())
            return _FaultError(_KILLED.format(clip=clip, how="memory could not be had"))
        return UnexpectedError(f"{name}: {message}")

    def _living(self) -> Child:
        """Return the child; a new one if there is none, or it ended with nothing to do."""
        if self._children and self._children[0].process.poll() is not None:
            self.close()
        if not self._children:
            self._children.append(Child.start(self._module))
        return self._children[0]

    def close(self) -> None:
        """Kill the child, if there is one."""
        _end_all(self._children)


@contextmanager
def isolated_reader(
    bounds: Bounds | None = None, *, module: str = WORKER
) -> Iterator[IsolatedReader]:
    """Provide an `IsolatedReader` whose child ends with the block."""
    reader = IsolatedReader(bounds, module=module)
    try:
        yield reader
    finally:
        reader.close()


def _end_all(children: list[Child]) -> None:
    while children:
        children.pop().end()


def _with_arrays(value: Any, arrays: list[Any]) -> Any:
    if isinstance(value, dict) and set(value) == {"array"}:
        return arrays[value["array"]]
    if isinstance(value, list):
        return [_with_arrays(part, arrays) for part in value]
    return value
