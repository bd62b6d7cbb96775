"""Has a clip changed: from `stat` alone if that is possible, by its bytes if it is not."""

import os
import shutil

import pytest

from facewave.storage import fingerprint as module
from facewave.storage.fingerprint import (
    MISSING,
    Tracked,
    fingerprint_clips,
    own_stat,
    stat_text,
)
from facewave.storage.frame_files import clip_sha256
from facewave.storage.store import file_sha256


class Dataset:
    """A folder of clips, what is known of those that were tracked, and how often one was read."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.index = folder, folder / "keys" / "fingerprints.tsv"
        self.tracked, self.asked, self.read = {}, [], []
        self.paths = {}
        monkeypatch.setattr(module, "clip_sha256", self.sha256)

    def sha256(self, path):
        self.read.append(path.name)
        return clip_sha256(path)

    def write(self, name, content, *, mtime=None):
        path = self.folder / f"{name}.mp4"
        path.write_bytes(content)
        if mtime is not None:
            os.utime(path, (mtime, mtime))
        self.paths[name] = path
        return path

    def fingerprints(self):
        """Return the fingerprints; `read` and `asked` then hold what this call did."""
        self.read, self.asked = [], []

        def tracked(clip_ids):
            self.asked += clip_ids
            return {name: self.tracked[name] for name in clip_ids if name in self.tracked}

        clips = [(name, str(path)) for name, path in self.paths.items()]
        return fingerprint_clips(clips, index=self.index, tracked=tracked)

    def track(self):
        """Do as the tracking job does: remember fingerprint and content."""
        for name, fingerprint in self.fingerprints().items():
            path = self.paths[name]
            content = clip_sha256(path) if fingerprint != MISSING else ""
            self.tracked[name] = Tracked(fingerprint, content)


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    return Dataset(tmp_path, monkeypatch)


class TestFirstLook:
    def test_reads_no_file(self, dataset):
        path = dataset.write("a", b"one")
        dataset.paths["b"] = dataset.folder / "none.mp4"
        assert dataset.fingerprints() == {"a": f"stat:{stat_text(str(path))}", "b": MISSING}
        assert dataset.read == []
        assert dataset.asked == ["a"]

    def test_a_change_before_tracking_reads_no_file_either(self, dataset):
        dataset.write("a", b"one")
        first = dataset.fingerprints()
        dataset.write("a", b"other")
        assert dataset.fingerprints() != first
        assert dataset.read == []

    def test_nothing_to_look_at(self, dataset):
        assert dataset.fingerprints() == {}

    def test_a_clip_that_could_not_be_tracked_has_no_content_to_compare(self, dataset):
        dataset.write("a", b"one")
        dataset.tracked["a"] = Tracked("old", "")
        assert dataset.fingerprints()["a"].startswith("stat:")
        assert dataset.read == []


class TestNothingChanged:
    def test_reads_and_writes_and_asks_nothing(self, dataset):
        dataset.write("a", b"one")
        dataset.track()
        before, index = dataset.fingerprints(), dataset.index.stat()
        assert dataset.fingerprints() == before
        assert (dataset.read, dataset.asked) == ([], [])
        assert dataset.index.stat().st_ino == index.st_ino
        assert dataset.index.stat().st_mtime_ns == index.st_mtime_ns

    def test_another_order_of_clips(self, dataset):
        dataset.write("a", b"one")
        dataset.write("b", b"two")
        before = dataset.fingerprints()
        dataset.paths = dict(reversed(dataset.paths.items()))
        assert dataset.fingerprints() == before


class TestSameBytes:
    def test_touched(self, dataset):
        dataset.write("a", b"one")
        dataset.track()
        before = dataset.fingerprints()
        os.utime(dataset.paths["a"], (1, 1))
        assert dataset.fingerprints() == before
        assert dataset.read == ["a.mp4"]
        assert dataset.fingerprints() == before
        assert dataset.read == []

    def test_written_again_with_a_new_inode(self, dataset):
        dataset.write("a", b"one")
        dataset.track()
        before = dataset.fingerprints()
        dataset.write("new", b"one").replace(dataset.paths["a"])
        del dataset.paths["new"]
        assert dataset.fingerprints() == before

    def test_away_and_back(self, dataset):
        path = dataset.write("a", b"one")
        dataset.track()
        before = dataset.fingerprints()
        path.rename(dataset.folder / "away")
        assert dataset.fingerprints() == {"a": MISSING}
        (dataset.folder / "away").rename(path)
        assert dataset.fingerprints() == before

    def test_at_another_place(self, dataset):
        path = dataset.write("a", b"one")
        dataset.track()
        before = dataset.fingerprints()
        dataset.paths["a"] = path.rename(dataset.folder / "moved.mp4")
        assert dataset.fingerprints() == before
        assert dataset.read == ["moved.mp4"]

    def test_empty_in_a_copied_dataset(self, dataset):
        path = dataset.write("a", b"")
        before = dataset.fingerprints()
        dataset.tracked["a"] = Tracked(before["a"], "")
        dataset.paths["a"] = shutil.copy(path, dataset.folder / "copy.mp4")
        assert dataset.fingerprints() == before
        dataset.paths["a"].write_bytes(b"0")
        assert dataset.fingerprints() != before

    def test_in_a_folder_that_was_moved(self, dataset):
        old, new = dataset.folder / "old", dataset.folder / "new"
        old.mkdir()
        dataset.folder = old
        dataset.write("a", b"one")
        dataset.track()
        before = dataset.fingerprints()
        old.rename(new)
        dataset.paths["a"] = new / "a.mp4"
        assert dataset.fingerprints() == before
        assert dataset.read == []


class TestOtherBytes:
    @pytest.mark.parametrize("mtime", [None, 1, 4_000_000_000])
    def test_newer_or_older_date(self, dataset, mtime):
        dataset.write("a", b"one")
        dataset.track()
        path = dataset.write("a", b"other", mtime=mtime)
        expected = {"a": f"sha256:{file_sha256(path)}"}
        assert dataset.fingerprints() == expected
        assert dataset.fingerprints() == expected
        assert dataset.read == []

    def test_same_size_and_date(self, dataset):
        path = dataset.write("a", b"one", mtime=1000)
        dataset.track()
        before = path.stat()
        while path.stat().st_ctime_ns == before.st_ctime_ns:  # until the file system's clock ticks
            dataset.write("a", b"two", mtime=1000)
        assert path.stat().st_mtime == 1000
        assert dataset.fingerprints() == {"a": f"sha256:{file_sha256(path)}"}

    def test_set_back_before_they_were_tracked(self, dataset):
        dataset.write("a", b"one")
        dataset.track()
        before = dataset.fingerprints()
        dataset.write("a", b"other")
        assert dataset.fingerprints() != before
        dataset.write("a", b"one")
        assert dataset.fingerprints() == before

    def test_set_back_after_they_were_tracked(self, dataset):
        dataset.write("a", b"one")
        dataset.track()
        dataset.write("a", b"other")
        dataset.track()
        path = dataset.write("a", b"one")
        # Another fingerprint than at first, so that the job runs; it finds its shard in the store.
        assert dataset.fingerprints() == {"a": f"sha256:{file_sha256(path)}"}

    def test_only_of_that_clip(self, dataset):
        for name in "abc":
            dataset.write(name, name.encode())
        dataset.track()
        before = dataset.fingerprints()
        dataset.write("b", b"other")
        after = dataset.fingerprints()
        assert {name for name in "abc" if before[name] != after[name]} == {"b"}
        assert dataset.read == ["b.mp4"]

    def test_that_cannot_be_read(self, dataset, monkeypatch):
        dataset.write("a", b"one")
        dataset.track()
        path = dataset.write("a", b"other")

        def unreadable(path):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(module, "clip_sha256", unreadable)
        assert dataset.fingerprints() == {"a": f"stat:{stat_text(str(path))}"}


def replace_frame(folder):
    (folder.parent / "new").write_bytes(b"other")
    (folder.parent / "new").replace(folder / "5.jpg")


class TestFolderOfFrames:
    @pytest.fixture
    def folder(self, dataset):
        folder = dataset.paths["a"] = dataset.folder / "frames"
        folder.mkdir()
        for number in range(10):
            (folder / f"{number}.jpg").write_bytes(b"frame %d" % number)
        # Long ago, so that a change cannot fall into the same tick of the file system's clock.
        os.utime(folder, (1, 1))
        return folder

    def test_its_first_fingerprint_is_its_own_stat(self, dataset, folder):
        assert dataset.fingerprints() == {"a": f"stat:{own_stat(str(folder))}"}
        assert dataset.read == []

    @pytest.mark.parametrize(
        "change",
        [
            lambda folder: (folder / "10.jpg").write_bytes(b"added"),
            lambda folder: (folder / "5.jpg").unlink(),
            lambda folder: (folder / "5.jpg").rename(folder / "5b.jpg"),
            replace_frame,
        ],
        ids=["added", "removed", "renamed", "replaced"],
    )
    def test_a_frame_that_comes_or_goes_is_noticed(self, dataset, folder, change):
        dataset.track()
        change(folder)
        assert dataset.fingerprints() == {"a": f"sha256:{clip_sha256(folder)}"}
        assert dataset.read == ["frames"]

    def test_a_frame_overwritten_in_place_is_noticed_once_the_folder_is_touched(
        self, dataset, folder
    ):
        dataset.track()
        before = dataset.fingerprints()
        (folder / "5.jpg").write_bytes(b"other")
        assert dataset.fingerprints() == before
        assert dataset.read == []
        os.utime(folder, (2, 2))
        assert dataset.fingerprints() == {"a": f"sha256:{clip_sha256(folder)}"}

    def test_other_files_in_it_change_no_fingerprint(self, dataset, folder):
        dataset.track()
        before = dataset.fingerprints()
        (folder / "Thumbs.db").write_bytes(b"x")
        assert dataset.fingerprints() == before
        assert dataset.read == ["frames"]


class TestIndex:
    def test_a_clip_that_left_is_forgotten(self, dataset):
        dataset.write("a", b"one")
        dataset.write("b", b"two")
        dataset.fingerprints()
        del dataset.paths["a"]
        dataset.fingerprints()
        assert "a.mp4" not in dataset.index.read_text()

    @pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"clip_id\tother\n", b'x\t"'])
    def test_lost_or_damaged_costs_time_but_no_fingerprint(self, dataset, content):
        dataset.write("a", b"one")
        dataset.track()
        before = dataset.fingerprints()
        if content is None:
            dataset.index.unlink()
        else:
            dataset.index.write_bytes(content)
        assert dataset.fingerprints() == before
        assert dataset.read == ["a.mp4"]

    def test_odd_paths(self, dataset):
        for index, name in enumerate(["a\tb", "a\nb", 'a"b', "é %d", "a\rb"]):
            dataset.paths[f"c{index}"] = dataset.write(name, b"x")
        dataset.paths = {k: v for k, v in dataset.paths.items() if k.startswith("c")}
        dataset.track()
        before = dataset.fingerprints()
        assert dataset.fingerprints() == before
        assert dataset.read == []


def test_progress_is_said_only_where_it_takes_long(dataset, monkeypatch, capsys):
    for name in "abcd":
        dataset.write(name, name.encode())
    dataset.track()
    for path in dataset.paths.values():
        os.utime(path, (1, 1))
    clock = iter([0.0, 1.0, 3.5, 4.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    dataset.fingerprints()
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "facewave: 2 of 4 files with a new date compared with what was tracked"
