"""Folders of frames while the Snakefile is read: what a look at a few frames of each notices."""

import os
from pathlib import Path

import pytest

from facewave.storage import fingerprint as module
from facewave.storage import frame_files
from facewave.storage.fingerprint import Tracked, entry_text, fingerprint_clips
from facewave.storage.frame_files import clip_sha256, folder_glance

FRAMES = 10


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "clip"
    path.mkdir()
    for number in range(FRAMES):
        (path / f"{number:02d}.jpg").write_bytes(b"frame %d" % number)
    # Long ago, so that a change cannot fall into the same tick of the file system's clock.
    os.utime(path, (1, 1))
    return path


def glance(folder, *, frames, before=""):
    return folder_glance(str(folder), entry_text(str(folder)), frames=frames, before=before)


def looked_at(text):
    return text.split("/")[1:]


@pytest.mark.parametrize(
    ("frames", "names"),
    [(2, "00 09"), (3, "00 04 09"), (4, "00 03 06 09"), (10, None), (99, None)],
)
def test_the_first_the_last_and_some_between_are_looked_at(folder, frames, names):
    wanted = names.split() if names else [f"{i:02d}" for i in range(FRAMES)]
    assert looked_at(glance(folder, frames=frames)) == [f"{name}.jpg" for name in wanted]


def write(folder, name, content=b"other"):
    before = (folder / name).stat().st_ctime_ns if (folder / name).exists() else 0
    while True:  # until the file system's clock ticks
        (folder / name).write_bytes(content)
        if (folder / name).stat().st_ctime_ns != before:
            return


def replace(folder, name):
    (folder.parent / "new").write_bytes(b"other")
    (folder.parent / "new").replace(folder / name)


CHANGES = {
    "added": lambda folder: write(folder, "10.jpg"),
    "removed": lambda folder: (folder / "05.jpg").unlink(),
    "renamed": lambda folder: (folder / "05.jpg").rename(folder / "05b.jpg"),
    "replaced": lambda folder: replace(folder, "05.jpg"),
    "all written anew": lambda folder: [write(folder, path.name) for path in folder.iterdir()],
    "the first written to": lambda folder: write(folder, "00.jpg"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_look_at_two_frames_notices(folder, change):
    before = glance(folder, frames=2)
    assert glance(folder, frames=2, before=before) == before
    CHANGES[change](folder)
    assert glance(folder, frames=2, before=before) != before


def test_what_it_does_not_notice(folder):
    few, all_of_them = glance(folder, frames=2), glance(folder, frames=FRAMES)
    write(folder, "05.jpg")
    assert glance(folder, frames=2, before=few) == few
    assert glance(folder, frames=FRAMES, before=all_of_them) != all_of_them


def test_while_a_folder_stays_it_is_not_listed(folder, monkeypatch):
    before = glance(folder, frames=3)
    monkeypatch.setattr(frame_files.os, "listdir", None)
    assert glance(folder, frames=99, before=before) == before


def test_names_that_are_no_text_are_left_out(folder):
    (Path(os.fsdecode(b"%s/\xff\n.jpg" % os.fsencode(folder)))).write_bytes(b"x")
    text = glance(folder, frames=99)
    assert len(looked_at(text)) == FRAMES
    assert text.encode()


def test_a_folder_that_may_not_be_read(folder, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(frame_files.os, "listdir", refuse)
        text = glance(folder, frames=2)
    assert text.endswith("-unreadable")
    assert glance(folder, frames=2, before=text) != text


class Plan:
    """Fingerprints of folders of frames, and which were read for them."""

    def __init__(self, folders, monkeypatch, *, frames):
        self.folders, self.tracked, self.read = folders, {}, []
        monkeypatch.setattr(module, "_FRAMES", frames)
        monkeypatch.setattr(module, "clip_sha256", self.sha256)

    def sha256(self, path):
        self.read.append(path.name)
        return clip_sha256(path)

    def tokens(self):
        self.read = []
        return fingerprint_clips(
            [(path.name, str(path)) for path in self.folders],
            index=self.folders[0].parent / "index.tsv",
            tracked=lambda ids: {i: self.tracked[i] for i in ids if i in self.tracked},
        )

    def track(self):
        tokens = self.tokens()
        self.tracked = {
            path.name: Tracked(tokens[path.name], clip_sha256(path)) for path in self.folders
        }
        return tokens


@pytest.mark.parametrize("frames", [300, 2])
def test_tokens_of_folders(folder, monkeypatch, frames):
    plan = Plan([folder], monkeypatch, frames=frames)
    first = plan.track()
    assert first["clip"].startswith("stat:folder-")
    assert "/" not in first["clip"]
    assert plan.tokens() == first
    assert plan.read == []
    os.utime(folder / "00.jpg", (2, 2))
    assert plan.tokens() == first
    assert plan.read == ["clip"]
    (folder / "Thumbs.db").write_bytes(b"x")
    assert plan.tokens() == first
    write(folder, "09.jpg")
    assert plan.tokens() == {"clip": f"sha256:{clip_sha256(folder)}"}
    assert plan.tokens() == {"clip": f"sha256:{clip_sha256(folder)}"}
    assert plan.read == []


def test_the_frames_looked_at_are_shared_out_over_the_folders(folder, tmp_path, monkeypatch):
    folders = [folder]
    for number in range(3):
        folders.append(tmp_path / f"clip {number}")
        folders[-1].mkdir()
        for frame in folder.iterdir():
            write(folders[-1], frame.name)
    Plan(folders, monkeypatch, frames=16).tokens()
    index = (tmp_path / "index.tsv").read_text()
    assert index.count(".jpg") == 16
