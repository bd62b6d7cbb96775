import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facewave.splits.read import read_split
from tests.splits.split_files import CLASSES, SHAPES, toy, write_split


def test_reads_what_was_written_over_several_row_groups(tmp_path):
    columns = toy(700, invalid=3)
    table = read_split(write_split(tmp_path / "a.parquet", columns), groups=list(SHAPES))
    assert len(table) == 700
    assert table.clip_ids == columns["clip_id"]
    assert table.labels.dtype == np.int64
    assert table.valid.dtype == np.bool_
    np.testing.assert_array_equal(table.labels, columns["label"])
    np.testing.assert_array_equal(table.valid, columns["valid"])
    for name in SHAPES:
        assert table.groups[name].dtype == np.float32
        assert table.groups[name].flags.c_contiguous
        np.testing.assert_array_equal(table.groups[name], columns[name])
    assert table.classes == CLASSES
    assert table.shapes == SHAPES
    assert table.metadata["features"] == {"layout": "segments"}


def test_reads_only_the_groups_that_are_asked_for(tmp_path):
    path = write_split(tmp_path / "a.parquet", toy(5))
    assert read_split(path, groups=()).groups == {}
    assert list(read_split(path, groups=["blendshapes"]).groups) == ["blendshapes"]


def test_empty_part(tmp_path):
    table = read_split(write_split(tmp_path / "a.parquet", toy(0)), groups=["landmarks"])
    assert len(table) == 0
    assert table.groups["landmarks"].shape == (0, 12)


def test_missing_group_names_those_there(tmp_path):
    path = write_split(tmp_path / "a.parquet", toy(5))
    with pytest.raises(ValueError, match=r"a\.parquet.*'audio'.*blendshapes, landmarks"):
        read_split(path, groups=["audio"])


def test_group_of_another_width_than_its_shape(tmp_path):
    path = tmp_path / "a.parquet"
    write_split(path, toy(5))
    table = pq.read_table(path)
    raw = table.schema.metadata[b"facewave"].replace(b"[2, 4]", b"[2, 5]")
    pq.write_table(table.replace_schema_metadata({b"facewave": raw}), path)
    with pytest.raises(ValueError, match=r"'blendshapes' has 8 values.*\(2, 5\) has 10"):
        read_split(path, groups=["blendshapes"])


def _replace(path, name, array):
    table = pq.read_table(path)
    index = table.column_names.index(name)
    pq.write_table(table.set_column(index, name, array), path)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("label", pa.array([0, 1, 2, 3, 0], pa.int32()), r"'label' is 3 for clip 's0_003'.*0 to 2"),
        ("label", pa.array([0, 1, -1, 2, 0], pa.int32()), r"'label' is -1 for clip 's0_002'"),
        ("label", pa.array([0, 1, None, 2, 0], pa.int32()), "'label' has empty cells"),
        ("valid", pa.array([True, None, True, True, True]), "'valid' has empty cells"),
        (
            "blendshapes",
            pa.array([[0.0] * 8] * 4 + [None], pa.list_(pa.float32(), 8)),
            "'blendshapes' has empty cells",
        ),
        (
            "blendshapes",
            pa.array([[0.0] * 8] * 4 + [[0.0] * 7 + [None]], pa.list_(pa.float32(), 8)),
            "'blendshapes' has empty values",
        ),
        (
            "blendshapes",
            pa.array([[0.0] * 8] * 5, pa.list_(pa.float64(), 8)),
            "'blendshapes' is .*not a fixed-size list of float32",
        ),
    ],
)
def test_bad_columns_are_named(tmp_path, name, array, message):
    path = write_split(tmp_path / "a.parquet", toy(5))
    _replace(path, name, array)
    with pytest.raises(ValueError, match=message):
        read_split(path, groups=["blendshapes"])


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_split(tmp_path / "none.parquet", groups=())
    text = tmp_path / "text.parquet"
    text.write_text("clip_id,label\n")
    with pytest.raises(ValueError, match=r"text\.parquet: not a readable Parquet file"):
        read_split(text, groups=())
    bare = write_split(tmp_path / "bare.parquet", toy(5), metadata=False)
    with pytest.raises(ValueError, match="not a split of facewave"):
        read_split(bare, groups=())
    lacking = write_split(tmp_path / "lacking.parquet", toy(5))
    pq.write_table(pq.read_table(lacking).drop_columns(["valid"]), lacking)
    with pytest.raises(ValueError, match="no column 'valid'; there are: clip_id"):
        read_split(lacking, groups=())


def test_votes(tmp_path):
    columns = toy(300)
    assert (
        read_split(write_split(tmp_path / "a.parquet", columns), groups=()).label_distributions
        is None
    )
    votes = [None if i % 7 else [0.0, 0.25, 0.75] for i in range(300)]
    path = write_split(tmp_path / "b.parquet", {**columns, "label_distribution": votes})
    shares = read_split(path, groups=()).label_distributions
    assert shares.dtype == np.float32
    np.testing.assert_array_equal(shares[::7], [[0.0, 0.25, 0.75]] * 43)
    assert np.isnan(np.delete(shares, np.s_[::7], axis=0)).all()
    nobody = write_split(tmp_path / "c.parquet", {**columns, "label_distribution": [None] * 300})
    assert read_split(nobody, groups=()).label_distributions is None


@pytest.mark.parametrize(
    ("votes", "words"),
    [
        ([0.5, 0.5], r"lists of \[2\] values; there are 3 classes"),
        ([3.0, 7.0, 0.0], "expected fractions that sum to 1, found"),
        ([1.5, -0.5, 0.0], "expected fractions that sum to 1, found"),
        ([float("nan"), 0.5, 0.5], "expected fractions that sum to 1, found"),
    ],
)
def test_votes_that_are_no_shares(tmp_path, votes, words):
    columns = {**toy(2), "label_distribution": [None, votes]}
    path = write_split(tmp_path / "a.parquet", columns)
    with pytest.raises(ValueError, match=rf"a\.parquet: column 'label_distribution'.* {words}"):
        read_split(path, groups=())
