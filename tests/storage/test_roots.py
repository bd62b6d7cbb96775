"""Files are named relative to their dataset's root, and found where that is now."""

import pytest

from facewave.storage.atomic import write_text
from facewave.storage.roots import DatasetRoot, Located, prefixes, relative_path, roots_text
from facewave.storage.store import iter_located
from facewave.storage.tables import write_index

PATHS = {
    ("", "data/set/"): ("data/set/a/b.mp4", "a/b.mp4"),
    ("", "/data/set/"): ("/data/set/a/data/set/b.mp4", "a/data/set/b.mp4"),
    ("", ""): ("a.mp4", "a.mp4"),
    ("", "/"): ("/a.mp4", "a.mp4"),
    ("dfew/", "/data/dfew/"): ("/data/dfew/dfew/a.mp4", "dfew/dfew/a.mp4"),
    ("both/dfew/", "x/"): ("x/a.mp4", "both/dfew/a.mp4"),
}


@pytest.mark.parametrize(("root", "paths"), PATHS.items(), ids=str)
def test_there_and_back(root, paths, tmp_path):
    name, prefix = root
    opened, named = paths
    own = DatasetRoot(prefix, name)
    assert relative_path(opened, own) == named
    text = roots_text(prefixes([own, None, own]))
    write_text(tmp_path / "keys" / "roots.json", text)
    located = Located.of(tmp_path)
    assert (located.path(named), located.root(named)) == (opened, own)


def test_members_stand_before_the_dataset_itself():
    located = Located({"": "own/", "a/": "/m/a/", "a/b/": "/m/b/"})
    names = ("a/1.mp4", "a/b/1.mp4", "ab/1.mp4")
    assert [located.path(name) for name in names] == ["/m/a/1.mp4", "/m/b/1.mp4", "own/ab/1.mp4"]


def test_without_roots_paths_are_as_they_are(tmp_path):
    assert relative_path("x/a.mp4", None) == "x/a.mp4"
    assert Located.of(tmp_path).path("/x/a.mp4") == "/x/a.mp4"
    assert Located.of(tmp_path).root("/x/a.mp4") is None
    # Those of another member are not guessed.
    assert Located({"a/": "/m/"}).path("b/1.mp4") == "b/1.mp4"


def test_rows_of_an_index(tmp_path):
    index = tmp_path / "small" / "tracks" / "0000.tsv"
    write_index(index, ("clip_id", "file_path"), [{"clip_id": "c", "file_path": "a.mp4"}])
    for prefix in ("data/", "/elsewhere/"):
        write_text(tmp_path / "small/keys/roots.json", roots_text({"": prefix}))
        (row,) = iter_located(index, ("clip_id", "file_path"))
        assert row == {"clip_id": "c", "file_path": f"{prefix}a.mp4"}
