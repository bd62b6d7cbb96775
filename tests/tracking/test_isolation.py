"""Clips that crash or hang the process that tracks them are flagged; the others are tracked."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from facewave.jobs.memory import KilledForMemoryError
from facewave.storage.buckets import KeyRow, key_file_text
from facewave.storage.store import file_sha256, is_whole, shard_path
from facewave.storage.tables import iter_rows, write_text
from facewave.tracking.isolation import WorkerError, isolated_tracker
from facewave.tracking.landmarker import LandmarkerError, LandmarkerOptions
from facewave.tracking.track_bucket import TRACK_COLUMNS, TrackOptions, track_bucket
from tests.video.media import flat_frames, write_video


@pytest.fixture
def workers(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("GLOG_minloglevel", "2")


def track(folder, *names, model="a model", stall=30.0, module="tests.tracking.misbehaving_worker"):
    """Track clips of these names in one bucket; returns the rows of its index."""
    (folder / "model.task").write_text(model)
    options = TrackOptions(LandmarkerOptions(), 25.0, file_sha256(folder / "model.task"))
    rows = []
    for i, name in enumerate(names):
        clip = write_video(folder / f"{name}.mp4", flat_frames(4 + i))
        rows.append(KeyRow(f"c{i}", str(clip), "f"))
    write_text(folder / "keys.tsv", key_file_text(rows, options={}))
    with isolated_tracker(stall_seconds=stall, module=module) as tracker:
        track_bucket(
            folder / "keys.tsv",
            index=folder / "index.tsv",
            store=folder / "store",
            model=folder / "model.task",
            options=options,
            track=tracker,
        )
    return list(iter_rows(folder / "index.tsv", TRACK_COLUMNS))


def whole(folder, row):
    return is_whole(shard_path(folder / "store", "tracks", row["key"]))


@pytest.mark.parametrize(
    ("name", "reason"),
    [("segfault", "signal 11, SIGSEGV"), ("exit", "exit code 3")],
)
def test_a_clip_that_ends_the_process_is_flagged(workers, tmp_path, name, reason):
    before, bad, after = track(tmp_path, "first", name, "last")
    assert reason in bad["error"]
    assert not bad["key"]
    assert before["frames"] == "4"
    assert after["frames"] == "6"
    assert whole(tmp_path, before)
    assert whole(tmp_path, after)
    assert not list((tmp_path / "store").rglob("*.tmp*"))


def test_a_clip_that_hangs_is_flagged(workers, tmp_path):
    bad, good = track(tmp_path, "hang", "last", stall=5.0)
    assert bad["error"] == "no frame was processed for 5 s (landmarker.stall_seconds)"
    assert whole(tmp_path, good)


def test_a_slow_clip_is_not_a_standstill(workers, tmp_path):
    (row,) = track(tmp_path, "slow", stall=1.9)
    assert row["error"] == ""


def test_a_process_killed_from_outside_is_tried_again(workers, tmp_path):
    (row,) = track(tmp_path, "once")
    assert row["error"] == ""
    assert whole(tmp_path, row)


def test_a_process_that_is_killed_again_flags_no_clip(workers, tmp_path):
    with pytest.raises(KilledForMemoryError, match=r"killed\.mp4: .* memory.* more memory"):
        track(tmp_path, "first", "killed", "last")
    assert not (tmp_path / "index.tsv").exists()
    # What came before and after it is in the store.
    assert len(list((tmp_path / "store").rglob("*.npz"))) == 2
    first, killed = track(tmp_path, "first", "other")
    assert whole(tmp_path, first)
    assert killed["error"] == ""


def test_a_job_without_memory_does_not_try_all_its_clips(workers, tmp_path):
    names = [f"{number}/killed" for number in range(3)]
    for name in names:
        (tmp_path / name).parent.mkdir()
    with pytest.raises(KilledForMemoryError):
        track(tmp_path, *names, "last")
    assert not list((tmp_path / "store").rglob("*.npz"))


def test_what_the_kernel_killed_for_memory_is_not_tried_again(workers, tmp_path, monkeypatch):
    counts = iter([5, 6])
    monkeypatch.setattr("facewave.tracking.isolation.killed_for_memory", lambda: next(counts))
    with pytest.raises(KilledForMemoryError, match=r"once\.mp4: .* ran out of memory"):
        track(tmp_path, "once")
    assert not list((tmp_path / "store").rglob("*.npz"))


def test_a_crash_is_no_want_of_memory(workers, tmp_path, monkeypatch):
    counts = iter(range(10))
    monkeypatch.setattr("facewave.tracking.isolation.killed_for_memory", lambda: next(counts))
    (row,) = track(tmp_path, "segfault")
    assert "SIGSEGV" in row["error"]


def test_what_a_library_prints_is_no_answer(workers, tmp_path):
    (row,) = track(tmp_path, "noisy")
    assert row["error"] == ""


def test_a_full_disk_stops_the_job(workers, tmp_path):
    with pytest.raises(OSError, match="No space left on device: store"):
        track(tmp_path, "first", "full")
    assert not (tmp_path / "index.tsv").exists()


def test_a_mistake_stops_the_job(workers, tmp_path):
    with pytest.raises(WorkerError, match="KeyError: 'a mistake of ours'"):
        track(tmp_path, "unexpected")


def test_a_machine_that_cannot_track_flags_no_clip(workers, tmp_path):
    with pytest.raises(WorkerError, match=r"died before it read one \(signal 11, SIGSEGV\)"):
        track(tmp_path, "first", model="unusable")
    assert not (tmp_path / "index.tsv").exists()


def test_a_machine_that_never_gets_ready_flags_no_clip(workers, tmp_path, monkeypatch):
    monkeypatch.setattr("facewave.tracking.isolation._START_SECONDS", 0.5)
    with pytest.raises(WorkerError, match=r"died before it read one \(no sign of life\)"):
        track(tmp_path, "first", model="stuck", stall=0.5)
    assert not (tmp_path / "index.tsv").exists()


def test_a_worker_that_does_not_start(tmp_path):
    with pytest.raises(WorkerError, match=r"died before it read one \(exit code 1\)"):
        track(tmp_path, "first", module="facewave.no_such_module")


def test_a_bad_model_stops_the_job(tmp_path):
    with pytest.raises(LandmarkerError, match="no face landmarker"):
        track(tmp_path, "first", module="facewave.tracking.worker")


def test_nothing_to_compute_starts_no_process(workers, tmp_path, monkeypatch):
    track(tmp_path, "first")
    (row,) = track(tmp_path, "first", module="facewave.no_such_module")
    assert row["error"] == ""


def test_the_worker_ends_with_its_parent(workers, tmp_path):
    script = (
        "import sys, time; from facewave.tracking.isolation import isolated_tracker\n"
        "with isolated_tracker(stall_seconds=60, module='misbehaving_worker') as tracker:\n"
        "    tracker._child = tracker._start()\n"
        "    open(sys.argv[1], 'w').write(str(tracker._child.process.pid))\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "child")], cwd=Path(__file__).parents[2]
    )
    deadline = time.monotonic() + 20
    while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    child = int((tmp_path / "child").read_text())
    while Path(f"/proc/{child}").exists() and "Z" not in state(child):
        assert time.monotonic() < deadline, "the worker outlives its parent"
        time.sleep(0.05)


def state(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"
