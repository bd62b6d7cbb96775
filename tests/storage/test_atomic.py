"""Files that appear whole or not at all."""

import resource
import threading

import numpy as np
import pytest

from facewave.storage.atomic import atomic_path, write_json
from facewave.storage.store import (
    is_whole,
    write_shard,
)

ARRAYS = {"x": np.arange(9.0), "empty": np.empty((0, 3), np.float32)}


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "ab" / "shard.npz"
    write_shard(path, ARRAYS, {})
    return path


def broken():
    yield np.zeros((2, 3), np.float32)
    raise RuntimeError("landmarker died")


def test_an_exception_midway_keeps_the_old_file_and_leaves_no_other(shard):
    before = shard.read_bytes()
    with pytest.raises(RuntimeError, match="landmarker died"):
        write_shard(shard, {"x": ((9, 3), "<f4", broken())}, {})
    assert shard.read_bytes() == before
    assert list(shard.parent.iterdir()) == [shard]


def test_a_disk_that_takes_no_more_keeps_the_old_file_and_leaves_no_other(shard):
    before, limits = shard.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    big = {"x": np.zeros(100_000)}
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_shard(shard, big, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert shard.read_bytes() == before
    assert list(shard.parent.iterdir()) == [shard]


def test_writers_of_the_same_file_at_once(tmp_path):
    path, failures = tmp_path / "s.npz", []
    start = threading.Barrier(6)

    def write():
        start.wait()
        try:
            for _ in range(5):
                write_shard(path, ARRAYS, {"frames": 5})
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert list(tmp_path.iterdir()) == [path]
    assert is_whole(path)


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "never.txt"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_files_are_as_readable_as_others(tmp_path):
    (tmp_path / "plain").touch()
    with atomic_path(tmp_path / "new" / "s.txt") as temporary:
        assert temporary.suffix == ".txt"
        temporary.write_text("x")
    assert (tmp_path / "new" / "s.txt").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_json(tmp_path):
    write_json(tmp_path / "a.json", {"b": [1.5, None], "a": "é"})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert text == '{\n  "a": "é",\n  "b": [\n    1.5,\n    null\n  ]\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "b.json", {"a": float("inf")})
    assert list(tmp_path.iterdir()) == [tmp_path / "a.json"]
