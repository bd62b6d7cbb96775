"""Paths of a dataset's clips: resolved against its root, never out of it, and there."""

import os
import posixpath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.datasets.build_clips import build_clips
from facewave.datasets.files.paths import Root
from facewave.datasets.rows import Rows
from tests.datasets.dataset_rows import CLASSES, clips, make_root, problems, unlooked


@pytest.fixture
def root(tmp_path):
    return make_root(tmp_path)


def paths_of(found):
    return [clip.file_path for clip in found]


def test_paths_are_resolved_against_the_root(root):
    given_paths = ["x.mp4", "./a//x.mp4", "a/../y.mp4", f"{root}/a/./x.mp4", f"/{root}/x.mp4"]
    found = clips(root, {"file_path": given_paths, "clip_id": list("abcde")})
    names = ["x.mp4", "a/x.mp4", "y.mp4", "a/x.mp4", "x.mp4"]
    assert paths_of(found) == [f"{root}/{name}" for name in names]


def test_a_relative_root_gives_relative_paths(root, monkeypatch):
    monkeypatch.chdir(root.parent)
    (found,) = clips("root/../root", {"file_path": ["x.mp4"]})
    assert found.file_path == "root/x.mp4"
    monkeypatch.chdir(root)
    found = clips(".", {"file_path": ["x.mp4", f"{root}/a/x.mp4"], "clip_id": ["a", "b"]})
    assert paths_of(found) == ["x.mp4", "a/x.mp4"]


def test_a_folder_of_frames_is_a_clip(root):
    (found,) = clips(root, {"file_path": ["frames/"]})
    assert (found.clip_id, found.file_path) == ("frames", f"{root}/frames")


@pytest.mark.parametrize(
    "path", ["..", ".", "../x.mp4", "a/../../root/x.mp4", "/etc/passwd", "/", "{root}", "{root}x/y"]
)
@pytest.mark.parametrize("check_files", [True, False])
def test_paths_that_leave_the_root(root, path, check_files):
    path = path.format(root=root)
    (problem,) = problems(root, {"file_path": [path]}, check_files=check_files)
    assert problem == (f"line 2: file_path {path!r}: leaves the root; expected a path below {root}")


def test_a_control_character_is_refused(root):
    (problem,) = problems(root, {"file_path": ["a\x00b.mp4"]})
    assert "contains a control character" in problem


@settings(deadline=None)
@given(st.lists(st.sampled_from(["..", ".", "a", "b", "", "c.mp4"]), min_size=1))
def test_no_path_leaves_the_root_unseen(parts):
    path = "/".join(parts)
    found = []
    (relative,) = Root("/data/root").relative([path or None], found)
    full = posixpath.normpath(posixpath.join("/data/root", path))
    assert (relative is not None) == full.startswith("/data/root/")
    assert relative is None or f"/data/root/{relative}" == full
    assert len(found) == (relative is None)


# Missing files


def test_missing_files_are_errors_or_flagged(root):
    columns = {"file_path": ["x.mp4", "gone.mp4", "gone/x.mp4", "x.mp4/y", "a\\x.mp4"]}
    found = problems(root, columns)
    assert found[0] == (
        "line 3: file_path 'gone.mp4': no such file; expected a video or a folder of frames at "
        f"{root}/gone.mp4"
    )
    assert len(found) == 4
    assert found[-1].endswith("(write / in place of \\)")
    flagged = clips(root, columns, flag_missing=True)
    assert [clip.missing for clip in flagged] == [False, True, True, True, True]


def test_nothing_is_missing_where_nobody_looks(root):
    (found,) = unlooked(root, {"file_path": ["gone.mp4"]})
    assert not found.missing
    assert len(unlooked(root / "gone", {"file_path": ["x.mp4"]})) == 1


@pytest.mark.parametrize("flag", [True, False])
def test_a_missing_root_is_named_once(root, flag):
    columns = {"file_path": ["x.mp4", "y.mp4"], "label": ["happy", "glad"]}
    found = problems(root / "gone", columns, flag_missing=flag)
    assert found[0] == f"root {str(root / 'gone')!r}: no such folder"
    assert len(found) == 2


def test_large_folders_are_listed(root):
    names = [f"a/{i}.mp4" for i in range(40)]
    for name in names[:-1]:
        (root / name).touch()
    (root / "a/link.mp4").symlink_to(root / "x.mp4")
    (root / "a/broken.mp4").symlink_to(root / "nowhere")
    columns = {"file_path": [*names, "a/link.mp4", "a/broken.mp4"]}
    flagged = clips(root, columns, flag_missing=True)
    assert [clip.clip_id for clip in flagged if clip.missing] == ["39", "broken"]
    columns = {"file_path": [f"gone/{name}" for name in names]}
    assert all(clip.missing for clip in clips(root, columns, flag_missing=True))


# Links


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    (folder / "deep").mkdir(parents=True)
    for name in ("secret.mp4", "deep/secret.mp4"):
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("count", [1, 40])
def test_links_out_of_the_root_are_refused(root, outside, count):
    (root / "way").symlink_to(outside)
    (root / "a/secret.mp4").symlink_to(outside / "secret.mp4")
    names = ["a/secret.mp4", "way/secret.mp4", "way/deep/secret.mp4"]
    more = [f"a/{i}.mp4" for i in range(count)]
    for name in more:
        (root / name).touch()
    found = problems(root, {"file_path": [*names, *more]})
    assert len(found) == 3
    for problem, name in zip(found, names, strict=True):
        assert f"file_path {name!r}: leaves the root by a symbolic link to {outside}" in problem
    folders_only = problems(root, {"file_path": names}, check_files=False)
    assert len(folders_only) == 2


def test_links_within_the_root_are_fine(root):
    (root / "b").symlink_to("a")
    (root / "a/z.mp4").symlink_to("../x.mp4")
    (root / "loop").symlink_to(root)
    found = clips(root, {"file_path": ["b/x.mp4", "a/z.mp4", "b/z.mp4", "loop/loop/a/x.mp4"]})
    assert len(found) == 4


def test_a_root_that_is_a_link(root):
    link = root.parent / "link"
    link.symlink_to(root)
    columns = {"file_path": ["x.mp4", f"{link}/y.mp4", f"{root}/a/x.mp4"]}
    assert paths_of(clips(link, columns)) == [f"{link}/{n}" for n in ("x.mp4", "y.mp4", "a/x.mp4")]


def test_a_very_deep_path_is_no_trouble(root):
    (problem,) = problems(root, {"file_path": ["a/" * 3000 + "x.mp4"]})
    assert "no such file" in problem


@pytest.mark.parametrize("count", [1, 40])
def test_links_out_of_the_root_can_be_followed(root, outside, count):
    (root / "way").symlink_to(outside)
    (root / "a/secret.mp4").symlink_to(outside / "secret.mp4")
    paths = ["a/secret.mp4", "way/secret.mp4", "way/deep/secret.mp4"]
    more = [f"a/{i}.mp4" for i in range(count)]
    for name in more:
        (root / name).touch()
    assert len(clips(root, {"file_path": [*paths, *more]}, follow_links=True)) == 3 + count
    (problem,) = problems(root, {"file_path": ["../outside/secret.mp4"]}, follow_links=True)
    assert "leaves the root" in problem


def test_a_link_to_nothing_says_where_it_leads(root):
    (root / "x2.mp4").symlink_to(".git/annex/objects/x2")
    (problem,) = problems(root, {"file_path": ["x2.mp4"]})
    assert "(a link to .git/annex/objects/x2, which leads nowhere)" in problem


# What is no file


@pytest.mark.parametrize("count", [1, 40])
def test_pipes_and_devices_are_refused(root, count):
    os.mkfifo(root / "a/pipe.mp4")
    (root / "a/zero.mp4").symlink_to("/dev/zero")
    more = [f"a/{i}.mp4" for i in range(count)]
    for name in more:
        (root / name).touch()
    paths = ["a/pipe.mp4", "a/zero.mp4", *more]
    found = problems(root, {"file_path": paths}, follow_links=True)
    assert [problem.partition(": a pipe, a device")[0] for problem in found] == [
        "line 2: file_path 'a/pipe.mp4'",
        "line 3: file_path 'a/zero.mp4'",
    ]


# Other spellings of a name


NFC, NFD = "m\u00fcde.mp4", "mu\u0308de.mp4"


@pytest.mark.parametrize(
    ("written", "there"),
    [(NFC, NFD), (NFD, NFC), ("X1.MP4", "x1.mp4"), ("A/deep/q.mp4", "a/Deep/Q.mp4")],
)
def test_a_file_by_another_spelling(root, written, there):
    (root / there).parent.mkdir(exist_ok=True)
    (root / there).touch()
    rows = Rows(
        source="t.csv",
        columns={"file_path": [written], "label": ["sad"]},
        place=lambda i: f"line {i + 2}",
    )
    (found,) = build_clips(rows, classes=CLASSES, root=root)
    assert found.file_path == f"{root}/{there}"
    (note,) = rows.notes
    assert "1 files are written otherwise than in the table" in note
    assert repr(there) in note


def test_a_spelling_that_means_several_files_is_refused(root):
    for name in ("Q.mp4", "q.MP4"):
        (root / name).touch()
    (problem,) = problems(root, {"file_path": ["q.mp4"]})
    assert "no such file" in problem
    assert "there is 'Q.mp4', 'q.MP4'" in problem


def test_two_rows_of_one_file_are_refused(root):
    (problem,) = problems(root, {"file_path": ["x.mp4", "X.MP4"], "clip_id": ["a", "b"]})
    assert "there is 'x.mp4', which another row names" in problem
