"""A child process that answers in lines and bytes; its life, work and memory are watched."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

_ROOT = str(Path(__file__).resolve().parents[2])
_TICK_SECONDS = 0.1
# A child was busy in a stall if one of its threads was ready to run for most of its second half (to
# look takes longer than everything else here), and it did get some processor time: how much depends
# on what else runs on the machine.
_BUSY_PART, _CPU_PART = 0.5, 0.05
_LONGEST_LINE = 64 << 20
# MediaPipe's threads, as many as processors, hand each other thousands of small blocks per frame.
# So many free ones of a size, kept by all together, take 1 % off tracking for 50 MB of memory.
_FREE_BLOCKS = 4000


class DiedError(Exception):
    """The child ended before it answered."""


class GrewError(Exception):
    """The child takes more memory than it may."""


class StalledError(Exception):
    """The child gave no sign of life; `busy` says whether it computed meanwhile."""

    def __init__(self, *, busy: bool) -> None:
        """Take whether it computed."""
        super().__init__()
        self.busy = busy


@dataclass
class Child:
    """A child process.

    Attributes:
        process: the process.
        descriptor: of the pipe that its answers come from.
        ready: names of the functions that it is ready to call.
        buffer: bytes of answers that were not taken yet.
        waited: seconds without a sign of life.
        watched: those of them in which its threads were looked at.
        busy: those of these in which one was ready to run.
        cpu: its processor time at the last sign of life, in seconds.
    """

    process: subprocess.Popen[str]
    descriptor: int
    ready: set[str] = field(default_factory=set)
    buffer: bytearray = field(default_factory=bytearray, repr=False)
    waited: float = 0.0
    watched: float = 0.0
    busy: float = 0.0
    cpu: float = 0.0

    @classmethod
    def start(cls, module: str) -> Child:
        """Start a Python module as a child; its argument is the descriptor for its answers."""
        read, write = os.pipe()
        path = os.pathsep.join(filter(None, [_ROOT, os.environ.get("PYTHONPATH")]))
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", module, str(write)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=(write,),
                env=os.environ | {"PYTHONPATH": path} | _malloc(),
                text=True,
            )
        except BaseException:
            os.close(read)
            raise
        finally:
            os.close(write)
        return cls(process, read)

    def send(self, request: dict[str, Any]) -> None:
        """Send a request as a line of JSON; raises DiedError if the child has ended."""
        assert self.process.stdin is not None
        self.sign()
        try:
            self.process.stdin.write(json.dumps(request, default=_plain) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise DiedError from None

    def sign(self) -> None:
        """Note a sign of life."""
        self.waited = self.watched = self.busy = 0.0
        self.cpu = _cpu_seconds(self.process.pid)

    def line(self, *, stall: float, memory_mb: float) -> dict[str, Any]:
        """Return the next line of its answers.

        Raises:
            DiedError: if it ended.
            StalledError: if it gave no sign of life for `stall` seconds.
            GrewError: if it has more than `memory_mb` MB of memory for itself.
        """
        searched = 0
        while (end := self.buffer.find(b"\n", searched)) < 0:
            searched = len(self.buffer)
            if searched > _LONGEST_LINE:
                raise GrewError
            self._receive(stall, memory_mb)
        found: dict[str, Any] = json.loads(self.buffer[:end])
        del self.buffer[: end + 1]
        return found

    def take(self, count: int, *, stall: float, memory_mb: float) -> bytearray:
        """Return the next `count` bytes of its answers; see `line`."""
        while len(self.buffer) < count:
            self._receive(stall, memory_mb)
        if len(self.buffer) == count:
            taken, self.buffer = self.buffer, bytearray()
            return taken
        taken = self.buffer[:count]
        del self.buffer[:count]
        return taken

    def _receive(self, stall: float, memory_mb: float) -> None:
        started = time.monotonic()
        there = select.select([self.descriptor], [], [], _TICK_SECONDS)[0]
        if there:
            chunk = os.read(self.descriptor, 1 << 20)
            if not chunk:
                raise DiedError
            self.buffer += chunk
            return
        # If this process was stopped itself, that time is not the child's.
        passed = min(time.monotonic() - started, 1.0)
        self.waited += passed
        if self.waited > stall / 2:
            self.watched += passed
            self.busy += passed * _is_running(self.process.pid)
        if _own_memory_mb(self.process.pid) > memory_mb:
            raise GrewError
        if self.waited >= stall:
            worked = _cpu_seconds(self.process.pid) - self.cpu >= _CPU_PART * stall
            raise StalledError(busy=worked and self.busy >= _BUSY_PART * self.watched)

    def end(self, *, died: bool = False) -> int:
        """Kill the child; return its exit code, which tells how it died if it `died` already."""
        if died:
            # Its pipe closes a moment before its exit code is available.
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=5)
        self.process.kill()
        with suppress(OSError):
            self.process.communicate()
        os.close(self.descriptor)
        return int(self.process.returncode)


def _malloc() -> dict[str, str]:
    """Return what tells glibc how many free blocks of a size a thread keeps; the user's last."""
    if sys.platform != "linux":
        return {}
    kept = max(7, _FREE_BLOCKS // len(os.sched_getaffinity(0)))  # glibc's own are 7
    own = os.environ.get("GLIBC_TUNABLES")
    return {"GLIBC_TUNABLES": ":".join(filter(None, [f"glibc.malloc.tcache_count={kept}", own]))}


def _plain(value: Any) -> Any:
    """Return a value for JSON: paths as text, dataclasses as their fields."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return os.fspath(value)


def how_it_died(code: int) -> str:
    """Return an exit code in words, of a signal its name."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code}, {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def _cpu_seconds(process: int) -> float:
    """Return the processor time of all threads of a process; 0 where it is not known."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
        user, system = text.rpartition(")")[2].split()[11:13]
    except (OSError, ValueError):
        return 0.0
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _is_running(process: int) -> bool:
    """Return whether a thread of a process runs or is ready to; not if it waits or was stopped."""
    with suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            with suppress(OSError):
                text = (thread / "stat").read_text(encoding="ascii", errors="replace")
                if text.rpartition(")")[2].split()[0] == "R":
                    return True
    return False


def _own_memory_mb(process: int) -> float:
    """Return the memory that a process has for itself alone, in MB; 0 where it is not known."""
    try:
        text = Path(f"/proc/{process}/statm").read_text(encoding="ascii")
        _, resident, shared = (int(pages) for pages in text.split()[:3])
    except (OSError, ValueError):
        return 0.0
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE") / 1e6
