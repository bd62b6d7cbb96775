"""From rows to clips: the checks that all adapters have in common, and clip ids."""

import dataclasses
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.datasets.build_clips import CLIP_ID, build_clips, clip_ids
from facewave.datasets.rows import Rows
from facewave.manifest.clips import ManifestError
from tests.datasets.dataset_rows import clips, make_root, problems, unlooked


@pytest.fixture
def root(tmp_path):
    return make_root(tmp_path)


# Labels, splits and the other cells


@pytest.mark.parametrize("label", ["happy", " Happy ", "HAPPY", "1", 1, 1.0, "1.0", "01"])
def test_labels_are_class_names_or_indexes(root, label):
    (clip,) = unlooked(root, {"label": [label]})
    assert (clip.label, clip.actual) == (1, "happy")


def test_a_class_name_wins_over_an_index(root):
    rows = Rows("t", {"file_path": ["a"], "label": ["0"]}, str)
    options = {"root": root, "check_files": False}
    (clip,) = build_clips(rows, classes=["1", "0"], **options)
    assert clip.label == 1


@pytest.mark.parametrize(
    ("label", "index"), [("7", 2), (7, 2), ("7.0", 2), ("Joy", 1), ("joy", 1), ("neutral", 0)]
)
def test_label_names(root, label, index):
    names = {"7": "sad", "joy": "happy"}
    (clip,) = unlooked(root, {"label": [label]}, label_names=names)
    assert clip.label == index


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("hapy", "label 'hapy': unknown; expected one of neutral, happy, sad or an index from 0 to "
                 "2; did you mean 'happy'?"),
        ("3", "label '3': unknown"),
        (-1, "label '-1': unknown"),
        (1.5, "label '1.5': unknown"),
        ("", "label: blank; expected one of neutral"),
        (None, "label: blank"),
        (float("nan"), "label: blank"),
    ],
)  # fmt: skip
def test_unknown_labels(root, label, words):
    (problem,) = problems(root, {"label": ["sad", label]}, check_files=False)
    assert problem.startswith(f"line 3: {words}")


def test_with_label_names_a_number_is_never_an_index(root):
    (problem,) = problems(root, {"label": [0]}, label_names={"1": "happy"}, check_files=False)
    assert problem == (
        "line 2: label '0': unknown; expected one of label_names (1) or neutral, happy, sad"
    )


def test_splits_and_rates(root):
    loaded = unlooked(
        root,
        {
            "split": ["Train", "validation", "DEV", "val", "test ", ""],
            "fps_hint": ["25", 29.97, None, " ", "30.0", float("nan")],
        },
    )
    assert [clip.split for clip in loaded] == ["train", "val", "val", "val", "test", None]
    assert [clip.fps_hint for clip in loaded] == [25, 29.97, None, None, 30, None]


def test_bad_splits_and_rates(root):
    columns = {"split": ["tset", None], "fps_hint": ["0", "fast"]}
    found = problems(root, columns, check_files=False)
    assert found == [
        "line 2: fps_hint '0': unknown; expected a number above 0",
        "line 2: split 'tset': unknown; expected train, val or test",
        "line 3: fps_hint 'fast': unknown; expected a number above 0",
    ]


def test_votes_that_are_none(root):
    votes = [(1, 0), (1, -1, 3), (0, 0, 0), (1, math.nan, 0), "1 2 x", 7.0, "", "1 2 0", (1, 2, 0)]
    found = problems(root, {"label_distribution": votes}, check_files=False)
    assert [line.split(":")[0] for line in found] == [f"line {number}" for number in range(2, 8)]
    assert "label_distribution (1, 0): expected 3 numbers from 0 up, not all 0" in found[0]
    assert "label_distribution '1 2 x': expected 3 numbers" in found[4]


def test_blank_cells_are_null_and_numbers_are_text(root):
    loaded = unlooked(
        root,
        {
            "subject": [" s1 ", "", None, 3, 4.0],
            "label_distribution": [None, (0.5, 0.5, 0.0), None, None, None],
        },
    )
    assert [clip.subject for clip in loaded] == ["s1", None, None, "3", "4"]
    assert loaded[1].label_distribution == (0.5, 0.5, 0.0)
    assert [clip.video_idx for clip in loaded] == [0, 1, 2, 3, 4]
    assert dataclasses.astuple(loaded[0])[6:-1] == ("s1", *[None] * 11, False, None)


# Clip ids


@pytest.mark.parametrize(
    ("paths", "ids"),
    [
        (["x.mp4", "a/y.v2.mp4"], ["x", "y.v2"]),
        (["x.mp4", "a/x.mp4", "b/y.mp4"], ["x", "a__x", "y"]),
        (["a/b c.mp4", "frames/00001"], ["b_c", "00001"]),
        (["a b.mp4", "a_b.mp4"], ["a_b-", "a_b-"]),
        (["a__x.mp4", "a/x.mp4", "x.avi"], ["a__x-", "a__x-", "x"]),
        (["开心.mp4", "伤心.mp4", "_x.mp4", ".mp4"], ["clip-", "clip-", "x", "mp4"]),
        (["y" * 300 + ".mp4"], ["y" * 190]),
        (["x.mp4", "x.mp4"], ["x", "x"]),
    ],
)
def test_ids_made_from_paths(paths, ids):
    made = clip_ids([None] * len(paths), paths)
    assert len(set(made)) == len(set(paths))
    for name, expected in zip(made, ids, strict=True):
        assert CLIP_ID.fullmatch(name)
        if expected.endswith("-"):
            assert re.fullmatch(f"{expected}[0-9a-f]{{8}}", name)
        else:
            assert name == expected


@settings(deadline=None)
@given(st.lists(st.text("ab/._ é", min_size=1, max_size=8), unique=True, max_size=12), st.data())
def test_ids_are_unique_safe_and_kept(paths, data):
    given_ids = [data.draw(st.sampled_from([None, f"given{i}", "a"])) for i in range(len(paths))]
    made = clip_ids(given_ids, paths)
    own = [name for name, old in zip(made, given_ids, strict=True) if old is None]
    assert [n for n, old in zip(made, given_ids, strict=True) if old is not None] == [
        old for old in given_ids if old is not None
    ]
    assert len(set(own)) == len(own)
    assert not set(own) & (set(given_ids) - {None})
    assert all(CLIP_ID.fullmatch(name) for name in own)


def test_unsafe_and_double_ids(root):
    found = problems(root, {"clip_id": ["a", "../b", "a", ".c", "a"]}, check_files=False)
    assert found == [
        "line 3: clip_id '../b': unsafe as a file name; expected 1 to 200 letters, digits and "
        "._+=@-, with a letter or digit first",
        "line 4: clip_id 'a': the same as in line 2; expected a unique id",
        "line 5: clip_id '.c': unsafe as a file name; expected 1 to 200 letters, digits and "
        "._+=@-, with a letter or digit first",
        "line 6: clip_id 'a': the same as in line 2; expected a unique id",
    ]


def test_the_same_file_twice_needs_ids(root):
    columns = {"file_path": ["x.mp4", "./x.mp4"]}
    (problem,) = problems(root, columns)
    assert problem.startswith("line 3: file_path 'x.mp4': the same as in line 2; expected")
    assert len(clips(root, {**columns, "clip_id": ["a", "b"]})) == 2


# All at once


def test_all_bad_rows_of_all_kinds_are_named_at_once(root):
    columns = {
        "file_path": ["x.mp4", "none.mp4", "../z.mp4", "", "y.mp4"],
        "label": ["glad", "happy", "happy", "", "happy"],
        "clip_id": ["a", "b", "c", "d", "a"],
        "split": [None, None, None, None, "x"],
    }
    with pytest.raises(ManifestError) as error:
        clips(root, columns)
    kinds = [problem.split("'")[0].split(" blank")[0] for problem in error.value.problems]
    assert kinds == [
        "line 2: label ", "line 3: file_path ", "line 4: file_path ", "line 5: file_path:",
        "line 5: label:", "line 6: clip_id ", "line 6: split ",
    ]  # fmt: skip
    message = str(error.value)
    assert message.startswith("t.csv: 7 problems\n  line 2: ")
    assert message.splitlines()[-1].startswith("Correct the rows")


def test_no_rows(root):
    with pytest.raises(ManifestError, match=r"t\.csv: 1 problem\n  found no rows"):
        clips(root, {"file_path": [], "label": []})


def test_an_id_is_the_same_for_both_forms_of_a_path():
    paths = ["a/Jose\u0301.mp4", "a/Jos\u00e9 2.mp4"]
    assert clip_ids([None] * 2, paths) == ["Jos_", "Jos_2"]
    # Where a disk has both, they are two clips.
    both = clip_ids([None] * 2, ["a/e\u0301.mp4", "a/\u00e9.mp4"])
    assert len(set(both)) == 2
