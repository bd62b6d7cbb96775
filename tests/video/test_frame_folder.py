"""Folders of frames as clips: order, holes, sizes, damage, and whether they changed."""

import os

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewave.natural_order import natural_key
from facewave.storage.fingerprint import stat_text
from facewave.storage.frame_files import clip_sha256, folder_stat, frame_names
from facewave.storage.store import file_sha256
from facewave.video.decode import UnreadableVideoError
from facewave.video.open import open_video


def write_frame(path, grey, *, width=32, height=24):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((height, width, 3), grey, np.uint8))


def write_frames(folder, numbers, name="{}.png"):
    for number in numbers:
        write_frame(folder / name.format(number), 10 * number)
    return folder


def read(folder, fps=25.0):
    with open_video(folder, default_fps=fps) as video:
        return [int(frame[0, 0, 0]) for frame in video.frames()], video


def test_frames_in_natural_order_with_the_rate_that_is_given(tmp_path):
    greys, video = read(write_frames(tmp_path / "a", [1, 2, 9, 10, 11][::-1]), fps=20)
    assert greys == [10, 20, 90, 100, 110]
    assert (video.width, video.height, video.fps, video.fps_assumed) == (32, 24, 20, True)
    assert (video.frames_announced, video.frames_decoded, video.variable_rate) == (5, 5, False)
    assert [video.timestamp_ms(i) for i in range(3)] == [0, 50, 100]


def test_other_files_are_no_frames(tmp_path):
    write_frames(tmp_path, [1, 2])
    for name in ("Thumbs.db", "._1.png", ".DS_Store", "note.txt"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "deeper").mkdir()
    write_frame(tmp_path / "3.JPG", 30)
    assert frame_names(tmp_path) == ["1.png", "2.png", "3.JPG"]
    assert len(read(tmp_path)[0]) == 3


@pytest.mark.parametrize(
    ("numbers", "notes"),
    [
        ([1, 2, 3], []),
        ([0, 1], []),
        ([5, 6], []),
        ([1, 3, 7, 8], ["4 frames missing in the numbering (2, 4-6): taken as consecutive"]),
    ],
)
def test_holes_in_the_numbering_are_noted(tmp_path, numbers, notes):
    _, video = read(write_frames(tmp_path, numbers, "00012_{:05d}.png"))
    assert video.notes == notes


def test_many_holes_are_shortened(tmp_path):
    _, video = read(write_frames(tmp_path, range(0, 20, 2)))
    assert "(1, 3, 5, 7, 9 and 4 more)" in video.notes[0]


def test_frames_without_numbers(tmp_path):
    for name in ("a.png", "b.png"):
        write_frame(tmp_path / name, 50)
    assert read(tmp_path)[1].notes == []


def test_other_sizes_are_fitted(tmp_path):
    write_frames(tmp_path, [1, 2])
    write_frame(tmp_path / "3.png", 200, width=48, height=48)
    with open_video(tmp_path, default_fps=25) as video:
        *_, last = video.frames()
    assert last.shape == (24, 32, 3)
    assert last[12, 16, 0] == 200  # in the middle
    assert last[12, 0, 0] == 0  # padded: 48x48 becomes 24x24
    assert video.notes == ["1 frames of another size than 32x24: fitted and padded"]


def test_unreadable_frames_are_left_out_and_named(tmp_path):
    write_frames(tmp_path, [1, 2, 3, 4])
    (tmp_path / "2.png").write_bytes(b"")
    (tmp_path / "4.png").write_bytes((tmp_path / "4.png").read_bytes()[:40])
    greys, video = read(tmp_path)
    assert greys == [10, 30]
    assert (video.frames_announced, video.frames_decoded) == (4, 2)
    assert video.notes == ["unreadable and left out: 2.png, 4.png"]


def test_the_first_frame_may_be_unreadable(tmp_path):
    write_frames(tmp_path, [1, 2])
    (tmp_path / "1.png").write_bytes(b"x")
    assert read(tmp_path)[0] == [20]


def test_folders_that_are_no_clips(tmp_path):
    with pytest.raises(UnreadableVideoError, match=r"the folder holds no frames \(\.jpg"):
        read(tmp_path)
    (tmp_path / "1.png").write_bytes(b"x")
    with pytest.raises(UnreadableVideoError, match="none of the folder's 1 frames can be read"):
        read(tmp_path)


def test_grey_frames_and_alpha(tmp_path):
    cv2.imwrite(str(tmp_path / "1.png"), np.full((8, 8), 70, np.uint8))
    cv2.imwrite(str(tmp_path / "2.png"), np.full((8, 8, 4), 80, np.uint8))
    assert read(tmp_path)[0] == [70, 80]


def test_channels_are_rgb(tmp_path):
    cv2.imwrite(str(tmp_path / "1.png"), np.full((8, 8, 3), (0, 0, 255), np.uint8))
    with open_video(tmp_path, default_fps=25) as video:
        (frame,) = video.frames()
    assert frame[0, 0].tolist() == [255, 0, 0]


def changes(folder):
    def rewrite():
        write_frame(folder / "2.png", 99)

    def swap():
        first, second = folder / "1.png", folder / "2.png"
        first.rename(folder / "x.png")
        second.rename(first)
        (folder / "x.png").rename(second)

    return {
        "added": lambda: write_frame(folder / "4.png", 40),
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
    write_frame(tmp_path / "1.png", 10)
    assert clip_sha256(tmp_path / "1.png") == file_sha256(tmp_path / "1.png")
    assert stat_text(str(tmp_path / "none")) is None
    assert folder_stat(str(tmp_path / "none")) is None


names = st.lists(st.text("ab01_-.", max_size=6), max_size=6)


@given(names)
def test_natural_order_is_an_order(found):
    ordered = sorted(found, key=natural_key)
    assert sorted(found, key=natural_key) == ordered


def test_natural_order():
    given_names = ["f10", "F2", "f1", "g", "f01", "2", "10", "f1a"]
    assert sorted(given_names, key=natural_key) == ["2", "10", "f01", "f1", "f1a", "F2", "f10", "g"]
