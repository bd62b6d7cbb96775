"""What jobs inherit: one thread for OpenCV, and a Python that a shell finds, wherever it lies."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from facewave.planning.processes import prepare_jobs, quote_interpreter


@pytest.fixture
def blank(tmp_path, monkeypatch):
    """The interpreter's path with a blank and a quote in it."""
    folder = tmp_path / "My Drive's"
    folder.mkdir()
    (folder / "python").symlink_to(Path(sys.executable).resolve())
    monkeypatch.setattr(sys, "executable", str(folder / "python"))


@pytest.mark.usefixtures("blank")
@pytest.mark.parametrize("times", [1, 2])
def test_a_shell_finds_it(times):
    for _ in range(times):
        quote_interpreter()
    command = f"{sys.executable} -c 'print(6 * 7)'"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout == "42\n"


def test_a_plain_path_stays(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/usr/bin/env")
    quote_interpreter()
    assert sys.executable == "/usr/bin/env"


def test_opencv_has_one_thread_in_jobs(monkeypatch):
    for name in ("OPENCV_FOR_THREADS_NUM", "RAYON_NUM_THREADS", "PYTHONPATH"):
        monkeypatch.setenv(name, "8" if "NUM" in name else "/mine")
    prepare_jobs("/project")
    assert os.environ["PYTHONPATH"] == f"/project{os.pathsep}/mine"
    code = "import cv2; print(cv2.getNumThreads())"
    environment = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout == "1\n"
