"""Digests inside files: any flipped bit is told by the file's name, and other programs read on."""

import random
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facewave.storage import seals
from facewave.storage.parquet import open_parquet, parquet_schema, read_parquet, write_parquet
from facewave.storage.seals import (
    DamagedFileError,
    check_archive,
    check_parquet,
    seal_archive,
    seal_parquet,
    seal_text,
)
from facewave.storage.store import DroppedIndexError, iter_index
from facewave.storage.tables import TableError, iter_rows, write_index

COLUMNS = ("clip_id", "value")
ROWS = [{"clip_id": f"clip {i}", "value": i} for i in range(20)]
TABLE = pa.table({"clip_id": [f"c{i}" for i in range(500)], "x": [i / 7 for i in range(500)]})


def rows(path):
    return list(iter_rows(path, COLUMNS))


def archive(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a", "x" * 500)
    seal_archive(path)


def index(path):
    write_index(path, COLUMNS, ROWS)


def parquet(path):
    write_parquet(path, TABLE.replace_schema_metadata({b"facewave": b"{}"}))


def read_large(path):
    """Read as a file is read that is too large to be hashed whole."""
    kept, seals._WHOLE_BYTES = seals._WHOLE_BYTES, 0
    try:
        return read_parquet(path)
    finally:
        seals._WHOLE_BYTES = kept


@pytest.mark.parametrize(
    ("write", "read", "error"),
    [
        (index, rows, TableError),
        (parquet, read_parquet, DamagedFileError),
        (archive, check_archive, DamagedFileError),
    ],
)
def test_every_flipped_bit_is_told_or_harmless(tmp_path, write, read, error):
    path = tmp_path / "file.bin"
    write(path)
    content, wanted, told = path.read_bytes(), read(path), 0
    drawn, harmless = random.Random(1), 0
    for _ in range(150):
        changed = bytearray(content)
        changed[drawn.randrange(len(content))] ^= 1 << drawn.randrange(8)
        path.write_bytes(changed)
        try:
            found = read(path)
        except error as problem:
            told += str(path) in str(problem)
        else:  # a digest that is not recognised as one: nothing else was changed
            assert found == wanted or found is False
            harmless += 1
    assert told == 150 - harmless > 130


@pytest.mark.parametrize("cut", [1, 8, 20, 200])
@pytest.mark.parametrize("read", [read_parquet, read_large])
def test_truncated_parquet(tmp_path, cut, read):
    path = tmp_path / "a.parquet"
    parquet(path)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DamagedFileError, match=r"a\.parquet.*remove the file and run the same"):
        read(path)


def test_pages_and_footer_of_a_large_file(tmp_path):
    path = tmp_path / "a.parquet"
    parquet(path)
    content = path.read_bytes()
    assert read_large(path).equals(TABLE)
    for place in (300, len(content) - 60):  # in a page, in the footer
        changed = bytearray(content)
        changed[place] ^= 8
        path.write_bytes(changed)
        with pytest.raises(DamagedFileError, match=r"a\.parquet"):
            read_large(path)


def test_others_read_sealed_files(tmp_path):
    parquet(tmp_path / "a.parquet")
    assert pq.read_table(tmp_path / "a.parquet").equals(TABLE)
    with pq.ParquetFile(tmp_path / "a.parquet") as file:
        assert file.metadata.num_rows == 500
    archive(tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as file:
        assert file.testzip() is None


def test_files_of_earlier_versions_are_read(tmp_path):
    pq.write_table(TABLE, tmp_path / "a.parquet")
    assert read_parquet(tmp_path / "a.parquet", ["x"]).column_names == ["x"]
    assert not check_parquet(tmp_path / "a.parquet", whole=True)
    (tmp_path / "a.tsv").write_text("clip_id\tvalue\na\t1\n")
    assert rows(tmp_path / "a.tsv") == [{"clip_id": "a", "value": "1"}]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("a", "x")
    assert not check_archive(tmp_path / "a.zip")


def test_equal_content_gives_equal_bytes(tmp_path):
    for name in ("a", "b"):
        parquet(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert parquet_schema(tmp_path / "a").metadata == {b"facewave": b"{}"}


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1\xff\xff\xff\xffPAR1", b"x" * 50])
def test_no_parquet(tmp_path, content):
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(DamagedFileError, match="not a readable Parquet file"):
        read_parquet(tmp_path / "a.parquet")
    with pytest.raises(DamagedFileError, match="not a readable Parquet file"):
        seal_parquet(tmp_path / "a.parquet")


def test_errors_of_the_block_are_its_own(tmp_path):
    parquet(tmp_path / "a.parquet")
    with pytest.raises(KeyError), open_parquet(tmp_path / "a.parquet"):
        raise KeyError("mine")
    with pytest.raises(FileNotFoundError):
        read_parquet(tmp_path / "none.parquet")


def test_a_damaged_index_is_removed_so_that_it_is_made_anew(tmp_path):
    path = tmp_path / "0000.tsv"
    path.write_text(seal_text("clip_id\tvalue\na\t1\nb\t2\n").replace("b\t2\n", ""))
    with pytest.raises(DroppedIndexError, match=r"0000\.tsv: damaged or edited.*same command"):
        list(iter_index(path, COLUMNS))
    assert not path.exists()
    path.write_text("clip_id\n")
    with pytest.raises(TableError):
        list(iter_index(path, COLUMNS))
    assert path.exists(), "of another version, not damaged"
