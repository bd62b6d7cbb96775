"""CSV for people: nothing is run by a spreadsheet, and every text comes back."""

import csv
from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from facewave.annotation.tables import _TYPES as DESCRIPTIONS
from facewave.datasets.files.sheets import own_table
from facewave.manifest.clips import COLUMNS as CLIPS
from facewave.speech.transcripts import COLUMNS as SAID
from facewave.storage.cells import guarded, rows_from, unguarded
from facewave.storage.tables import write_csv, write_rows

texts = st.text(
    st.one_of(st.sampled_from("=+-@\t\r\n'1.e"), st.characters(exclude_categories=["Cs"]))
)


@settings(max_examples=300, deadline=None)
@given(texts)
@example("''=1")
@example("'-1")
def test_every_text_comes_back_and_none_is_a_formula(text):
    cell = guarded(text)
    assert unguarded(cell) == text
    if cell[:1] in tuple("=+-@\t\r\n"):
        float(cell)  # only a number may begin so


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=cmd|'/C calc'!A0", "'=cmd|'/C calc'!A0"),
        ("+1+1", "'+1+1"),
        ("- yes", "'- yes"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("-0.1250", "-0.1250"),
        ("+3e-05", "+3e-05"),
        ("'tis", "'tis"),
        ("'=1", "''=1"),
        ("a=b", "a=b"),
        (-2.5, -2.5),
        (None, None),
        ("", ""),
    ],
)
def test_cells(cell, written):
    assert guarded(cell) == written


@dataclass
class Row:
    name: str
    value: float


def test_both_writers_guard_text_and_leave_numbers(tmp_path):
    write_rows(tmp_path / "a.csv", Row, [Row("=1+1", -0.5), Row("x", float("nan"))])
    assert (tmp_path / "a.csv").read_text() == "name,value\n'=1+1,-0.5000\nx,\n"
    write_csv(tmp_path / "b.csv", ["@name", "value"], iter([["=1+1", -0.5], ["x", None]]))
    assert (tmp_path / "b.csv").read_text() == "'@name,value\n'=1+1,-0.5\nx,\n"
    with (tmp_path / "a.csv").open(newline="") as file:
        assert next(rows_from(csv.DictReader(file))) == {"name": "=1+1", "value": "-0.5000"}


def test_the_tables_of_the_workflow_are_known_by_their_columns_and_no_others():
    assert all(map(own_table, (CLIPS, SAID, tuple(DESCRIPTIONS), (*CLIPS, "mine"))))
    assert not own_table(("clip_id", "file_path", "label", "text"))
