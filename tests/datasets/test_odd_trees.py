"""Trees with what people and archives leave in them: each oddity is named, the rest goes on."""

import os
import socket

import pytest

from facewave.datasets.files.tree import VIDEO_SUFFIXES, walk
from facewave.messages import shown
from tests.datasets.release_trees import notes, problems, put, put_frames, read


def put_bytes(folder, name):
    """Make a file whose name is bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(os.path.join(os.fsencode(folder), name), "wb") as file:  # noqa: PTH118, PTH123
        file.write(b"x")


def names(clips, root):
    return sorted(clip.file_path.removeprefix(f"{root}/") for clip in clips)


@pytest.fixture
def root(tmp_path):
    """Two clips that are fine."""
    folder = tmp_path / "root"
    put(folder / "happy/a.mp4")
    put(folder / "sad/b.mp4")
    return folder


FINE = ["happy/a.mp4", "sad/b.mp4"]


def only_named(root, caplog, *words):
    """Check that the fine clips are read, and that each word is told."""
    assert names(read("folders", root), root) == FINE
    told = notes(caplog, "folders", root)
    assert [word for word in words if word not in told] == []
    assert all(line.isprintable() for line in told.splitlines())


def test_names_that_are_not_utf8(root, caplog):
    put_bytes(root / "happy", "开心.mp4".encode("gbk"))
    put_bytes(root / "happy", b"\xff\xfe.mp4")
    os.mkdir(os.path.join(os.fsencode(root), "悲伤".encode("gbk")))  # noqa: PTH102, PTH118
    only_named(root, caplog, "3 with names that are not UTF-8", r"happy/\xbf\xaa\xd0\xc4.mp4")


def test_control_characters_are_never_printed_raw(root, caplog):
    put(root / "happy/\x1b[31mred.mp4")
    put(root / "sad/line\nend.mp4")
    put(root / "bell\x07/c.mp4")
    only_named(root, caplog, "3 with control characters", r"happy/\x1b[31mred.mp4", r"line\nend")


def test_links_in_a_circle_and_to_nothing(root, caplog):
    (root / "happy/self.mp4").symlink_to("self.mp4")
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("one")
    (root / "sad/gone.mp4").symlink_to(root / "nothing.mp4")
    (root / "sad/up").symlink_to(root)
    words = ["4 links that lead nowhere or in a circle", "1 links to folders that are listed"]
    only_named(root, caplog, *words, "sad/up")


def test_pipes_devices_and_sockets(root, caplog):
    os.mkfifo(root / "happy/pipe.mp4")
    os.mkfifo(root / "labels.csv")
    (root / "sad/zero.mp4").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "s.mp4"))
        only_named(root, caplog, "4 pipes, devices and sockets", "happy/pipe.mp4", "sad/zero.mp4")


def test_what_lies_too_deep(root, caplog):
    put(root / "/".join(["sad", *"12345678", "c.mp4"]))
    put(root / "/".join(["happy", *"1234567", "d.mp4"]))
    assert names(read("folders", root), root) == sorted([*FINE, "happy/1/2/3/4/5/6/7/d.mp4"])
    assert "1 more than 8 folders deep" in notes(caplog, "folders", root)


def test_a_folder_that_cannot_be_read(root, monkeypatch):
    real = os.scandir

    def scandir(path):
        if str(path).rstrip("/").endswith("sad"):
            raise PermissionError(13, "no")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    tree = walk(root)
    assert tree.videos == ("happy/a.mp4",)
    assert tree.notes() == ["left out: 1 cannot be read: sad"]


def test_leading_blanks_are_kept(root):
    put(root / " happy/ c.mp4")
    assert " happy/ c.mp4" in names(read("folders", root), root)


def test_the_real_folder_wins_over_links_to_it(tmp_path):
    put(tmp_path / "z/happy/a.mp4")
    (tmp_path / "a").symlink_to("z")
    tree = walk(tmp_path)
    assert tree.videos == ("z/happy/a.mp4",)


@pytest.mark.parametrize(
    "suffix", [".MTS", ".3gp", ".ts", ".vob", ".ogv", ".divx", ".M2TS", ".dv", ".webm", ".GIF"]
)
def test_containers_that_are_read(root, suffix):
    put(root / f"sad/c{suffix}")
    assert f"sad/c{suffix}" in names(read("folders", root), root)


def test_suffixes_are_written_in_lower_case_once():
    assert len(set(VIDEO_SUFFIXES)) == len(VIDEO_SUFFIXES)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in VIDEO_SUFFIXES)


def test_what_is_left_out_is_counted_by_its_suffix(root, caplog):
    for name in ("happy/a.wav", "happy/b.wav", "sad/c.BIK", "sad/no_suffix"):
        put(root / name)
    told = notes(caplog, "folders", root)
    assert "by their suffix: 2 .wav, 1 (none), 1 .bik" in told


def test_a_root_without_clips_says_what_was_there(tmp_path):
    put(tmp_path / "happy/a.bik")
    put_bytes(tmp_path / "happy", b"\xff.mp4")
    message = problems("folders", tmp_path)
    assert "found no clips" in message
    assert "1 .bik" in message
    assert r"happy/\xff.mp4" in message


def test_official_trees_name_their_oddities_too(tmp_path, caplog):
    put(tmp_path / "05-01-01_01.mp4")
    put_bytes(tmp_path, b"\xff.mp4")
    assert "not UTF-8" in notes(caplog, "java_sed", tmp_path)


# Links out of the root


@pytest.fixture
def store(tmp_path, root):
    """A store of clips outside the root, as git-annex and Hugging Face's cache have it."""
    put(tmp_path / "store/blobs/c0ffee")
    (root / "happy/linked.mp4").symlink_to(tmp_path / "store/blobs/c0ffee")
    return tmp_path / "store"


def test_clips_that_are_links_out_of_the_root(root, store):
    assert "leaves the root by a symbolic link" in problems("folders", root)
    assert "`follow_links: true`" in problems("folders", root)
    found = names(read("folders", root, follow_links=True), root)
    assert found == sorted([*FINE, "happy/linked.mp4"])


def test_folders_that_are_links_out_of_the_root_are_not_walked(root, tmp_path):
    put(tmp_path / "elsewhere/d.mp4")
    (root / "happy/more").symlink_to(tmp_path / "elsewhere")
    message = problems("folders", root)
    assert f"happy/more: a link out of the root, to {tmp_path}/elsewhere" in message
    assert "Set `follow_links: true`" in message
    assert "happy/more/d.mp4" in names(read("folders", root, follow_links=True), root)


def test_a_folder_of_frames_in_a_linked_store(root, tmp_path):
    put_frames(tmp_path / "elsewhere/clip7")
    (root / "sad/clip7").symlink_to(tmp_path / "elsewhere/clip7")
    assert "sad/clip7: a link out of the root" in problems("folders", root)
    assert "sad/clip7" in names(read("folders", root, follow_links=True), root)


def test_names_as_they_may_be_printed():
    assert shown("müde 😀.mp4") == "müde 😀.mp4"
    assert shown("a\u202eb") == r"a\u202eb"
    assert shown(os.fsdecode(b"\xba\xc3")) == r"\xba\xc3"
