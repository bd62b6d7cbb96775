"""Content-addressed store: a shard is named by a key made of everything that determines it.

A shard is a ZIP archive of `.npy` members and `metadata.json`, so that `numpy.load` opens it
without pickle; the CRC-32 of every member reveals truncation and flipped bits.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import struct
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from errno import EINVAL
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.storage.atomic import atomic_path, is_temporary
from facewave.storage.roots import Located
from facewave.storage.seals import DamagedFileError
from facewave.storage.tables import TableError, iter_rows

METADATA_MEMBER = "metadata.json"
# A key, and what `clip_shard` appends to it.
_KEY = "[0-9a-f]{64}(?:-[0-9a-f]{16})?"
# A key, also in a temporary name such as `.{key}.npz.0123.tmp.npz`.
_KEY_NAME = re.compile(rf"\.?({_KEY})\.npz")
_FRESH_SECONDS = 12 * 3600
_HASH_BLOCK = 1 << 20


class DamagedShardError(Exception):
    """A shard cannot be read back as it was written.

    Attributes:
        shard: its path.
        problem: what reading it raised.
    """

    def __init__(self, shard: Path, problem: str) -> None:
        """Take what the message is made of."""
        super().__init__(
            f"{shard}: {problem}; run again with `--forcerun track_faces`: damaged shards are "
            "then made anew, and no others"
        )
        self.shard, self.problem = shard, problem


class DroppedIndexError(Exception):
    """A bucket has to be done again, since a shard of one of its clips is damaged."""


def file_sha256(path: Path, *, on_block: Callable[[], None] = lambda: None) -> str:
    """Return the SHA-256 of a file's bytes as 64 hex digits.

    Args:
        path: of a regular file.
        on_block: called after each block that was read.

    Raises:
        OSError: if it cannot be read, or is a pipe or a device, which could be read for ever.
    """
    if not S_ISREG(path.stat().st_mode):
        raise OSError(EINVAL, "not a regular file", str(path))
    digest, block = hashlib.sha256(), memoryview(bytearray(_HASH_BLOCK))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(block):
            digest.update(block[:count])
            on_block()
    return digest.hexdigest()


def content_key(**parts: Any) -> str:
    """Return the key (64 hex digits) of a JSON-serialisable description, in any order of names."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def shard_path(store: Path, stage: str, key: str) -> Path:
    """Return where the shard of `key` lies: `{store}/{stage}/{first two digits}/{key}.npz`."""
    return store / stage / key[:2] / f"{key}.npz"


def clip_shard(store: Path, stage: str, track_key: str, **parts: Any) -> Path:
    """Return where something that was made of a tracked video lies.

    Its name begins with the trajectory's key: `prune_store` removes it together with that.

    Args:
        store, stage: see `shard_path`.
        track_key: of the trajectory, which stands for the video's bytes.
        parts: what else decides the content, JSON-serialisable.
    """
    return shard_path(store, stage, f"{track_key}-{content_key(**parts)[:16]}")


def write_shard(
    path: Path,
    arrays: Mapping[str, NDArray[Any] | tuple[tuple[int, ...], str, Iterable[NDArray[Any]]]],
    metadata: Mapping[str, Any],
) -> None:
    """Write a shard atomically; equal content under one key gives equal bytes.

    The metadata of a shard that is named by a key, here or by a temporary name, hold that `key`.
    A temporary name is written as it is: who gave it replaces or removes the file.

    Args:
        path: where it goes; folders are made.
        arrays: name to array, or to (shape, dtype, chunks) with chunks along the first axis, so
            that a long clip needs no more memory than a short one.
        metadata: JSON-serialisable.

    Raises:
        ValueError: if chunks do not add up to their shape, or an array holds Python objects.
    """
    whole = nullcontext(path) if is_temporary(path.name) else atomic_path(path, sync=False)
    with whole as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            if isinstance(array, np.ndarray):
                array = (array.shape, array.dtype.str, [array])
            _write_member(archive, name, *array)
        key = _key_of(path)
        known = {**metadata, "key": key} if key else metadata
        text = json.dumps(known, sort_keys=True, indent=1, allow_nan=False)
        archive.writestr(zipfile.ZipInfo(METADATA_MEMBER), text)


def _write_member(
    archive: zipfile.ZipFile,
    name: str,
    shape: tuple[int, ...],
    dtype: str,
    chunks: Iterable[NDArray[Any]],
) -> None:
    if np.dtype(dtype).hasobject:
        raise ValueError(f"{name}: an array of Python objects cannot be stored without pickle")
    header = {"descr": dtype, "fortran_order": False, "shape": tuple(shape)}
    missing = math.prod(shape)
    with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, header)
        for chunk in chunks:
            member.write(np.ascontiguousarray(chunk, dtype=dtype).tobytes())
            missing -= chunk.size
    if missing:
        raise ValueError(f"{name}: the chunks hold {-missing:+d} values compared with {shape}")


def read_shard(
    path: Path, names: Iterable[str] | None = None
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read a shard: its arrays by name and its metadata.

    Args:
        path: of the shard.
        names: of the arrays that are wanted; None: all of them.

    Raises:
        DamagedShardError: if it or an array is missing, truncated or altered.
    """
    with _damage(path), zipfile.ZipFile(path) as archive:
        there = (name for name in archive.namelist() if name != METADATA_MEMBER)
        wanted = there if names is None else (f"{name}.npy" for name in names)
        arrays = {name.removesuffix(".npy"): _read_array(archive, name) for name in wanted}
        return arrays, _metadata(archive, path)


def _metadata(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    metadata: dict[str, Any] = json.loads(archive.read(METADATA_MEMBER))
    # Shards from before they knew their keys have none.
    if (key := _key_of(path)) and metadata.get("key", key) != key:
        raise ValueError(f"it is the shard of another key, {metadata['key']}")
    return metadata


def _key_of(path: Path) -> str | None:
    found = _KEY_NAME.match(Path(path).name)
    return found[1] if found else None


def _read_array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with archive.open(name) as member:
        array: NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
        # The CRC is compared only when the end of the member has been read.
        if member.read(1):
            raise ValueError(f"{name} is longer than its header says")
    return array


def read_metadata(path: Path) -> dict[str, Any]:
    """Read only the metadata of a shard.

    Raises:
        DamagedShardError: if it is missing, truncated or altered.
    """
    with _damage(path), zipfile.ZipFile(path) as archive:
        return _metadata(archive, path)


def iter_frames(path: Path, name: str, *, chunk: int = 4096) -> Iterator[NDArray[Any]]:
    """Yield an array of a shard in chunks of `chunk` rows of its first axis.

    Raises:
        DamagedShardError: if it is missing, truncated or altered (possibly after some chunks).
    """
    with (
        _damage(path),
        zipfile.ZipFile(path) as archive,
        archive.open(f"{name}.npy") as member,
    ):
        np.lib.format.read_magic(member)
        shape, _, dtype = np.lib.format.read_array_header_1_0(member)
        row = math.prod(shape[1:]) * dtype.itemsize
        for start in range(0, shape[0], chunk):
            count = min(chunk, shape[0] - start)
            data = member.read(count * row)
            yield np.frombuffer(data, dtype).reshape(count, *shape[1:])
        if member.read(1):
            raise ValueError(f"{name} is longer than its header says")


def read_rows(path: Path, name: str, start: int, stop: int) -> NDArray[Any]:
    """Read rows `start` to `stop` of an array's first axis without reading those before.

    The checksum covers whole arrays, so it cannot be compared here: call `check_whole` before.

    Raises:
        DamagedShardError: if the shard or the array is missing, or it is too short.
    """
    with _damage(path), path.open("rb") as file:
        status = os.fstat(file.fileno())
        place, shape, dtype = _place(path, name, status.st_mtime_ns, status.st_size)
        row = math.prod(shape[1:]) * dtype.itemsize
        stop = min(stop, shape[0])
        file.seek(place + start * row)
        data = file.read(max(stop - start, 0) * row)
        return np.frombuffer(data, dtype).reshape(-1, *shape[1:])


@lru_cache(maxsize=16)
def _place(path: Path, name: str, *status: int) -> tuple[int, tuple[int, ...], np.dtype[Any]]:
    """Return where an array's values begin in a shard, its shape and its dtype."""
    del status
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        file.seek(archive.getinfo(f"{name}.npy").header_offset)
        # The lengths of a member's name and extra field stand at the end of its header.
        file.seek(sum(struct.unpack("<26x2H", file.read(30))), os.SEEK_CUR)
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        return file.tell(), shape, dtype


def check_whole(path: Path) -> None:
    """Compare the checksums of all of a shard's members, once per process while it stays the same.

    Raises:
        DamagedShardError: if it is missing, truncated or altered.
    """
    with _damage(path):
        status = path.stat()
        _check_whole(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=16)
def _check_whole(path: Path, *status: int) -> None:
    del status
    _compare(path)


def _compare(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        if (member := archive.testzip()) is not None:
            raise ValueError(f"{member}: its checksum is another one")
        return _metadata(archive, path)


def read_all(path: Path) -> dict[str, Any]:
    """Read all of a shard, compare its checksums and its key, and return its metadata.

    Raises:
        FileNotFoundError: there is none.
        DamagedShardError: it is truncated, altered or the shard of another key.
    """
    path.stat()
    with _damage(path):
        return _compare(path)


def is_whole(path: Path) -> bool:
    """Return whether a shard exists, with every byte as it was written, under its own key.

    A shard that is old is given today's date: `prune_store` keeps what has just been found.
    """
    try:
        with _damage(path):
            _compare(path)
    except DamagedShardError:
        return False
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > _FRESH_SECONDS:
            os.utime(path)
    return True


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    # A flipped bit makes zipfile and NumPy raise almost anything: NotImplementedError for a
    # unknown compression, MemoryError for a shape, TokenError for a header.
    try:
        yield
    except Exception as error:
        raise DamagedShardError(path, f"{type(error).__name__}: {error}") from error


def iter_index(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the rows of a bucket's index, one per clip.

    Raises:
        DroppedIndexError: if there is no such file, since another job dropped it, or if its digest
            is that of another content; then it is removed here, so that the next run makes it anew.
        TableError: if a column is missing, or the file is damaged and has no digest.
    """
    try:
        yield from iter_rows(path, columns)
    except TableError as error:
        if not isinstance(error.__cause__, DamagedFileError):
            raise
        path.unlink(missing_ok=True)
        raise DroppedIndexError(
            f"{path}: damaged or edited. It was removed: run the same command again, which makes "
            "it anew from what is in the store"
        ) from error
    except FileNotFoundError:
        raise DroppedIndexError(
            f"{path}: no such index. A job removes it where a shard that it names is damaged: run "
            "the same command again"
        ) from None


def iter_located(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield rows as `iter_index`, with `file_path` as it is to be opened."""
    located = Located.of(path.parent.parent)
    for row in iter_index(path, columns):
        yield {**row, "file_path": located.path(row["file_path"])}


@contextmanager
def drop_index_if_damaged(index: Path, *, clip_id: str) -> Iterator[None]:
    """Let the next run make a shard again that the block finds damaged or missing.

    The index that names the shard is removed. It is an output of Snakemake's, so the next run plans
    the bucket of the earlier stage, whose job makes this shard anew and finds all others whole in
    the store. The shard itself stays: if it was not the shard that failed but the machine, nothing
    is computed again. Several jobs may find the same damage.

    Args:
        index: of the clip's bucket, written by the stage that made the shard.
        clip_id: for the message.

    Raises:
        DroppedIndexError: if a shard is damaged; names the clip, the shard and what to do.
    """
    try:
        yield
    except DamagedShardError as error:
        index.unlink(missing_ok=True)
        raise DroppedIndexError(
            f"clip {clip_id}: the shard {error.shard} is missing or damaged ({error.problem}). Run "
            f"the same command again: it makes this shard anew ({index} was removed for that)"
        ) from error
