"""The files of a folder of frames: whether they changed, by their stat and by their bytes."""

import os

import pytest

from facewave.storage.fingerprint import stat_text
from facewave.storage.frame_files import clip_sha256, folder_stat
from facewave.storage.store import file_sha256


def write_frames(folder, numbers):
    folder.mkdir(exist_ok=True)
    for number in numbers:
        (folder / f"{number}.png").write_bytes(b"frame %d" % number)
    return folder


def changes(folder):
    def rewrite():
        (folder / "2.png").write_bytes(b"other")

    def swap():
        first, second = folder / "1.png", folder / "2.png"
        first.rename(folder / "x.png")
        second.rename(first)
        (folder / "x.png").rename(second)

    return {
        "added": lambda: write_frames(folder, [4]),
        "removed": lambda: (folder / "3.png").unlink(),
        "rewritten": rewrite,
        "renamed": lambda: (folder / "3.png").rename(folder / "5.png"),
        "swapped": swap,
    }


@pytest.mark.parametrize("change", ["added", "removed", "rewritten", "renamed", "swapped"])
def test_a_change_changes_stat_and_content(tmp_path, change):
    folder = write_frames(tmp_path / "a", [1, 2, 3])
    before = stat_text(str(folder)), clip_sha256(folder)
    changes(folder)[change]()
    assert stat_text(str(folder)) != before[0]
    assert clip_sha256(folder) != before[1]


def test_a_touch_changes_the_stat_only(tmp_path):
    folder = write_frames(tmp_path / "a", [1, 2])
    before = folder_stat(str(folder)), clip_sha256(folder)
    os.utime(folder / "1.png", ns=(1, 1))
    assert folder_stat(str(folder)) != before[0]
    assert clip_sha256(folder) == before[1]


def test_what_is_no_frame_changes_nothing(tmp_path):
    folder = write_frames(tmp_path / "a", [1, 2])
    before = stat_text(str(folder)), clip_sha256(folder)
    (folder / "Thumbs.db").write_bytes(b"x")
    assert (stat_text(str(folder)), clip_sha256(folder)) == before


def test_of_a_file_and_of_nothing(tmp_path):
    write_frames(tmp_path, [1])
    assert clip_sha256(tmp_path / "1.png") == file_sha256(tmp_path / "1.png")
    assert stat_text(str(tmp_path / "none")) is None
    assert folder_stat(str(tmp_path / "none")) is None
