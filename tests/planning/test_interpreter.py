"""The Python of jobs as one word of a shell, wherever it lies."""

import subprocess
import sys
from pathlib import Path

import pytest

from facewave.planning.interpreter import quote_interpreter


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
