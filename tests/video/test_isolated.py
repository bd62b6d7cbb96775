"""Files that crash, hang or fill the process that reads them: what is their own doing, what not."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from facewave.jobs.clip_errors import RunFaultError, UnexpectedError, WorkerError
from facewave.video import isolated
from facewave.video.decode import UnreadableVideoError
from facewave.video.isolated import Bounds, IsolatedReader, isolated_reader, read_here
from tests.video import misbehaving as bad

ROOT = Path(__file__).parents[2]


@pytest.fixture
def read():
    with isolated_reader(Bounds(stall_seconds=20, memory_mb=400)) as reader:
        yield reader


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"bytes")
    return path


class TestAnswers:
    def test_dataclasses_paths_and_limits(self, clip):
        with isolated_reader(Bounds(max_pixels=77)) as read:
            assert read(bad.describe, path=clip) == bad.Facts("clip.mp4", 77)

    def test_arrays(self, read, clip):
        first, empty, text = read(bad.arrays, path=clip)
        np.testing.assert_array_equal(first, np.arange(12).reshape(3, 4))
        assert (first.dtype, empty.shape, text) == (np.int32, (2, 0, 3), "x")

    def test_one_process_serves_all_calls(self, read, clip):
        assert read(bad.process, path=clip) == read(bad.process, path=clip) != os.getpid()

    def test_a_name_that_is_not_utf_8(self, read, tmp_path):
        path = Path(os.fsdecode(bytes(tmp_path) + b"/\xff\n.mp4"))
        assert read(bad.describe, path=path).name == path.name

    def test_what_a_library_prints_is_no_answer(self, read, clip):
        assert read(bad.noisy, path=clip) == "quiet"

    def test_no_call_starts_no_process(self, monkeypatch):
        monkeypatch.setattr(subprocess, "Popen", None)
        with isolated_reader():
            pass

    def test_here(self, clip):
        assert read_here(bad.process, path=clip, raises=(ValueError,)) == os.getpid()


@pytest.mark.parametrize(("processors", "kept"), [(1, 4000), (4, 1000), (1000, 7)])
def test_free_memory_that_threads_keep_does_not_grow_with_their_number(
    read, clip, monkeypatch, processors, kept
):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(processors)))
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.perturb=0")
    tunables = f"glibc.malloc.tcache_count={kept}:glibc.malloc.perturb=0"
    assert read(bad.malloc, path=clip) == tunables


class TestOwnDoing:
    """What the bytes do to the process flags the clip; the next call has a new process."""

    @pytest.mark.parametrize(
        ("function", "given", "reason"),
        [
            (bad.crash, {}, r"crashes the process \(signal 11, SIGSEGV\)"),
            (bad.crash_by, {"number": signal.SIGABRT}, r"\(signal 6, SIGABRT\)"),
            (bad.crash_by, {"number": signal.SIGILL}, r"\(signal 4, SIGILL\)"),
            (bad.leave, {}, r"\(exit code 3\)"),
            (bad.grow, {}, r"more than 400 MB of memory \(video.memory_mb\)"),
            (bad.huge, {}, r"more than 400 MB of memory \(video.memory_mb\)"),
            (bad.damage, {}, r"it cannot be decoded: as FFmpeg says of damage"),
            (bad.objects, {}, r"answer nonsense"),
            (bad.refuse, {}, r"^nothing to see$"),
        ],
    )
    def test_flags(self, read, clip, function, given, reason):
        with pytest.raises(UnreadableVideoError, match=reason):
            read(function, path=clip, **given)
        assert read(bad.noisy, path=clip) == "quiet"

    def test_computing_without_end(self, clip):
        with isolated_reader(Bounds(stall_seconds=1.0)) as read:
            with pytest.raises(
                UnreadableVideoError, match=r"without a frame for 1 s \(video\.stall"
            ):
                read(bad.spin, path=clip)
            assert read(bad.noisy, path=clip) == "quiet"

    def test_a_crash_that_does_not_come_again(self, read, clip):
        assert read(bad.once, path=clip, number=signal.SIGSEGV) == "read"


class TestFaults:
    """What is done to the process, or to the machine, flags no clip."""

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
    def test_a_process_that_is_ended_from_outside(self, read, clip, number):
        assert read(bad.once, path=clip, number=number) == "read"
        with pytest.raises(RunFaultError, match=rf"clip\.mp4: .*{signal.Signals(number).name}"):
            read(bad.crash_by, path=clip, number=number)
        assert read(bad.noisy, path=clip) == "quiet"

    @pytest.mark.parametrize("function", [bad.sleep, bad.stop])
    def test_a_process_that_waits_or_is_stopped(self, clip, function):
        with isolated_reader(Bounds(stall_seconds=0.5)) as read:
            with pytest.raises(RunFaultError, match=r"clip\.mp4: .*neither worked nor answered"):
                read(function, path=clip)
            assert read(bad.noisy, path=clip) == "quiet"

    def test_a_process_that_worked_and_then_waits(self, clip):
        with (
            isolated_reader(Bounds(stall_seconds=2.0)) as read,
            pytest.raises(RunFaultError, match=r"clip\.mp4: .*neither worked nor answered"),
        ):
            read(bad.spin_and_sleep, path=clip)

    def test_slow_is_not_standing_still(self, clip):
        with isolated_reader(Bounds(stall_seconds=1.9)) as read:
            assert read(bad.slow, path=clip) == "done"

    def test_what_the_kernel_killed_for_memory_is_not_tried_again(self, read, clip, monkeypatch):
        counts = iter([5, 6])
        monkeypatch.setattr(isolated, "killed_for_memory", lambda: next(counts))
        with pytest.raises(RunFaultError, match=r"clip\.mp4: .* ran out of memory"):
            read(bad.crash_by, path=clip, number=signal.SIGKILL)

    def test_an_io_error(self, read, clip):
        with pytest.raises(RunFaultError, match=r"clip\.mp4: Input/output error"):
            read(bad.fail, path=clip, number=errno.EIO)

    def test_an_io_error_of_the_decoder_where_the_file_cannot_be_read(self, read, tmp_path):
        with pytest.raises(RunFaultError, match=r"gone\.mp4: as FFmpeg says"):
            read(bad.damage, path=tmp_path / "gone.mp4")

    def test_a_full_disk_is_told_as_it_is(self, read, clip):
        with pytest.raises(OSError, match="No space left on device") as caught:
            read(bad.fail, path=clip, number=errno.ENOSPC)
        assert caught.value.errno == errno.ENOSPC

    def test_mistakes_are_named(self, read, clip):
        with pytest.raises(UnexpectedError, match="KeyError: 'a mistake of ours'"):
            read(bad.mistake, path=clip)
        with pytest.raises(bad.KnownError, match="as expected"):
            read(bad.known, path=clip, raises=(bad.KnownError,))


class TestUnable:
    """A process that never gets ready says nothing about clips."""

    def test_preparing_crashes(self, read, clip):
        with pytest.raises(WorkerError, match=r"died before it read one \(signal 11, SIGSEGV\)"):
            read(bad.noisy, path=clip, prepare=bad.unprepared)

    def test_preparing_hangs(self, clip, monkeypatch):
        monkeypatch.setattr(isolated, "_START_SECONDS", 0.5)
        with (
            isolated_reader(Bounds(stall_seconds=0.5)) as read,
            pytest.raises(WorkerError, match=r"died before it read one \(no sign of life\)"),
        ):
            read(bad.noisy, path=clip, prepare=bad.sleep)

    def test_preparing_fails(self, read, clip):
        with pytest.raises(WorkerError, match="KeyError"):
            read(bad.noisy, path=clip, prepare=bad.mistake)

    def test_a_module_is_missing(self, read, clip):
        with pytest.raises(WorkerError, match="ModuleNotFoundError: no module named scenedetect"):
            read(bad.missing, path=clip)

    def test_it_does_not_start(self, clip):
        with (
            isolated_reader(module="facewave.no_such_module") as read,
            pytest.raises(WorkerError, match=r"died before it read one \(exit code 1\)"),
        ):
            read(bad.noisy, path=clip)


def test_a_child_that_died_between_calls_costs_nothing(read, clip):
    os.kill(read(bad.process, path=clip), signal.SIGKILL)
    time.sleep(0.2)
    assert read(bad.noisy, path=clip) == "quiet"


def test_a_forgotten_reader_leaves_no_process(clip):
    reader = IsolatedReader()
    child = reader(bad.process, path=clip)
    del reader
    assert not Path(f"/proc/{child}").exists()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_a_signal_ends_the_child_before_the_caller_tidies_up(read, clip, kind):
    child = read(bad.process, path=clip)

    def end(number, frame):
        raise kind

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(kind):
            read(bad.sleep, path=clip)
        assert not Path(f"/proc/{child}").exists()
    finally:
        signal.signal(signal.SIGALRM, before)


def test_the_child_ends_with_its_parent(tmp_path):
    script = (
        "import sys, time; from pathlib import Path\n"
        "from facewave.video.isolated import IsolatedReader\n"
        "from tests.video import misbehaving as bad\n"
        "read = IsolatedReader()\n"
        "Path(sys.argv[1]).write_text(str(read(bad.process, path=Path('x'))))\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "child")], cwd=ROOT)
    deadline = time.monotonic() + 30
    while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    child = int((tmp_path / "child").read_text())
    while Path(f"/proc/{child}").exists() and state(child) != "Z":
        assert time.monotonic() < deadline, "the child outlives its parent"
        time.sleep(0.05)


def state(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"
