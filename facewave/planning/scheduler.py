"""One timer instead of thousands in Snakemake's scheduler.

If the number of jobs per timespan is limited, which is the default, Snakemake 9.27 starts a timer
at the end of every round of scheduling. Each timer starts another round, and that round another
timer. So there are as many timers as jobs have ended, each returns after every timespan, and a run
waits for the last of them before it ends. With hundreds of ready jobs the main process does nothing
else. docs/design.md has a minimal case and the text of a report.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

# What is replaced is private to Snakemake: another version may need it as it is. Before adding one,
# compare its snakemake/scheduling/job_scheduler.py and run the minimal case of docs/design.md.
MADE_FOR = ("9.27.0", "9.27.1")


def start_one_timer_at_a_time(scheduler: Any, version: str) -> None:
    """Let a scheduler start a timer only if none is running, and not wait for it at the end.

    A round that finds the limit reached is repeated when the running timer ends, at most one
    timespan later; the timers have no other purpose. The scheduler of a version that this was not
    made for is left as it is, with a note on standard error.

    Args:
        scheduler: Snakemake's `JobScheduler`, changed in place.
        version: Snakemake's version.
    """
    if version not in MADE_FOR:
        print(
            f"facewave: Snakemake {version} keeps its own timers: facewave replaces those of"
            f" {' and '.join(MADE_FOR)} alone. Results are the same; if a run with many jobs is"
            f" slow or waits at its end, install snakemake=={MADE_FOR[-1]}",
            file=sys.stderr,
        )
        return
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
