"""Folds, parts and protocols of the dataset, and clips that look like those of other datasets."""

import pytest

from facewave.report.dataset import read_look_alikes
from facewave.splits.leaks import KINDS
from facewave.splits.near_duplicates import PAIR_COLUMNS
from facewave.storage.atomic import write_text
from facewave.storage.tables import format_rows
from tests.report.report_files import HOSTILE
from tests.report.report_page import render, write


def test_dataset_table_counts_parts_and_subjects(page):
    assert page.row("calm")[0] == ["7", "4", "4", "1", "2"]
    assert page.row("all")[0] == ["12", "7", "7", "2", "3"]
    assert page.row("subjects") == [["4", "", "2", "1", "1"]]


def test_shared_subjects_are_told(page, variant):
    assert "No subject is in two parts of a split" in page.words()
    assert "2 subjects are in more than one part" in variant.words()


@pytest.mark.parametrize(
    ("protocol", "kept", "words"),
    [
        ("80-10-10", (), "in the training, validation and test parts, stratified by class."),
        ("80-20", (), "by class; the validation part is taken out of the training part."),
        ("official", (), "the training and test parts are the dataset’s own;"),
        ("manifest", (), "the dataset’s own split;"),
        ("grouped_k_fold", ("subject",), "counts; clips with the same subject are in the same"),
        ("grouped_k_fold", KINDS, "same subject, take, source or content are in the same fold."),
        ("grouped_k_fold", (), "with similar class counts. Each fold is the test part once"),
        ("leave_one_subject_out", KINDS, "taken out of the rest, by whole subjects."),
        ("leave_one_subject_out", (), "the validation part is taken out of the rest."),
    ],
)
def test_protocols_are_explained(content, protocol, kept, words):
    page = render("dataset.html", content, protocol=protocol, kept_together=list(kept))
    assert words in page.words()


def test_clips_that_look_alike_are_listed(artefacts, content, tmp_path, page):
    assert "look like those of other datasets" not in page.words()
    rows = [
        pair("tiny", "good0", "other", "x1", distance="2.5", fold_b="3"),
        pair("other", "x2", "tiny", "good1", distance="0.5", split_a="test"),
        pair("other", "x3", "third", HOSTILE),
        pair("third", "y", "member", "z", distance="6.0"),
    ]
    table = tmp_path / "near_duplicates.tsv"
    write_text(table, format_rows(PAIR_COLUMNS, rows))
    compared = {"near_duplicates": table, "compared": ["tiny", "other", "third", "member"]}
    joint = {"datasets": {"tiny": {"adapter": "joint", "datasets": ["member"]}}}
    shown = write(artefacts, tmp_path, **compared, config=joint)[1]
    assert "3 pairs of clips show nearly the same images" in shown.words()
    assert shown.row("tiny: good1") == [["b", "–", "other: x2", "a", "test", "2", "0.5"]]
    assert shown.row("tiny: good0") == [["a", "–", "other: x1", "b", "fold 3", "2", "2.5"]]
    assert shown.row("member: z")
    assert not shown.row("other: x3")
    write_text(table, format_rows(PAIR_COLUMNS, rows[2:3]))
    pairs = read_look_alikes(table, ["tiny"])
    nothing = render("dataset.html", content, look_alikes=pairs, compared=["tiny", "other"])
    assert "No clip shows nearly the same images as one of another dataset" in nothing.words()


def pair(dataset_a, clip_a, dataset_b, clip_b, **cells):
    sides = {"dataset_a": dataset_a, "clip_a": clip_a, "dataset_b": dataset_b, "clip_b": clip_b}
    sides |= {"actual_a": "a", "actual_b": "b", "frames_alike": "2", "distance": "1.0"}
    return dict.fromkeys(PAIR_COLUMNS, "") | sides | cells
