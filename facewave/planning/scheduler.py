"""One timer instead of thousands in Snakemake's scheduler.

If the number of jobs per timespan is limited, which is the default, Snakemake 9.27 starts a timer
at the end of every round of scheduling. Each timer starts another round, and that round another
timer. So there are as many timers as jobs have ended, each returns after every timespan, and a run
waits for the last of them before it ends. With hundreds of ready jobs the main process does nothing
else.
"""

from __future__ import annotations

import threading
from typing import Any


def start_one_timer_at_a_time(scheduler: Any) -> None:
    """Let a scheduler start a timer only if none is running, and not wait for it at the end.

    A round that finds the limit reached is repeated when the running timer ends, at most one
    timespan later; the timers have no other purpose.

    Args:
        scheduler: Snakemake's `JobScheduler`, changed in place.
    """
    waiting = threading.Event()

    def fire() -> None:
        # Cleared first: the round that starts here may request the next timer at once.
        waiting.clear()
        scheduler._open_jobs.release()

    def start(delay: float) -> None:
        if waiting.is_set():
            return
        waiting.set()
        timer = threading.Timer(delay, fire)
        timer.daemon = True
        timer.start()

    scheduler._schedule_reevalutation = start
