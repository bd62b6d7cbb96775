"""What a job says while it runs, and where its words go."""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from facewave.jobs import log as module
from facewave.jobs.log import Progress, job_log


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""

    class Clock:
        now = 100.0

    monkeypatch.setattr(module.time, "monotonic", lambda: Clock.now)
    return Clock


class TestProgress:
    def test_line(self):
        progress = Progress(200, done=50, computed=20, frames=3000)
        line = progress.line(25.0)
        assert line == "50/200 clips (20 computed), 2.00 clips/s, 120.0 frames/s, 75 s left"

    @pytest.mark.parametrize(("done", "seconds"), [(0, 5.0), (0, 0.0), (3, 0.0)])
    def test_line_before_there_is_a_rate(self, done, seconds):
        assert Progress(10, done=done).line(seconds).endswith("time left unknown")

    def test_says_something_every_few_seconds_and_at_the_end(self, clock, caplog):
        caplog.set_level(logging.INFO, "facewave")
        progress = Progress(5, every=10.0, started=100.0, reported=100.0)
        logged = []
        for seconds in (4.0, 9.9, 10.0, 12.0, 13.0):
            clock.now = 100.0 + seconds
            progress.step(computed=True, frames=30)
            logged.append(len(caplog.messages))
        assert logged == [0, 0, 1, 1, 2]
        assert caplog.messages[0].startswith("3/5 clips (3 computed), 0.30 clips/s, 9.0 frames/s")
        assert caplog.messages[1].endswith("0 s left")

    def test_clips_that_were_there_are_done_but_not_computed(self, clock):
        progress = Progress(3)
        progress.step(computed=False, frames=100)
        progress.step(computed=True, frames=30)
        assert (progress.done, progress.computed, progress.frames) == (2, 1, 30)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "logs" / "job.log"


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def say(text):
    logging.getLogger("facewave").info("%s", text)


class TestJobLog:
    def test_holds_log_python_and_c_in_order(self, log):
        with job_log(log):
            say("from the log")
            with os.fdopen(os.dup(2), "w") as stderr:
                print("from Python", file=stderr)
            os.write(2, b"from C\n")
        first, second, third = log.read_text().splitlines()
        assert first.endswith(" from the log")
        assert (second, third) == ("from Python", "from C")

    def test_everything_is_as_before_afterwards(self, log, capfd):
        logger = logging.getLogger("facewave")
        before = (list(logger.handlers), logger.level, open_files())
        with job_log(log):
            say("inside")
        after = (list(logger.handlers), logger.level, open_files())
        assert after == before
        os.write(2, b"outside\n")
        assert capfd.readouterr().err == "outside\n"
        assert "outside" not in log.read_text()

    @pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt(), SystemExit(3)])
    def test_an_exception_is_written_and_goes_on(self, log, capfd, error):
        with pytest.raises(type(error)) as raised, job_log(log):
            raise error
        assert raised.value is error
        text = log.read_text()
        assert text.startswith("Traceback (most recent call last)")
        assert type(error).__name__ in text
        os.write(2, b"outside\n")
        assert capfd.readouterr().err == "outside\n"

    def test_replaces_the_log_of_the_run_before(self, log):
        for text in ("first run, long line", "second"):
            with job_log(log):
                say(text)
        assert log.read_text().count("\n") == 1
        assert "second" in log.read_text()

    def test_two_jobs_one_after_the_other(self, log):
        for name in ("a.log", "b.log"):
            with job_log(log.with_name(name)):
                say(name)
        for name in ("a.log", "b.log"):
            assert log.with_name(name).read_text().strip().endswith(name)

    def test_without_a_file_everything_stays_where_it_is(self, capfd):
        with job_log(None):
            print("plain", file=sys.stderr)
        assert capfd.readouterr().err == "plain\n"

    def test_a_file_that_cannot_be_written_changes_nothing(self, tmp_path, capfd):
        before = open_files()
        with pytest.raises(IsADirectoryError), job_log(tmp_path):
            pass
        assert open_files() == before
        os.write(2, b"outside\n")
        assert capfd.readouterr().err == "outside\n"


def test_an_error_is_told_once_in_the_log_and_others_as_ever(log):
    program = (
        "import sys\nfrom facewave.jobs.log import job_log\n"
        "with job_log(sys.argv[1]):\n    raise ValueError('told here')\n"
    )
    command = [sys.executable, "-c", program, str(log)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    assert log.read_text().count("ValueError: told here") == 1
    command[2] = program.replace("    raise", "    pass\nraise")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr.endswith("ValueError: told here\n")


def test_a_job_that_slurm_ends_leaves_nothing_half_written(log):
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from facewave.jobs.log import job_log\n"
        "from facewave.storage.atomic import atomic_path\n"
        "log = Path(sys.argv[1])\n"
        "with job_log(log), atomic_path(log.with_name('result')) as temporary:\n"
        "    temporary.write_text('half')\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "    finally:\n"
        "        os.kill(os.getpid(), signal.SIGTERM)  # a second one, while it tidies up\n"
    )
    command = [sys.executable, "-c", program, str(log)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, "", "")
    assert [path.name for path in log.parent.iterdir()] == ["job.log"]
    assert "SIGTERM: the job ends here; what it finished stays" in log.read_text()


def test_sigterm_ends_the_process_again_after_a_job(log):
    with job_log(log):
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
