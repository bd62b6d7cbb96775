import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facewave.landmark_tables.layout import TrackTableError
from facewave.landmark_tables.options import TrackTable
from facewave.landmark_tables.read import LandmarkTable, clip_names, plain_name
from tests.landmark_tables.tracker_tables import (
    OPENFACE_UNITS,
    PY_FEAT_UNITS,
    faces_68,
    openface_text,
    plain_table,
    py_feat_text,
    write_csv,
)


@pytest.fixture
def points():
    return {"landmarks": faces_68(6)[0]}


def rows_of(path, clip=None, **options):
    return LandmarkTable(path, TrackTable(**options)).rows(clip)


def test_openface_with_blanks_around_names_and_numbers(tmp_path):
    flat, space = faces_68(3)
    units = np.linspace(0, 5, len(OPENFACE_UNITS))
    text = openface_text([(i + 1, 0, i / 30, 0.98, 1, flat[i], space[i], units) for i in range(3)])
    assert text.startswith("frame, face_id, ")
    path = tmp_path / "clip.csv"
    path.write_text(text)
    rows = rows_of(path)
    np.testing.assert_allclose(rows.landmarks, flat, atol=0.051)
    np.testing.assert_allclose(rows.action_units, np.tile(units, (3, 1)), atol=0.006)
    assert rows.layout.channels.action_units == OPENFACE_UNITS
    assert rows.numbers["frame"].tolist() == [1, 2, 3]
    assert rows.numbers["time"].tolist() == [0, 0.033, 0.067]
    assert rows.faces.tolist() == [0, 0, 0]
    np.testing.assert_allclose(rows_of(path, dimensions=3).landmarks, space, atol=0.051)


def test_py_feat_with_rows_without_a_face(tmp_path):
    flat, _ = faces_68(3)
    units = np.linspace(0, 1, len(PY_FEAT_UNITS))
    path = tmp_path / "clip.csv"
    path.write_text(py_feat_text([(0, 0.99, flat[0], units), (1, None, flat[1], units)]))
    rows = rows_of(path)
    np.testing.assert_allclose(rows.landmarks[0], flat[0], rtol=1e-6)
    assert np.isnan(rows.landmarks[1]).all()
    assert np.isnan(rows.numbers["confidence"]).tolist() == [False, True]
    assert rows.layout.channels.action_units == PY_FEAT_UNITS
    # `input` has a single name: whoever asks gets its rows.
    assert len(rows_of(path, "s1_happy")) == len(rows_of(path, "other")) == 2
    assert clip_names(path, TrackTable()) == ["/videos/s1_happy.mp4"]


@pytest.mark.parametrize("blank", ["", " ", "nan", "NaN", "-nan(ind)", " nan", "-1.#IND", "null"])
def test_blanks_are_nan(tmp_path, points, blank):
    header, rows = plain_table(points, width=640, height=480)
    path = tmp_path / "t.csv"
    lines = [",".join(header)] + [",".join([blank, *map(str, row[1:])]) for row in rows]
    path.write_text("\n".join(lines))
    assert np.isnan(rows_of(path).numbers["frame"]).all()


@pytest.mark.parametrize("kind", ["csv", "semicolons", "tsv", "gz", "bom", "crlf", "parquet"])
def test_the_same_table_in_any_form_has_the_same_digest(tmp_path, points, kind):
    header, rows = plain_table(points, width=640, height=480)
    write_csv(tmp_path / "a.csv", header, rows)
    text = (tmp_path / "a.csv").read_text()
    path = tmp_path / {"tsv": "b.tsv", "gz": "b.csv.gz", "parquet": "b.parquet"}.get(kind, "b.csv")
    if kind == "parquet":
        columns = {name: rows[:, i].astype(np.float64) for i, name in enumerate(header)}
        columns["frame"] = columns["frame"].astype(np.int32)
        pq.write_table(pa.table(columns), path, row_group_size=2)
    elif kind == "gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        changes = {"semicolons": (",", ";"), "tsv": (",", "\t"), "crlf": ("\n", "\r\n")}
        old, new = changes.get(kind, ("", ""))
        changed = text.replace(old, new) if old else text
        path.write_bytes((b"\xef\xbb\xbf" if kind == "bom" else b"") + changed.encode())
    assert rows_of(path).sha256 == rows_of(tmp_path / "a.csv").sha256


def test_the_digest_is_of_the_clip_s_rows_alone(tmp_path, points):
    header, rows = plain_table(points, width=640, height=480)
    lines = [",".join(map(str, row)) for row in rows]
    both = tmp_path / "both.csv"
    named = [f"{'ab'[i % 2]}.mp4,{line}" for i, line in enumerate(lines)]
    both.write_text("\n".join(["clip," + ",".join(header), *named]))
    alone = tmp_path / "alone.csv"
    alone.write_text("\n".join(["clip," + ",".join(header), *(f"a,{x}" for x in lines[::2])]))
    table = LandmarkTable(both, TrackTable())
    assert table.rows("a").sha256 == rows_of(alone).sha256 != table.rows("b").sha256
    assert table.rows("/elsewhere/b.MP4").numbers["frame"].tolist() == [1, 3, 5]
    assert clip_names(both, TrackTable()) == ["a.mp4", "b.mp4"]
    with pytest.raises(TrackTableError, match=r"holds 2 clips \(a, b\): name which"):
        table.rows(None)
    with pytest.raises(TrackTableError, match=r"no rows of 'bb' in its column 'clip'.*'b'"):
        table.rows("bb")


def test_tables_that_cannot_be_read_are_named(tmp_path, points):
    path = tmp_path / "t.csv"
    header, rows = plain_table(points, width=640, height=480)
    write_csv(path, header, rows)
    text = path.read_text()
    path.write_text(text[: len(text) - 400])  # whoever wrote it was killed
    with pytest.raises(TrackTableError, match=r"not a readable table: .*[0-9]+ columns"):
        rows_of(path)
    path.write_text(text.replace("480.0", "tall", 1))
    with pytest.raises(TrackTableError, match=r"not a readable table: .*'tall'"):
        rows_of(path)
    path.write_text("")
    with pytest.raises(TrackTableError, match="no points"):
        rows_of(path)
    for name in ("t.csv.gz", "t.parquet"):
        (tmp_path / name).write_bytes(text.encode())
        with pytest.raises(TrackTableError, match="not a"):
            rows_of(tmp_path / name)


def test_a_header_alone_is_a_clip_without_rows(tmp_path, points):
    path = tmp_path / "t.csv"
    path.write_text(",".join(plain_table(points, width=640, height=480)[0]) + "\n")
    assert len(rows_of(path)) == 0


def test_names_without_folder_and_suffix():
    names = ["a/b.mp4", "b.MP4", " b ", "C:\\v\\b.avi", "b"]
    assert {plain_name(name) for name in names} == {"b"}
    assert plain_name("take.2") == "take.2"
