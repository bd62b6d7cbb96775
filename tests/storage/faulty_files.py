"""A file system that fails at one step: the n-th write, rename, fsync or read below a folder.

Replaces what Python opens, renames, removes and syncs files with. A run is recorded first, which
counts the steps; then each step can be made to fail in each way that it can fail in.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

_FAILURES = {
    # `space` comes after half of the bytes, `short` is what the system may do at any time.
    "write": ("error", "space", "short", "kill"),
    "read": ("error", "short", "kill"),
    "rename": ("error", "kill", "killed after"),
    "fsync": ("error", "kill"),
    "unlink": ("error", "kill"),
    "open": ("error", "kill"),
}


class Killed(BaseException):
    """The process is no more: nothing that comes after has an effect."""


class FaultyFiles:
    """Counts the steps below a folder, and lets one of them fail.

    Attributes:
        steps: kind of each step so far.
    """

    def __init__(self, folder: Path, monkeypatch: Any, *, really_kill: bool = False) -> None:
        self._folder = os.path.realpath(folder)
        self._really = really_kill
        self.arm(None, "")
        self._open, self._os = io.open, {n: getattr(os, n) for n in ("replace", "unlink", "fsync")}
        monkeypatch.setattr(io, "open", self.open)
        monkeypatch.setattr(builtins, "open", self.open)
        monkeypatch.setattr(os, "replace", self._rename)
        monkeypatch.setattr(os, "unlink", lambda path, **kw: self._plain("unlink", path, **kw))
        monkeypatch.setattr(os, "fsync", self._fsync)

    def arm(self, step: int | None, failure: str) -> None:
        """Forget all steps; let step number `step` fail in this way."""
        self.steps: list[str] = []
        self._at, self._failure, self._dead = step, failure, False

    def cases(self) -> list[tuple[int, str]]:
        """Return each recorded step with each way in which it can fail."""
        return [(i, way) for i, kind in enumerate(self.steps) for way in _FAILURES[kind]]

    def step(self, kind: str) -> str:
        """Count a step; return how it fails, empty if it does not."""
        if self._dead:
            raise Killed
        self.steps.append(kind)
        return self._failure if len(self.steps) - 1 == self._at else ""

    def fail(self, failure: str) -> None:
        """Raise what a failure raises."""
        if failure in ("kill", "killed after"):
            if self._really:
                os.kill(os.getpid(), signal.SIGKILL)
            self._dead = True
            raise Killed
        code = errno.ENOSPC if failure == "space" else errno.EIO
        raise OSError(code, f"injected: {os.strerror(code)}")

    def open(self, file: Any, mode: str = "r", buffering: int = -1, *args: Any, **kw: Any) -> Any:
        """Do what `open` does; files below the folder get steps."""
        if not self._is_below(file):
            return self._open(file, mode, buffering, *args, **kw)
        if any(letter in mode for letter in "wxa+") and (failure := self.step("open")):
            self.fail(failure)
        binary = mode.replace("b", "").replace("t", "")
        raw = _FaultyFile(self, os.fspath(file), binary)
        if buffering == 0:
            return raw
        kind: Callable[[Any], Any] = io.BufferedReader
        if "+" in mode:
            kind = io.BufferedRandom
        elif binary != "r":
            kind = io.BufferedWriter
        return kind(raw) if "b" in mode else io.TextIOWrapper(kind(raw), *args, **kw)

    def _is_below(self, file: Any) -> bool:
        if not isinstance(file, str | os.PathLike):
            return False
        return os.path.realpath(file).startswith(self._folder + os.sep)

    def _plain(self, kind: str, path: Any, *args: Any, **options: Any) -> None:
        if self._is_below(path) and (failure := self.step(kind)):
            self.fail(failure)
        self._os[kind](path, *args, **options)

    def _rename(self, source: Any, target: Any, **options: Any) -> None:
        failure = self.step("rename") if self._is_below(source) else ""
        if failure == "killed after":
            self._os["replace"](source, target, **options)
        if failure:
            self.fail(failure)
        self._os["replace"](source, target, **options)

    def _fsync(self, handle: int) -> None:
        # Not carried out: what a disk does after a loss of power cannot be seen from here.
        if failure := self.step("fsync"):
            self.fail(failure)


class _FaultyFile(io.FileIO):
    def __init__(self, faults: FaultyFiles, path: str, mode: str) -> None:
        super().__init__(path, mode)
        self._faults = faults

    def write(self, data: Any) -> int:
        failure = self._faults.step("write")
        if not failure:
            return super().write(data)
        half = super().write(memoryview(data).cast("B")[: (len(data) + 1) // 2])
        if failure != "short":
            self._faults.fail(failure)
        return half

    def readinto(self, buffer: Any) -> int:
        failure = self._faults.step("read")
        if failure and failure != "short":
            self._faults.fail(failure)
        view = memoryview(buffer).cast("B")
        return super().readinto(view[: (len(view) + 1) // 2] if failure else view)

    def readall(self) -> bytes:
        if (failure := self._faults.step("read")) and failure != "short":
            self._faults.fail(failure)
        return super().readall()
