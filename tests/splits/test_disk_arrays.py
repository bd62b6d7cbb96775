"""Splits whose features lie on disk, and tables that continue each other: the same values."""

import numpy as np
import pytest

from facewave.splits.disk_arrays import DiskArray, JoinedArray
from facewave.splits.read import read_split
from tests.splits.split_files import SHAPES, toy, write_split

VALUES = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
ORDERS = [[], [7], [3, 4, 5, 0, 49, 48, 10, 11], list(range(50)), [2, 2, 1]]


@pytest.fixture
def stored(tmp_path):
    array = DiskArray(tmp_path / "new", VALUES.shape)
    array[0:20] = VALUES[:20]
    array[20:50] = VALUES[20:]
    return array


@pytest.mark.parametrize("rows", ORDERS)
def test_rows_are_those_of_the_array(stored, rows):
    rows = np.array(rows, np.intp)
    assert (len(stored), stored.shape) == (50, (50, 3))
    np.testing.assert_array_equal(stored[rows], VALUES[rows])


@pytest.mark.parametrize("rows", ORDERS)
def test_joined_arrays_are_one(tmp_path, rows):
    rows = np.array(rows, np.intp)
    second = DiskArray(tmp_path, (30, 3))
    second[0:30] = VALUES[20:]
    joined = JoinedArray(VALUES[:20], second)
    assert (len(joined), joined.shape) == (50, (50, 3))
    np.testing.assert_array_equal(joined[rows], VALUES[rows])


def test_the_file_has_no_name_and_goes_with_the_array(tmp_path):
    array = DiskArray(tmp_path, (2, 2))
    file = array._file
    assert not list(tmp_path.iterdir())
    del array
    assert file.closed


def test_rows_that_were_never_written_are_named(tmp_path):
    array = DiskArray(tmp_path, (4, 2))
    array[0:2] = np.zeros((2, 2), np.float32)
    with pytest.raises(OSError, match="rows up to 2 of 4"):
        array[np.arange(3)]


def test_a_split_with_its_features_on_disk(tmp_path):
    columns = toy(700, invalid=3)
    path = write_split(tmp_path / "a.parquet", columns, row_group_size=20)
    whole = read_split(path, groups=list(SHAPES))
    found = read_split(path, groups=list(SHAPES), scratch=tmp_path)
    assert found.clip_ids == whole.clip_ids
    np.testing.assert_array_equal(found.labels, whole.labels)
    rows = np.random.default_rng(1).permutation(700)[:333]
    for name, array in whole.groups.items():
        assert isinstance(found.groups[name], DiskArray)
        assert found.groups[name].shape == array.shape
        np.testing.assert_array_equal(found.groups[name][rows], array[rows])
    empty = read_split(write_split(path, toy(0)), groups=list(SHAPES), scratch=tmp_path)
    assert len(empty.groups["landmarks"]) == 0


def test_joined_tables(tmp_path):
    columns = toy(5, invalid=1)
    columns["label_distribution"] = np.eye(3)[columns["label"]].tolist()
    one = read_split(write_split(tmp_path / "a.parquet", columns), groups=list(SHAPES))
    two = read_split(write_split(tmp_path / "b.parquet", toy(4, seed=1)), groups=list(SHAPES))
    both = one.joined(two)
    assert both.clip_ids == one.clip_ids + two.clip_ids
    assert both.valid.tolist() == [False] + [True] * 8
    np.testing.assert_array_equal(both.labels, [*one.labels, *two.labels])
    rows = np.arange(5, 9)
    np.testing.assert_array_equal(both.groups["landmarks"][rows], two.groups["landmarks"])
    np.testing.assert_array_equal(both.label_distributions[:5], one.label_distributions)
    assert np.isnan(both.label_distributions[5:]).all()
    assert two.joined(two).label_distributions is None
