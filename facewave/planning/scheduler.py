"""One timer in place of thousands in Snakemake's scheduler.

Where the number of jobs a timespan is limited, which it is by default, Snakemake 9.27 starts a
timer at the end of every round of scheduling. A timer starts another round, and that another timer:
there are as many of them as jobs have ended, each comes back after every timespan, and a run waits
for the last of them before it ends. With hundreds of ready jobs the main process does nothing else.
"""

from __future__ import annotations

import threading
from typing import Any


def start_one_timer_at_a_time(scheduler: Any) -> None:
    """Let a scheduler start a timer only where none is running, and not wait for it at the end.

    A round that finds the limit reached is repeated when the running timer ends, at most a timespan
    later; that is all that the timers are for.

    Args:
        scheduler: Snakemake's `JobScheduler`, changed in place.
    """
    waiting = threading.Event()

    def fire() -> None:
        # First this: the round that is started here may ask for the next timer at once.
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
