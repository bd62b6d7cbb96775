"""Jobs on one machine take GPUs of their own."""

import os
import subprocess
import sys
import threading

import pytest

from facewave.jobs.gpus import GpuError, list_gpus, taken_gpus

FOUR = "0, GPU-aa, 100\n1, GPU-bb, 900\n2, GPU-cc, 500\n3, GPU-cd, 700\n"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with four GPUs, as `nvidia-smi` tells."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nprintf '{FOUR}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path / "locks"


def visible():
    return os.environ.get("CUDA_VISIBLE_DEVICES")


def test_the_freest_gpus_are_taken_and_no_gpu_twice(machine):
    with taken_gpus(1, folder=machine):
        assert visible() == "GPU-bb"
        os.environ.pop("CUDA_VISIBLE_DEVICES")  # as another job of the same user sees it
        with taken_gpus(2, folder=machine):
            assert visible() == "GPU-cd,GPU-cc"
        os.environ["CUDA_VISIBLE_DEVICES"] = "GPU-bb"
    assert visible() is None
    with taken_gpus(1, folder=machine):
        assert visible() == "GPU-bb"


def test_a_job_waits_until_another_ends_and_holds_nothing_meanwhile(machine, monkeypatch):
    ready, done = threading.Event(), threading.Event()
    program = (
        "import sys\nfrom pathlib import Path\nfrom facewave.jobs.gpus import taken_gpus\n"
        "with taken_gpus(3, folder=Path(sys.argv[1])):\n    print('taken', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(machine)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout.readline() == "taken\n"

    def wait():
        ready.set()
        with taken_gpus(2, folder=machine, pause=0.01):
            done.set()

    thread = threading.Thread(target=wait)
    thread.start()
    ready.wait(5)
    assert not done.wait(0.2)
    other.kill()  # whatever its end, its locks are free
    other.communicate()
    assert done.wait(5)
    thread.join()


@pytest.mark.parametrize(
    ("given", "expected"), [("2", ["GPU-cc"]), ("GPU-a,1", ["GPU-aa", "GPU-bb"]), ("", [])]
)
def test_what_a_scheduler_gave_is_kept(machine, monkeypatch, given, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert [gpu.uuid for gpu in list_gpus()] == expected
    with pytest.raises(GpuError, match=rf"vlm\.gpus is 3, but this machine shows {len(expected)}"):
        taken_gpus(3, setting="vlm.gpus", folder=machine).__enter__()
    if expected:
        with taken_gpus(len(expected), folder=machine):
            assert visible() == given
    assert visible() == given


def test_of_more_than_are_wanted_some_are_taken(machine, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    with taken_gpus(1, folder=machine):
        assert visible() == "GPU-cd"
    assert visible() == "2,3"


@pytest.mark.parametrize("given", ["MIG-1234", "GPU-c", "7"])
def test_parts_of_gpus_and_unknown_names_stay_as_they_are(machine, monkeypatch, given):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert list_gpus() is None
    with taken_gpus(1, folder=machine):
        assert visible() == given


def test_nothing_changes_without_nvidia_smi_or_on_the_cpu(machine, monkeypatch):
    with taken_gpus(0, folder=machine):
        assert visible() is None
    monkeypatch.setenv("PATH", str(machine))
    with taken_gpus(1, folder=machine):
        assert visible() is None
    assert not machine.exists()
