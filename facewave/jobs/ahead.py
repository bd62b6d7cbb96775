"""Work that is done ahead of time, in threads, while its results are used one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 8


def ahead(
    function: Callable[[T], R], items: Iterable[T], *, threads: int, count: int = _AHEAD
) -> Generator[R]:
    """Yield what a function returns for each of `items`, in their order.

    The first error is raised where its result would come; what was not begun then is not done.

    Args:
        function: called in threads.
        items: its arguments.
        threads: at most.
        count: results that are kept ready.
    """
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[R]] = deque()
        rest = iter(items)
        try:
            while True:
                while len(waiting) < count:
                    try:
                        item = next(rest)
                    except StopIteration:
                        break
                    waiting.append(pool.submit(function, item))
                if not waiting:
                    return
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
