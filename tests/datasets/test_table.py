"""The adapter of a table of one's own: CSV, TSV and Parquet as people have them."""

import csv
import dataclasses
import io
import logging
import os
from unicodedata import normalize

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.config.check import dataset_config
from facewave.datasets.load import load_clips
from facewave.manifest.clips import ManifestError, read_manifest, write_manifest
from tests.datasets.dataset_rows import CLASSES, make_root


@pytest.fixture
def root(tmp_path):
    return make_root(tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


def load(root, content, *, name="labels.csv", check_files=False, **options):
    if content is not None:
        data = content.encode() if isinstance(content, str) else content
        (root / name).write_bytes(data)
    entry = {"adapter": "table", "root": str(root), "table": name, **options}
    full = dataset_config({"datasets": {"mine": entry}}, "mine")
    return load_clips(
        "mine", full, classes=CLASSES, seed=0, demo_root=root, check_files=check_files
    )


def error_of(root, content, **options):
    with pytest.raises(ManifestError) as error:
        load(root, content, **options)
    return str(error.value)


def test_votes(root, tmp_path):
    text = "file_path,label,label_distribution\nx.mp4,happy,0 7.5 2.5\na/x.mp4,sad,\n"
    assert [clip.label_distribution for clip in load(root, text)] == [(0.0, 7.5, 2.5), None]
    table = pa.table({"file_path": ["x.mp4"], "label": ["sad"], "label_distribution": [[0, 1, 3]]})
    pq.write_table(table, root / "a.parquet")
    assert load(root, None, name="a.parquet")[0].label_distribution == (0.0, 1.0, 3.0)
    assert "labels.csv line 2: label_distribution '1 2': expected 3 numbers" in error_of(
        root, "file_path,label,label_distribution\nx.mp4,happy,1 2\n"
    )
    # A manifest is such a table.
    write_manifest(load(root, text), tmp_path / "m.parquet", tmp_path / "m.csv", metadata={})
    again = load(root, (tmp_path / "m.csv").read_text().replace(f"{root}/", ""))
    assert [clip.label_distribution for clip in again] == [(0.0, 7.5, 2.5), None]


def test_what_kept_spreadsheets_from_computing_is_taken_off_where_we_put_it(root, tmp_path):
    own = load(root, "file_path,label,text\nx.mp4,happy,=1+1\na/x.mp4,sad,'- no\n")
    assert [clip.text for clip in own] == ["=1+1", "'- no"]
    write_manifest(own, tmp_path / "m.parquet", tmp_path / "m.csv", metadata={})
    written = (tmp_path / "m.csv").read_text().replace(f"{root}/", "")
    assert ",'=1+1," in written
    assert ",''- no," in written
    assert [clip.text for clip in load(root, written)] == ["=1+1", "'- no"]


def test_every_column(root):
    text = "\n".join(
        [
            "note,file_path,label,clip_id,subject,take,fold,split,text,fps_hint",
            '1,x.mp4,happy,one,s1,t1,2,train,"a ""b"", c",25',
            "2,a/x.mp4,2,two,,,,,,",
            "",
        ]
    )
    one, two = load(root, text, check_files=True)
    assert (one.clip_id, one.file_path, one.label) == ("one", f"{root}/x.mp4", 1)
    assert (one.subject, one.take, one.fold, one.split) == ("s1", "t1", "2", "train")
    assert (one.text, one.fps_hint) == ('a "b", c', 25.0)
    assert (two.actual, two.subject, two.text, two.fps_hint) == ("sad", None, None, None)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "T.CSV"])
def test_forms_of_text(root, delimiter, newline, mark, name):
    rows = [["file_path", " label "], ["x.mp4", "happy"], ['"a b, c; d.mp4"', "sad"], []]
    text = newline.join(delimiter.join(row) for row in rows)
    one, two = load(root, mark + text.encode(), name=name)
    assert (one.clip_id, one.actual) == ("x", "happy")
    assert (two.file_path, two.actual) == (f"{root}/a b, c; d.mp4", "sad")


def test_one_column_is_known_by_its_own_name(root):
    text = "file;emotion;file_path\nx.mp4;joy;other\n"
    columns = {"file_path": "file", "label": "emotion"}
    (clip,) = load(root, text, columns=columns, label_names={"Joy": "happy"})
    assert (clip.file_path, clip.actual) == (f"{root}/x.mp4", "happy")


def test_line_numbers_are_those_of_an_editor(root):
    lines = [
        "", "file_path,label,text", 'x.mp4,happy,"two', 'lines"', "", ",,", "y.mp4,glad,",
        "z.mp4,sad", "w.mp4,blue,b,c",
    ]  # fmt: skip
    for newline in ("\n", "\r\n"):
        message = error_of(root, newline.join(lines)).splitlines()
        assert message[0] == "dataset mine, labels.csv: 3 problems"
        assert message[1].startswith("  labels.csv line 7: label 'glad': unknown")
        assert message[2].startswith("  labels.csv line 9: found 4 cells, expected 3 as in the h")
        assert message[3].startswith("  labels.csv line 9: label 'blue'")


def test_rows_of_parquet_are_counted_from_one(root):
    pq.write_table(pa.table({"file_path": ["x", "y"], "label": [0, 9]}), root / "t.parquet")
    message = error_of(root, None, name="t.parquet")
    assert "t.parquet row 2: label '9': unknown" in message


def test_parquet_types(root):
    table = pa.table(
        {
            "video": pa.array(["x.mp4", "y.mp4", "a/x.mp4"]).dictionary_encode(),
            "label": pa.array([1.0, 2.0, 0.0]),
            "subject": pa.array([1, None, 3]),
            "fps_hint": pa.array([25, None, 12.5]),
            "split": pa.array(["train", None, ""], pa.large_string()),
            "other": pa.array([[1], [2], None]),
        }
    )
    folder = root / "fold=1"  # must not become a column
    folder.mkdir()
    pq.write_table(table, folder / "t.parquet")
    clips = load(root, None, name="fold=1/t.parquet", columns={"file_path": "video"})
    assert [clip.clip_id for clip in clips] == ["x", "y", "a__x"]
    assert [clip.label for clip in clips] == [1, 2, 0]
    assert [clip.subject for clip in clips] == ["1", None, "3"]
    assert [clip.fps_hint for clip in clips] == [25, None, 12.5]
    assert [clip.split for clip in clips] == ["train", None, None]
    assert [clip.fold for clip in clips] == [None] * 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("file,label\nx,happy\n", ["column 'file_path': missing; found the columns file, label"]),
        ("a,b\n1,2\n", ["column 'file_path': missing", "1 problem"]),
        ("file_pth,lable\nx,y\n", ["did you mean 'file_pth'?", "did you mean 'lable'?"]),
        ("file_path,label,label\nx,y,z\n", ["column 'label': found 2 times, expected once"]),
        ("", ["found the columns none"]),
        ("file_path,label\n", ["dataset mine, labels.csv: 1 problem", "found no rows"]),
        ("file_path,label\n\n,\n , \n", ["dataset mine, labels.csv: 1 problem", "found no rows"]),
        ('file_path,label\nx,"happy\ny,sad\n', ["line 3: unexpected end of data"]),
        ('file_path,label\n"x"y,happy\n', ["line 2: ',' expected after '\"'"]),
        (b"file_path,label\nx\xff.mp4,happy\n", ["not UTF-8", "saved as UTF-8"]),
        ("file_path,label\nx,happy\n".encode("utf-16"), ["not UTF-8"]),
    ],
)
def test_tables_that_cannot_be_read(root, content, words):
    message = error_of(root, content)
    assert [word for word in words if word not in message] == [], message
    assert "labels.csv" in message


def test_a_mapped_column_must_be_there(root):
    message = error_of(root, "file_path,label,person\n", columns={"subject": "persn"})
    assert "column 'persn' (for subject): missing" in message
    assert "did you mean 'person'?" in message
    assert "relative to `root`" in message.splitlines()[-1]


def test_no_table(root):
    assert f"dataset mine, {root}/labels.csv: 1 problem\n  no such file" in error_of(root, None)
    (root / "folder.csv").mkdir()
    assert "folder.csv: 1 problem" in error_of(root, None, name="folder.csv")
    message = error_of(root, b"no parquet", name="t.parquet")
    assert "t.parquet: 1 problem\n  not a readable Parquet file" in message


def test_missing_files_option(root):
    text = "file_path,label\nx.mp4,happy\ngone.mp4,sad\n"
    message = error_of(root, text, check_files=True)
    assert "labels.csv line 3: file_path 'gone.mp4': no such file; expected" in message
    clips = load(root, text, check_files=True, missing_files="flag")
    assert [clip.missing for clip in clips] == [False, True]


cells = st.text(
    st.characters(exclude_categories=["C", "Zl", "Zp"], include_characters="\n"), max_size=8
)


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=6),
    delimiter=st.sampled_from(",;\t"),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_csv_round_trip(folder, rows, delimiter, newline):
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=newline)
    writer.writerow(["text", "file_path", "label", "subject"])
    for index, (text, subject) in enumerate(rows):
        writer.writerow([text, f"v{index}.mp4", index % 3, subject])
    clips = load(folder, file.getvalue())
    assert [clip.text for clip in clips] == [text.strip() or None for text, _ in rows]
    subjects = [normalize("NFC", subject.strip()) or None for _, subject in rows]
    assert [clip.subject for clip in clips] == subjects
    assert [clip.label for clip in clips] == [index % 3 for index in range(len(rows))]


# What spreadsheets and other systems make of a table


def told(caplog, root, content, **options):
    """Return the clips and what was logged."""
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="facewave"):
        found = load(root, content, **options)
    return found, [record.getMessage().partition(": ")[2] for record in caplog.records]


@pytest.mark.parametrize(
    ("line", "delimiter"), [("sep=;", ";"), ('"SEP=|"', "|"), ("sep=\t", "\t")]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_line_that_names_the_delimiter(root, line, delimiter, newline):
    cells = [["file_path", "label"], ["a, b.mp4", "sad"], ["c.mp4", "nothing"]]
    lines = [line, *(delimiter.join(row) for row in cells)]
    (first,) = load(root, newline.join(lines[:3]))
    assert (first.file_path, first.actual) == (f"{root}/a, b.mp4", "sad")
    # Lines are counted as an editor does.
    assert "labels.csv line 4: label 'nothing'" in error_of(root, newline.join(lines))


def test_a_column_that_is_called_sep(root):
    (found,) = load(root, "sep=,file_path,label\n;,x.mp4,sad\n".replace("sep=", "sep"))
    assert found.actual == "sad"


def test_column_names_in_other_letter_case(root, caplog):
    (found,), notes = told(caplog, root, "File_Path,LABEL,Subject\nx.mp4,sad,anna\n")
    assert (found.actual, found.subject) == ("sad", "anna")
    assert notes == [
        "column 'File_Path': read as 'file_path'", "column 'LABEL': read as 'label'",
        "column 'Subject': read as 'subject'",
    ]  # fmt: skip
    message = error_of(root, "file_path,Label,LABEL\nx.mp4,sad,sad\n")
    assert "column 'label': found 2 times as 'Label', 'LABEL', expected once" in message
    (found,), notes = told(caplog, root, "file_path,label,Label\nx.mp4,sad,happy\n")
    assert (found.actual, notes) == ("sad", [])


def test_words_of_the_parts(root):
    words = ["Training", "train", "valid", "VAL", "Development", "testing", "test"]
    rows = "".join(f"{i}.mp4,sad,{word}\n" for i, word in enumerate(words))
    found = load(root, f"file_path,label,split\n{rows}")
    assert [clip.split for clip in found] == [*["train"] * 2, *["val"] * 3, *["test"] * 2]


def test_a_pipe_is_not_waited_for(root):
    os.mkfifo(root / "labels.csv")
    message = error_of(root, None)
    assert "labels.csv" in message
    assert "a pipe, a device or a socket, expected a file" in message


def test_a_folder_in_the_table_s_place(root):
    (root / "labels.csv").mkdir()
    assert "a folder, expected a file" in error_of(root, None)


def test_without_a_column_of_labels_clips_have_none(root, caplog):
    with caplog.at_level("INFO", logger="facewave"):
        one, two = load(root, "file_path,subject\nx.mp4,p1\na/x.mp4,p2\n")
    assert (one.label, one.actual, two.label) == (None, None, None)
    assert "no column 'label': the clips have no labels" in caplog.text
    write_manifest([one, two], root / "m.parquet", root / "m.csv", metadata={})
    unlocated = [dataclasses.replace(clip, file_path=clip.relative_path) for clip in (one, two)]
    assert read_manifest(root / "m.parquet") == unlocated
    assert (root / "m.csv").read_text().splitlines()[1].split(",")[3:5] == ["", ""]
    # A name that may be a slip is not taken for a table without labels.
    assert "did you mean 'lable'?" in error_of(root, "file_path,lable\nx.mp4,happy\n")
    assert "line 3: label: blank" in error_of(root, "file_path,label\nx.mp4,sad\na/x.mp4,\n")


def test_clips_without_a_class_need_no_label(root):
    text = "file_path,valence,label\nx.mp4,0.5,whatever\na/x.mp4,,\n"
    entry = {"adapter": "table", "root": str(root), "table": "labels.csv", "targets": ["valence"]}
    (root / "labels.csv").write_text(text)
    full = dataset_config({"datasets": {"mine": {**entry, "classes": None}}}, "mine")
    assert full["classes"] == ["mine"]
    options = {"classes": full["classes"], "seed": 0, "demo_root": root, "check_files": False}
    clips = load_clips("mine", full, **options)
    assert [(clip.label, clip.actual, clip.targets) for clip in clips] == [
        (0, "mine", (("valence", 0.5),)),
        (0, "mine", None),
    ]
    (root / "labels.csv").write_text("file_path,valence\nx.mp4,0.5\n")
    assert [clip.actual for clip in load_clips("mine", full, **options)] == ["mine"]
