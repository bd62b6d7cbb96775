"""Shards: what is read back is what was written, or it is called damaged."""

import json
import zipfile

import numpy as np
import pytest

from facewave.storage.atomic import atomic_path
from facewave.storage.store import (
    DamagedShardError,
    content_key,
    file_sha256,
    is_whole,
    iter_frames,
    read_metadata,
    read_shard,
    shard_path,
    write_shard,
)

ARRAYS = {
    "landmarks": np.linspace(0, 1, 90, dtype=np.float32).reshape(5, 6, 3),
    "detected": np.array([True, False, True, True, False]),
    "timestamp_ms": np.arange(5, dtype=np.int64) * 40,
    "empty": np.empty((0, 3), np.float32),
}
METADATA = {"fps": 25.0, "notes": "variable – ½", "frames": 5}


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "ab" / "shard.npz"
    write_shard(path, ARRAYS, METADATA)
    return path


def assert_as_written(arrays):
    assert list(arrays) == list(ARRAYS)
    for name, expected in ARRAYS.items():
        assert arrays[name].dtype == expected.dtype
        np.testing.assert_array_equal(arrays[name], expected, strict=True)


def read_everything(path):
    """Read a shard in every way there is; None where one of them says that it is damaged."""
    try:
        arrays, metadata = read_shard(path)
        frames = {name: list(iter_frames(path, name, chunk=2)) for name in ARRAYS}
        return arrays, metadata, read_metadata(path), frames
    except DamagedShardError:
        return None


def member_bytes(path):
    """Return the positions of a shard's bytes that belong to an array or the metadata."""
    whole, held = path.read_bytes(), set()
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            start = whole.index(member.filename.encode()) + len(member.filename)
            start += int.from_bytes(whole[member.header_offset + 28 :][:2], "little")
            held |= set(range(start, start + member.file_size))
    return held


class TestReadingBack:
    def test_arrays_and_metadata(self, shard):
        arrays, metadata = read_shard(shard)
        assert_as_written(arrays)
        assert metadata == METADATA == read_metadata(shard)
        assert is_whole(shard)

    def test_numpy_opens_it_without_pickle(self, shard):
        with np.load(shard, allow_pickle=False) as arrays:
            assert_as_written({name: arrays[name] for name in ARRAYS})

    @pytest.mark.parametrize(("chunk", "lengths"), [(1, [1] * 5), (2, [2, 2, 1]), (99, [5])])
    def test_in_chunks(self, shard, chunk, lengths):
        chunks = list(iter_frames(shard, "landmarks", chunk=chunk))
        assert [len(part) for part in chunks] == lengths
        np.testing.assert_array_equal(np.concatenate(chunks), ARRAYS["landmarks"])

    def test_no_chunk_of_an_array_without_rows(self, shard):
        assert list(iter_frames(shard, "empty")) == []

    def test_columns_and_strided_views_are_stored_by_value(self, tmp_path):
        square = np.arange(12.0).reshape(3, 4)
        write_shard(tmp_path / "s.npz", {"t": square.T, "step": square[:, ::2]}, {})
        arrays, _ = read_shard(tmp_path / "s.npz")
        np.testing.assert_array_equal(arrays["t"], square.T)
        np.testing.assert_array_equal(arrays["step"], [[0, 2], [4, 6], [8, 10]])

    def test_unknown_array(self, shard):
        with pytest.raises(DamagedShardError, match="blendshapes"):
            next(iter_frames(shard, "blendshapes"))


class TestWriting:
    def test_equal_content_gives_equal_bytes(self, shard, tmp_path):
        again = tmp_path / "again.npz"
        write_shard(again, {name: array.copy() for name, array in ARRAYS.items()}, METADATA)
        assert again.read_bytes() == shard.read_bytes()

    def test_a_temporary_name_is_its_givers_to_replace(self, tmp_path):
        with atomic_path(tmp_path / "s.npz") as given:
            write_shard(given, {"t": np.arange(3)}, {})
            assert list(tmp_path.iterdir()) == [given]

    def test_chunks_give_the_bytes_of_the_array(self, shard, tmp_path):
        chunked = tmp_path / "chunked.npz"
        landmarks = ARRAYS["landmarks"].astype(np.float64)
        parts = (landmarks[start : start + 2] for start in (0, 2, 4))
        write_shard(chunked, {**ARRAYS, "landmarks": ((5, 6, 3), "<f4", parts)}, METADATA)
        assert chunked.read_bytes() == shard.read_bytes()

    @pytest.mark.parametrize(("rows", "message"), [(4, "-18 values"), (6, r"\+18 values")])
    def test_chunks_that_do_not_add_up(self, tmp_path, rows, message):
        chunks = [np.zeros((rows, 6, 3), np.float32)]
        with pytest.raises(ValueError, match=message):
            write_shard(tmp_path / "s.npz", {"landmarks": ((5, 6, 3), "<f4", chunks)}, {})
        assert list(tmp_path.iterdir()) == []

    def test_python_objects(self, tmp_path):
        with pytest.raises(ValueError, match="without pickle"):
            write_shard(tmp_path / "s.npz", {"names": np.array(["a", None], object)}, {})
        assert list(tmp_path.iterdir()) == []

    def test_nan_in_metadata(self, tmp_path):
        with pytest.raises(ValueError, match="JSON"):
            write_shard(tmp_path / "s.npz", {}, {"jitter": float("nan")})
        assert list(tmp_path.iterdir()) == []


class TestDamage:
    @pytest.mark.parametrize("content", [None, b"", b"PK\x05\x06", b"no archive" * 50])
    def test_missing_empty_or_something_else(self, tmp_path, content):
        path = tmp_path / "s.npz"
        if content is not None:
            path.write_bytes(content)
        assert not is_whole(path)
        for read in (read_shard, read_metadata, lambda p: list(iter_frames(p, "detected"))):
            with pytest.raises(DamagedShardError, match="run again with `--forcerun track_faces`"):
                read(path)

    def test_a_folder_in_its_place(self, tmp_path):
        assert not is_whole(tmp_path)

    def test_cut_anywhere(self, shard):
        whole = shard.read_bytes()
        for length in range(0, len(whole), 7):
            shard.write_bytes(whole[:length])
            assert not is_whole(shard)
            assert read_everything(shard) is None

    def test_a_flipped_bit_anywhere(self, tmp_path):
        path = tmp_path / "s.npz"
        arrays = {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "seen": np.array([True])}
        write_shard(path, arrays, METADATA)
        whole, held = path.read_bytes(), member_bytes(path)
        for position in range(len(whole)):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << (position % 8)
            path.write_bytes(damaged)
            try:
                found, metadata = read_shard(path)
                chunks = list(iter_frames(path, "x"))
            except DamagedShardError:
                assert not is_whole(path)
                continue
            # Harmless: a date, say. What the shard holds is as it was.
            assert position not in held
            assert metadata == METADATA
            np.testing.assert_equal([found, chunks], [arrays, [arrays["x"]]])

    @pytest.mark.parametrize("shape", [b"(90, 60, 1)", b"(89, 60, 2)", b"(91, 60, 2)"])
    def test_another_shape_in_the_header_of_a_large_array(self, tmp_path, shape):
        path = tmp_path / "s.npz"
        write_shard(path, {"x": np.zeros((90, 60, 2))}, {})
        path.write_bytes(path.read_bytes().replace(b"(90, 60, 2)", shape))
        with pytest.raises(DamagedShardError):
            read_shard(path)
        with pytest.raises(DamagedShardError):
            list(iter_frames(path, "x"))

    @pytest.mark.parametrize("flag", [0x01, 0x20, 0x40])
    def test_flags_that_zipfile_does_not_support(self, shard, flag):
        data = bytearray(shard.read_bytes())
        data[data.index(b"PK\x01\x02") + 8] ^= flag
        shard.write_bytes(data)
        assert not is_whole(shard)
        assert read_everything(shard) is None

    def test_a_shape_that_needs_more_memory_than_there_is(self, tmp_path):
        path = tmp_path / "s.npz"
        with zipfile.ZipFile(path, "w") as archive:
            header = b"\x93NUMPY\x01\x00v\x00"
            text = b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999, ), }"
            archive.writestr("landmarks.npy", header + text.ljust(0x75) + b"\n" + bytes(8))
            archive.writestr("metadata.json", "{}")
        with pytest.raises(DamagedShardError):
            read_shard(path)

    def test_without_metadata(self, tmp_path):
        with zipfile.ZipFile(tmp_path / "s.npz", "w") as archive:
            archive.writestr("x.npy", b"")
        assert not is_whole(tmp_path / "s.npz")


class TestKeys:
    def test_the_key_of_a_description_stays_the_same(self):
        # sha256 of {"a":1,"b":["ü",0.5]} with \u escapes, as `printf … | sha256sum` gives it.
        text = '{"a":1,"b":["\\u00fc",0.5]}'
        assert json.loads(text) == {"a": 1, "b": ["ü", 0.5]}
        key = content_key(b=["ü", 0.5], a=1)
        assert key == "58d808159fa46bddbf72f5eced74375f788791fcc701e26ba0912e8fac259e1d"

    @pytest.mark.parametrize("other", [{"a": 2}, {"a": "1"}, {"a": 1, "b": None}, {"b": 1}])
    def test_another_description_has_another_key(self, other):
        assert content_key(**other) != content_key(a=1)

    def test_nan_has_no_key(self):
        with pytest.raises(ValueError, match="JSON"):
            content_key(a=float("nan"))

    def test_place_of_a_shard(self, tmp_path):
        path = shard_path(tmp_path, "tracks", "abcdef")
        assert path == tmp_path / "tracks" / "ab" / "abcdef.npz"

    def test_digest_of_a_file(self, tmp_path):
        (tmp_path / "abc").write_bytes(b"abc")
        assert file_sha256(tmp_path / "abc").startswith("ba7816bf8f01cfea")
