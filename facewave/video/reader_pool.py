"""Several isolated readers, for threads that read at the same time."""

from __future__ import annotations

from collections.abc import Callable
from queue import LifoQueue
from typing import Any, TypeVar

from facewave.video.isolated import Bounds, IsolatedReader

T = TypeVar("T")


class ReaderPool:
    """Calls functions as `IsolatedReader` does, up to `count` of them at a time.

    Each reader has a child process of its own, started when it is first needed: one thread alone
    always gets the same one.
    """

    def __init__(self, bounds: Bounds | None = None, *, count: int) -> None:
        """Keep the options.

        Args:
            bounds: what reading a clip may take, for each of the readers.
            count: number of readers.
        """
        self._free: LifoQueue[IsolatedReader] = LifoQueue()
        for _ in range(count):
            self._free.put(IsolatedReader(bounds))

    def __call__(
        self,
        function: Callable[..., T],
        /,
        *,
        raises: tuple[type[Exception], ...] = (),
        prepare: Callable[..., Any] | None = None,
        **arguments: Any,
    ) -> T:
        """See `IsolatedReader`; waits where all readers read."""
        reader = self._free.get()
        try:
            return reader(function, raises=raises, prepare=prepare, **arguments)
        finally:
            self._free.put(reader)
