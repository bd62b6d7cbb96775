import threading

from snakemake.scheduling.job_scheduler import JobScheduler

from facewave.planning.scheduler import start_one_timer_at_a_time


class Scheduler:
    def __init__(self):
        self._open_jobs = threading.Semaphore(0)


def timers():
    return [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_many_rounds_start_one_timer_which_starts_a_round():
    scheduler, before = Scheduler(), len(timers())
    start_one_timer_at_a_time(scheduler)
    for _ in range(100):
        scheduler._schedule_reevalutation(0.2)
    started = timers()
    assert len(started) == before + 1
    assert started[-1].daemon
    assert scheduler._open_jobs.acquire(timeout=10)
    assert not scheduler._open_jobs.acquire(timeout=0.3)


def test_a_round_can_ask_for_the_next_timer_at_once():
    scheduler = Scheduler()
    start_one_timer_at_a_time(scheduler)
    for _ in range(50):
        scheduler._schedule_reevalutation(0)
        assert scheduler._open_jobs.acquire(timeout=10)


def test_snakemake_still_has_what_is_replaced():
    assert callable(JobScheduler._schedule_reevalutation)
    assert "_open_jobs" in JobScheduler.schedule.__code__.co_names
