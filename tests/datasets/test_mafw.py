"""MAFW: single and compound labels, workbooks and lists in all forms, captions."""

import random

import pytest

from facewave.manifest.class_lists import MAFW_COMPOUND, MAFW_ONLY, MAFW_ORDER, SEVEN, canonical
from tests.datasets import release_trees as trees
from tests.datasets.release_trees import (
    MAFW_FOLD,
    MAFW_MULTI,
    MAFW_SINGLE,
    mafw_word,
    notes,
    problems,
    read,
)

SINGLE = {clip: canonical(mafw_word(label)) for clip, label in MAFW_SINGLE.items()}


def by_number(clips):
    return {int(clip.clip_id): clip for clip in clips}


def check(clips, *, folds=True):
    found = by_number(clips)
    assert {number: clip.actual for number, clip in found.items()} == SINGLE
    expected = {clip: str(fold) if folds else None for clip, fold in MAFW_FOLD.items()}
    assert {number: clip.fold for number, clip in found.items()} == expected
    return found


def test_the_official_layout(tmp_path, caplog):
    found = check(read("mafw", trees.mafw(tmp_path)))
    first = found[1]
    assert (first.actual, first.label) == ("angry", 3)
    assert first.file_path == f"{tmp_path}/clips/00001.mp4"
    assert first.text == "A person, number 1."
    assert found[5].text is None  # neutral clips have no caption
    assert max(zip(first.label_distribution, (*SEVEN, *MAFW_ONLY), strict=True))[1] == "angry"
    assert "missing" not in notes(caplog, "mafw", tmp_path)


@pytest.mark.parametrize("title", [True, False])
@pytest.mark.parametrize("suffix", ["xlsx", "csv"])
@pytest.mark.parametrize("lists", [True, False])
def test_workbooks_with_and_without_a_title_row(tmp_path, title, suffix, lists):
    trees.mafw_books(tmp_path, title=title, suffix=suffix)
    trees.mafw_clips(tmp_path)
    if lists:
        trees.mafw_lists(tmp_path)
    check(read("mafw", tmp_path), folds=lists)


def test_a_copy_that_reorders_the_ids_is_read_by_name(tmp_path):
    order = random.Random(1).sample(MAFW_ORDER, len(MAFW_ORDER))
    trees.mafw_books(tmp_path, order=order)
    trees.mafw_lists(tmp_path)
    trees.mafw_clips(tmp_path)
    check(read("mafw", tmp_path))


@pytest.mark.parametrize(
    ("captions", "expected"),
    [
        ("english", "A person, number 3."),
        ("chinese", "一个人 3"),
        ("both", "A person, number 3.\n一个人 3"),
        ("none", None),
    ],
)
def test_captions_of_the_workbook(tmp_path, captions, expected):
    assert by_number(read("mafw", trees.mafw(tmp_path), captions=captions))[3].text == expected


def test_captions_of_the_gbk_lists(tmp_path):
    trees.mafw_lists(tmp_path, captions=True)
    trees.mafw_clips(tmp_path)
    assert check(read("mafw", tmp_path, captions="both"))[3].text == "In English, 3.\n中文 3"


def test_lists_with_captions_alone_lack_the_neutral_clips(tmp_path, caplog):
    trees.mafw_lists(tmp_path, captions="only")
    trees.mafw_clips(tmp_path)
    found = by_number(read("mafw", tmp_path))
    assert len(found) == 30
    assert found[3].fold == str(MAFW_FOLD[3])
    assert "they lack all neutral clips" in notes(caplog, "mafw", tmp_path)


def test_the_seven_shared_classes(tmp_path, caplog):
    clips = read("mafw", trees.mafw(tmp_path), classes_preset=7)
    assert {clip.actual for clip in clips} == set(SEVEN)
    assert len(clips) == 21
    assert len(clips[0].label_distribution) == 7
    assert "3 clips labelled contempt" in notes(caplog, "mafw", tmp_path, classes_preset=7)


@pytest.mark.parametrize("lists", [True, False])
def test_compound_classes(tmp_path, lists):
    trees.mafw_books(tmp_path)
    trees.mafw_clips(tmp_path)
    if lists:
        trees.mafw_lists(tmp_path)
    found = by_number(read("mafw", tmp_path, classes_preset="compound"))
    expected = {clip: mafw_word(*labels) for clip, labels in MAFW_MULTI.items()}
    assert {number: clip.actual for number, clip in found.items()} == expected
    assert found[24].label == MAFW_COMPOUND.index("anger_disgust")
    assert all(clip.label_distribution is None for clip in found.values())
    assert found[24].fold == (str(MAFW_FOLD[24]) if lists else None)


def test_compound_and_single_classes_together(tmp_path):
    found = by_number(read("mafw", trees.mafw(tmp_path), classes_preset="compound-43"))
    assert len(found) == 33
    assert (found[1].actual, found[24].actual) == ("angry", "anger_disgust")


def test_folders_of_frames(tmp_path):
    trees.mafw_books(tmp_path)
    for clip in MAFW_SINGLE:
        trees.put_frames(tmp_path / "data" / "frames" / f"{clip:05d}")
    found = check(read("mafw", tmp_path, fps=24), folds=False)
    assert (found[7].file_path, found[7].fps_hint) == (f"{tmp_path}/data/frames/00007", 24)


def test_a_missing_list_is_named(tmp_path):
    trees.mafw(tmp_path)
    folder = tmp_path / "Train & Test Set" / "single" / "no_caption"
    (folder / "set_2" / "train.txt").unlink()
    (folder / "set_5" / "test.txt").unlink()
    words = problems("mafw", tmp_path)
    assert "Train & Test Set/single/no_caption/set_2/train.txt: missing" in words
    assert "Train & Test Set/single/no_caption/set_5/test.txt: missing" in words


def test_contradictions(tmp_path):
    trees.mafw(tmp_path)
    path = tmp_path / "Train & Test Set" / "single" / "no_caption" / "set_4" / "test.txt"
    path.write_bytes(path.read_bytes().replace(b"00003.mp4 fear", b"00003.mp4 anger"))
    words = problems("mafw", tmp_path)
    assert "clip 3 has label fear, but anger in" in words
    assert "clip 3 is anger, but fear in single-set.xlsx row 4" in words


def test_nothing_official_and_no_clips(tmp_path):
    assert "Labels/single-set.xlsx: missing" in problems("mafw", tmp_path)
    trees.mafw_books(tmp_path)
    assert "clips/00001.mp4 (or frames/00001/*.jpg): no clip found" in problems("mafw", tmp_path)
    (tmp_path / "Labels" / "multi-set.xlsx").unlink()
    words = problems("mafw", tmp_path, classes_preset="compound")
    assert "Labels/multi-set.xlsx: missing" in words
    assert "Train & Test Set/compound/no_caption/set_1/test.txt: missing" in words


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([["clip", "label"], ["1.mp4", "1"]], "no header with clip and single_label"),
        (
            [["clip", *MAFW_ORDER, "single_label"], ["1.mp4", *[0] * 11, 12]],
            "clip '1.mp4', single_label '12'; expected a clip's file name and numbers from 1 to 11",
        ),
    ],
)
def test_a_wrong_workbook(tmp_path, rows, words):
    trees.put_workbook(tmp_path / "Labels" / "single-set.xlsx", rows)
    trees.mafw_clips(tmp_path)
    assert words in problems("mafw", tmp_path)


def test_an_unknown_word(tmp_path):
    trees.mafw_lists(tmp_path)
    trees.mafw_clips(tmp_path)
    for path in (tmp_path / "Train & Test Set" / "single").rglob("*.txt"):
        path.write_bytes(path.read_bytes().replace(b"contempt", b"contemptt"))
    assert "label 'contemptt': unknown; expected one of" in problems("mafw", tmp_path)
