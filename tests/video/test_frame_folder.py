"""Folders of frames as clips: order, holes, sizes, damage."""

import os

import cv2
import numpy as np
import pytest

from facewave.storage.frame_files import frame_names
from facewave.video.decode import UnreadableVideoError
from facewave.video.open import open_video
from tests.video.decoded import times


def write_frame(path, grey, *, width=32, height=24):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((height, width, 3), grey, np.uint8))


def write_frames(folder, numbers, name="{}.png"):
    for number in numbers:
        write_frame(folder / name.format(number), 10 * number)
    return folder


def read(folder, fps=25.0):
    with open_video(folder, default_fps=fps) as video:
        return [int(frame.image[0, 0, 0]) for frame in video.frames()], video


def test_frames_in_natural_order_with_the_rate_that_is_given(tmp_path):
    greys, video = read(write_frames(tmp_path / "a", [1, 2, 9, 10, 11][::-1]), fps=20)
    assert greys == [10, 20, 90, 100, 110]
    assert (video.width, video.height, video.fps, video.fps_assumed) == (32, 24, 20, True)
    assert (video.frames_announced, video.frames_decoded, video.variable_rate) == (5, 5, False)
    assert times(tmp_path / "a", default_fps=20)[:3] == [0, 50, 100]


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
    last = last.image
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
    assert times(tmp_path) == [0, 80]  # the time of the second stays empty
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
    assert frame.image[0, 0].tolist() == [255, 0, 0]


def test_what_is_named_like_a_frame_and_is_no_file_is_noted(tmp_path):
    write_frames(tmp_path, [1, 2])
    os.mkfifo(tmp_path / "3.png")
    (tmp_path / "4.png").symlink_to("/dev/zero")
    greys, video = read(tmp_path)
    assert greys == [10, 20]
    assert video.notes == ["no files, and left out: 3.png, 4.png"]
