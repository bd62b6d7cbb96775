"""Signs of life: long work says that it goes on, and a process that watches it may listen."""

from __future__ import annotations

from collections.abc import Callable


def _nobody() -> None:
    """Nobody listens."""


_listener: Callable[[], None] = _nobody


def alive() -> None:
    """Say that the work goes on: after each frame, packet or block of bytes."""
    _listener()


def report_to(listener: Callable[[], None]) -> None:
    """Have `alive` call a function; only a process that is watched by another one does so."""
    global _listener
    _listener = listener
