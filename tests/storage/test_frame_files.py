"""The files of a folder of frames: whether they changed, by their stat and by their bytes."""

import os

import pytest

from facewave.storage.fingerprint import stat_text
from facewave.storage.frame_files import (
    clip_sha256,
    folder_stat,
    frame_names,
    frames_outside,
    odd_frames,
)
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


# What is named like a frame and is none


@pytest.fixture
def odd(tmp_path):
    """Two frames among a pipe, a link to an endless device, a folder and links to nothing."""
    folder = write_frames(tmp_path / "a", [1, 2])
    os.mkfifo(folder / "3.png")
    (folder / "4.png").symlink_to("/dev/zero")
    (folder / "5.png").mkdir()
    (folder / "6.png").symlink_to("nothing.png")
    (folder / "7.png").symlink_to("7.png")
    return folder


def test_what_is_no_file_is_no_frame(odd):
    assert frame_names(odd) == ["1.png", "2.png", "6.png", "7.png"]
    assert odd_frames(odd) == ["3.png", "4.png", "5.png"]


def test_nothing_hangs_on_pipes_and_devices(odd):
    before = clip_sha256(odd), folder_stat(str(odd))
    (odd / "3.png").unlink()
    (odd / "4.png").unlink()
    assert (clip_sha256(odd), folder_stat(str(odd))) == before
    (odd / "6.png").unlink()
    assert clip_sha256(odd) != before[0]
    assert folder_stat(str(odd)) != before[1]


def test_a_pipe_is_not_read_as_a_clip(tmp_path):
    os.mkfifo(tmp_path / "a.mp4")
    with pytest.raises(OSError, match="not a regular file"):
        clip_sha256(tmp_path / "a.mp4")
    with pytest.raises(OSError, match="not a regular file"):
        file_sha256(tmp_path / "a.mp4")


def test_frames_that_are_links(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    folder = write_frames(root / "a", [1])
    write_frames(root / "b", [2])
    (folder / "2.png").symlink_to("../b/2.png")
    (folder / "device.png").symlink_to("/dev/zero")  # no frame
    assert frames_outside(str(folder), [root]) is None
    (tmp_path / "x.png").write_bytes(b"x")
    (folder / "3.png").symlink_to("../../x.png")
    message = frames_outside(str(folder), [root])
    assert message is not None
    assert message.startswith(f"frame {folder}/3.png: leaves the root by a symbolic link to")
    assert frames_outside(str(folder), [root, tmp_path]) is None
    assert frames_outside(str(root / "no such folder"), [root]) is None
