"""Texts that were made for clips, put into the manifest's rows."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facewave.clip_texts import join_texts, read_texts
from facewave.manifest import Clip


def clips():
    texts = {"a": "own", "b": None, "c": "", "d": "own too"}
    return [
        Clip(name, f"{name}.mp4", index, 0, "happy", text=text)
        for index, (name, text) in enumerate(texts.items())
    ]


@pytest.mark.parametrize(
    ("join", "expected"),
    [
        ("missing", ["own", "made b", "made c", "own too"]),
        ("all", ["made a", "made b", "made c", None]),
    ],
)
def test_joins(join, expected):
    made = {name: f"made {name}" for name in "abc"}
    before = clips()
    assert [clip.text for clip in join_texts(before, made, join=join)] == expected
    assert before == clips()


def test_an_unknown_join():
    with pytest.raises(ValueError, match="'some' is none of missing, all"):
        join_texts(clips(), {}, join="some")


def test_tables_are_read_without_empty_texts(tmp_path):
    table = pa.table({"clip_id": ["a", "b", "c"], "text": ["x", None, ""], "more": [1, 2, 3]})
    pq.write_table(table, tmp_path / "t.parquet")
    assert read_texts(tmp_path / "t.parquet") == {"a": "x"}


def test_other_files_are_refused(tmp_path):
    pq.write_table(pa.table({"clip_id": ["a"]}), tmp_path / "t.parquet")
    with pytest.raises(ValueError, match="no table with clip_id and text"):
        read_texts(tmp_path / "t.parquet")
    (tmp_path / "t.parquet").write_text("x")
    with pytest.raises(ValueError, match="no table with clip_id and text"):
        read_texts(tmp_path / "t.parquet")
