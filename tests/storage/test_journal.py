"""The journal of files that bear the names of their clips."""

import pytest

from facewave.storage.journal import Journal

COLUMNS = ("clip", "file", "frames", "key")
ROW = {"clip": "a", "file": "a.csv", "frames": 3, "key": "k1"}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.csv").write_text("one")
    journal = Journal(tmp_path / "notes.journal", tmp_path, COLUMNS)
    with journal.open():
        journal.add(ROW)
    return tmp_path


def made(folder, **changed):
    wanted = {"clip": "a", "file": "a.csv", "key": "k1"} | changed
    journal = Journal(folder / "notes.journal", folder, COLUMNS)
    return journal.made(wanted["clip"], key=wanted["key"], file=wanted["file"])


def test_a_file_that_was_made_of_the_same_is_known(folder):
    assert made(folder) == {"clip": "a", "file": "a.csv", "frames": "3", "key": "k1"}


@pytest.mark.parametrize("changed", [{"key": "k2"}, {"clip": "b"}, {"file": "a.parquet"}])
def test_another_key_clip_or_file_is_not(folder, changed):
    assert made(folder, **changed) is None


def test_a_file_that_somebody_changed_or_removed_is_not(folder):
    (folder / "a.csv").write_text("other")
    assert made(folder) is None
    (folder / "a.csv").unlink()
    assert made(folder) is None


def test_half_a_line_of_a_job_that_was_killed_is_no_row(folder):
    path = folder / "notes.journal"
    path.write_text(path.read_text() + "b\tb.csv\t")
    assert made(folder)
    assert made(folder, clip="b", file="b.csv") is None


def test_rows_of_clips_that_are_gone_are_dropped(folder):
    journal = Journal(folder / "notes.journal", folder, COLUMNS)
    journal.replace([])
    assert made(folder) is None
