"""Tables of the workflow's own: every text comes back, and what is no table is refused."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.storage.tables import (
    TableError,
    format_rows,
    iter_rows,
    write_text,
    write_text_if_changed,
)

COLUMNS = ("clip_id", "value")

texts = st.text(st.characters(exclude_categories=["Cs"]))


def read(path, text, columns=COLUMNS):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [tuple(row.values()) for row in iter_rows(path, columns)]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("tables") / "t.tsv"


class TestRoundTrip:
    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.tuples(texts, texts), max_size=4))
    def test_any_text(self, path, rows):
        table = format_rows(COLUMNS, [dict(zip(COLUMNS, row, strict=True)) for row in rows])
        write_text(path, table)
        assert [tuple(row.values()) for row in iter_rows(path, COLUMNS)] == rows

    @pytest.mark.parametrize(
        "text", ["a\rb", "\r", "a\r\nb", "\n", "tab\there", '"', 'a "b" c', "", " ", "#", "\x00"]
    )
    def test_odd_text_in_either_column(self, path, text):
        table = format_rows(
            COLUMNS, [{"clip_id": text, "value": "x"}, {"clip_id": "y", "value": text}]
        )
        assert read(path, table) == [(text, "x"), ("y", text)]

    @pytest.mark.parametrize(
        ("value", "cell"),
        [
            (None, ""),
            (math.nan, ""),
            (np.float64("nan"), ""),
            (True, "true"),
            (False, "false"),
            (0, "0"),
            (0.1, "0.1"),
            (1 / 3, "0.3333333333333333"),
        ],
    )
    def test_values(self, value, cell):
        assert format_rows(["v", "w"], [{"v": value, "w": "x"}]) == f"v\tw\n{cell}\tx\n"

    def test_columns_not_asked_for_are_left_out(self):
        assert format_rows(["a"], [{"a": 1, "b": 2}]) == "a\n1\n"

    def test_a_row_without_the_column(self):
        with pytest.raises(KeyError, match="b"):
            format_rows(["a", "b"], [{"a": 1}])


class TestReading:
    def test_comments_before_the_header_are_skipped(self, path):
        text = '# {"a": 1}\n# more\nclip_id\tvalue\n#1\t2\n'
        assert read(path, text) == [("#1", "2")]

    def test_columns_may_be_more_and_in_another_order(self, path):
        path.write_text("value\tnew\tclip_id\n1\t2\t3\n")
        assert list(iter_rows(path, COLUMNS)) == [{"value": "1", "new": "2", "clip_id": "3"}]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "no column clip_id, value; it was written by another version"),
            ("clip_id\n1\n", "no column value"),
            ("clip_id\tvalue\n1\n", "a row of 1 cells, expected 2"),
            ("clip_id\tvalue\n1\t2\t3\n", "a row of 3 cells, expected 2"),
            ("clip_id\tvalue\n1\t2\n\n", "a row of 0 cells"),
            ('clip_id\tvalue\n1\t"2\n', "unexpected end of data"),
            (b"clip_id\tvalue\n1\t\xff\n", "can't decode byte 0xff"),
            ("clip_id\tvalue\n1\t" + "x" * 200_000, "field larger than field limit"),
        ],
    )
    def test_what_is_no_such_table(self, path, text, message):
        with pytest.raises(TableError, match=message) as error:
            read(path, text)
        assert str(path) in str(error.value)

    def test_missing_file(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            list(iter_rows(tmp_path / "none.tsv", COLUMNS))


class TestWritingIfChanged:
    def test_an_equal_file_is_not_touched(self, tmp_path):
        path = tmp_path / "new" / "t.tsv"
        assert write_text_if_changed(path, "a\r\nb\n")
        before = path.stat()
        assert not write_text_if_changed(path, "a\r\nb\n")
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)

    @pytest.mark.parametrize("before", [b"a\n", b"a\r\n\n", b"", b"\xff\xfe"])
    def test_another_file_is_replaced(self, tmp_path, before):
        path = tmp_path / "t.tsv"
        path.write_bytes(before)
        assert write_text_if_changed(path, "a\n\n")
        assert path.read_bytes() == b"a\n\n"
        assert list(tmp_path.iterdir()) == [path]
