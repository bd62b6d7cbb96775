"""Splits whose features stay in the file: the same values, each row once, little memory."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facewave.splits import stream as split_stream
from facewave.splits.read import read_split
from facewave.splits.stream import shuffled_rows, stream_split
from tests.splits.split_files import SHAPES, toy, write_split

ROWS, PER_GROUP, GROUPS_PER_BLOCK = 700, 20, 5
WIDTH = 12  # of the landmarks


@pytest.fixture
def split(tmp_path, monkeypatch):
    """A file of 35 row groups; blocks hold five of them."""
    monkeypatch.setattr(split_stream, "BLOCK_BYTES", GROUPS_PER_BLOCK * PER_GROUP * WIDTH * 4)
    return write_split(
        tmp_path / "a.parquet", toy(ROWS, invalid=3, signal=1.0), row_group_size=PER_GROUP
    )


@pytest.fixture
def reads(monkeypatch):
    """The row groups that were read, as (column, number)."""
    found = []
    original = pq.ParquetFile.read_row_group

    def read_row_group(self, i, columns=None, **options):
        found.append((*columns, i))
        return original(self, i, columns=columns, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", read_row_group)
    return found


def order(column, rows, *, seed=0):
    table = SimpleNamespace(groups={"landmarks": column})
    return shuffled_rows(table, ["landmarks"], rows, np.random.default_rng(seed).permutation)


def batches(positions, size=32):
    return [positions[start : start + size] for start in range(0, len(positions), size)]


def test_a_streamed_split_is_that_of_the_file(split):
    streamed, whole = stream_split(split, groups=list(SHAPES)), read_split(split, groups=SHAPES)
    assert streamed.clip_ids == whole.clip_ids
    np.testing.assert_array_equal(streamed.labels, whole.labels)
    np.testing.assert_array_equal(streamed.valid, whole.valid)
    assert (streamed.shapes, streamed.metadata) == (whole.shapes, whole.metadata)
    rows = np.random.default_rng(1).permutation(ROWS)[:333]
    for name, array in whole.groups.items():
        assert streamed.groups[name].shape == array.shape
        np.testing.assert_array_equal(streamed.groups[name][rows], array[rows])


def test_two_files_one_behind_the_other(split, tmp_path):
    other = write_split(tmp_path / "b.parquet", toy(50, seed=9), row_group_size=7)
    first, second = (stream_split(path, groups=["landmarks"]) for path in (split, other))
    both = first.groups["landmarks"].then(second.groups["landmarks"])
    expected = [
        read_split(path, groups=["landmarks"]).groups["landmarks"] for path in (split, other)
    ]
    rows = np.array([749, 0, 700, 699, 706, 707])
    np.testing.assert_array_equal(both[rows], np.concatenate(expected)[rows])


def test_an_epoch_visits_every_row_once_and_reads_every_row_group_once(split, reads):
    table = stream_split(split, groups=["landmarks"])
    column, rows = table.groups["landmarks"], np.flatnonzero(table.valid)
    positions = order(column, rows)
    np.testing.assert_array_equal(np.sort(positions), np.arange(rows.size))
    for batch in batches(positions):
        column[rows[batch]]
    assert sorted(reads) == [("landmarks", i) for i in range(ROWS // PER_GROUP)]


def test_a_pass_in_order_reads_every_row_group_once(split, reads):
    column = stream_split(split, groups=["landmarks"]).groups["landmarks"]
    for batch in batches(np.arange(ROWS)):
        column[batch]
    assert len(reads) == len(set(reads)) == ROWS // PER_GROUP


def test_the_order_depends_on_the_seed_alone(split):
    column = stream_split(split, groups=["landmarks"]).groups["landmarks"]
    rows = np.arange(ROWS)
    before = order(column, rows)
    column[rows[::-1][:400]]
    np.testing.assert_array_equal(order(column, rows), before)
    assert (order(column, rows, seed=1) != before).any()


def test_blocks_mix_row_groups_from_all_over_the_file(split):
    column = stream_split(split, groups=["landmarks"]).groups["landmarks"]
    block = order(column, np.arange(ROWS))[: GROUPS_PER_BLOCK * PER_GROUP]
    groups = np.unique(block // PER_GROUP)
    assert len(groups) == GROUPS_PER_BLOCK
    assert groups.max() - groups.min() > GROUPS_PER_BLOCK
    assert np.abs(np.diff(block)).mean() > PER_GROUP


def test_rows_in_an_array_take_any_order(split):
    array = read_split(split, groups=["landmarks"]).groups["landmarks"]
    rows = np.arange(0, ROWS, 2)
    expected = np.random.default_rng(5).permutation(rows.size)
    np.testing.assert_array_equal(order(array, rows, seed=5), expected)


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A column of 80 row groups of 120 kB, blocks of eight, and the bytes of a block."""
    columns = toy(4000)
    columns["landmarks"] = np.random.default_rng(0).random((4000, 600), np.float32)
    shapes = {"landmarks": (10, 20, 3), "blendshapes": (2, 4)}
    path = write_split(tmp_path / "a.parquet", columns, shapes=shapes, row_group_size=50)
    block = 8 * 50 * 600 * 4
    monkeypatch.setattr(split_stream, "BLOCK_BYTES", block)
    return stream_split(path, groups=["landmarks"]).groups["landmarks"], block


def most_held(column, positions):
    before, most = pa.total_allocated_bytes(), 0
    for batch in batches(positions):
        column[batch]
        most = max(most, pa.total_allocated_bytes() - before)
    return most


def test_an_epoch_holds_two_blocks_at_most(large):
    column, block = large
    assert block < most_held(column, order(column, np.arange(4000))) < 2.2 * block


def test_a_pass_in_order_holds_one_row_group(large):
    column, block = large
    assert 0 < most_held(column, np.arange(4000)) < 2.2 * block / 8


def test_a_file_that_is_no_split_is_named(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 or not")
    with pytest.raises(ValueError, match=r"a\.parquet: not a readable Parquet file"):
        stream_split(path, groups=["landmarks"])
    empty = write_split(path, toy(0))
    assert len(stream_split(empty, groups=["landmarks"]).groups["landmarks"]) == 0
