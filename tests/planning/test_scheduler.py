import re
import threading
from pathlib import Path

import pytest
from snakemake.scheduling.job_scheduler import JobScheduler

from facewave.planning.scheduler import MADE_FOR, start_one_timer_at_a_time

ROOT = Path(__file__).resolve().parents[2]


class Scheduler:
    def __init__(self):
        self._open_jobs = threading.Semaphore(0)


def timers():
    return [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_many_rounds_start_one_timer_which_starts_a_round():
    scheduler, before = Scheduler(), len(timers())
    start_one_timer_at_a_time(scheduler, MADE_FOR[-1])
    for _ in range(100):
        scheduler._schedule_reevalutation(0.2)
    started = timers()
    assert len(started) == before + 1
    assert started[-1].daemon
    assert scheduler._open_jobs.acquire(timeout=10)
    assert not scheduler._open_jobs.acquire(timeout=0.3)


def test_a_round_can_ask_for_the_next_timer_at_once():
    scheduler = Scheduler()
    start_one_timer_at_a_time(scheduler, MADE_FOR[-1])
    for _ in range(50):
        scheduler._schedule_reevalutation(0)
        assert scheduler._open_jobs.acquire(timeout=10)


def test_snakemake_still_has_what_is_replaced():
    assert callable(JobScheduler._schedule_reevalutation)
    assert "_open_jobs" in JobScheduler.schedule.__code__.co_names


@pytest.mark.parametrize("version", ["9.26.1", "9.27.2", "9.28.0", "9.27.1+fork", "10.0.0"])
def test_another_version_keeps_its_own_timers_and_says_so(version, capsys):
    scheduler = Scheduler()
    start_one_timer_at_a_time(scheduler, version)
    assert not hasattr(scheduler, "_schedule_reevalutation")
    told = capsys.readouterr().err
    assert f"Snakemake {version} keeps its own timers" in told
    assert told.endswith(f"install snakemake=={MADE_FOR[-1]}\n")


@pytest.mark.parametrize("version", MADE_FOR)
def test_the_versions_that_it_was_made_for_get_one_timer_without_a_word(version, capsys):
    scheduler = Scheduler()
    start_one_timer_at_a_time(scheduler, version)
    assert callable(scheduler._schedule_reevalutation)
    assert capsys.readouterr().err == ""


def test_it_was_made_for_the_pinned_version():
    pinned = re.search(r"^snakemake==(\S+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert pinned[1] in MADE_FOR
