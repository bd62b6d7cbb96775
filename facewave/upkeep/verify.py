"""Read every byte of the store or of the results, and name what is not as it was written."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from errno import EACCES, EIO, ENODEV, EPERM, ESTALE, ETIMEDOUT
from pathlib import Path
from typing import Any
from zlib import crc32

from facewave.storage.atomic import write_json
from facewave.storage.seals import DamagedFileError, check_archive, check_parquet, is_seal
from facewave.storage.store import DamagedShardError, read_all
from facewave.storage.tables import TableError, iter_rows
from facewave.upkeep.needed import Needed, dataset_folders, needed_shards
from facewave.upkeep.prune import ASIDE

# What says that reading failed, and nothing of the bytes.
_MACHINE = (EIO, ESTALE, ETIMEDOUT, EACCES, EPERM, ENODEV)
_PART = re.compile(r"([1-9][0-9]*)/([1-9][0-9]*)")


class DamageFoundError(Exception):
    """Something is damaged or could not be read; the message lists it."""


@dataclass
class Verified:
    """What was found; written as JSON.

    Attributes:
        part: which shards were read, such as `2/30`; `1/1` means all.
        checked: number of files by stage of the store, or by kind.
        without_digest: number of files by stage or kind that earlier versions wrote, without a
            digest of their content or without their own key.
        not_checked: number of files by stage that no check is known of.
        damaged: path, problem, and for shards the clips' datasets and where it was put (`aside`).
        unread: path and problem of files that the machine could not read; they stay.
        dropped: indexes that were removed, so that the next run makes the damaged shards anew.
    """

    part: str = "1/1"
    checked: Counter[str] = field(default_factory=Counter)
    without_digest: Counter[str] = field(default_factory=Counter)
    not_checked: Counter[str] = field(default_factory=Counter)
    damaged: list[dict[str, Any]] = field(default_factory=list)
    unread: list[dict[str, str]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        write_json(path, vars(self))

    def judge(self, what: str, *, report: Path) -> str:
        """Return a line about what was checked.

        Raises:
            DamageFoundError: something is damaged or could not be read.
        """
        bad = [*self.damaged, *self.unread]
        checked = f"{what}: {sum(self.checked.values()):,} files read (part {self.part})"
        if old := sum(self.without_digest.values()):
            checked += f", {old:,} of them from versions without digests"
        if not bad:
            return f"{checked}, all whole"
        lines = "".join(f"\n  {entry['path']}: {entry['problem']}" for entry in bad[:20])
        raise DamageFoundError(
            f"{checked}, {len(self.damaged)} damaged, {len(self.unread)} that could not be read "
            f"(all in {report}):{lines}"
        )


def verify_store(results: Path, store: Path, *, part: str = "1/1") -> Verified:
    """Read the shards of the store: every member's checksum, and the key that each says it has.

    Damaged ones are moved to `store/damaged`, and the indexes that name them are removed, so that
    the next run makes them anew.

    Args:
        results: whose indexes name shards.
        store: folder of the content-addressed store.
        part: `k/n`: only the k-th of n parts of the shards, which are divided by their keys.

    Raises:
        ValueError: `part` is no such part.
    """
    number, count = _part(part)
    found, needed = Verified(part=part), needed_shards(results)
    for stage, path in store_files(store):
        if crc32(path.stem.encode()) % count != number - 1:
            continue
        try:
            sealed = _check_shard(path, needed)
        except FileNotFoundError:
            continue  # pruned meanwhile
        except (DamagedShardError, ValueError) as error:
            _note_shard(found, stage, path, error)
            sealed = True
        found.checked[stage] += sealed is not None
        found.not_checked[stage] += sealed is None
        found.without_digest[stage] += sealed is False
    if found.damaged:
        _put_aside(found, needed, store)
    return found


def _check_shard(path: Path, needed: Needed) -> bool | None:
    """Return whether a shard says its own key, or has a digest; None: it cannot be checked here."""
    if path.suffix == ".npz":
        metadata = read_all(path)
        # Shards of earlier versions do not know their keys, but features know their trajectories.
        origin = needed.origins.get(path.stem)
        if origin and metadata.get("track_key", origin) != origin:
            raise ValueError(f"it is made of another trajectory, {metadata['track_key']}")
        return "key" in metadata
    return _check_safetensors(path) if path.suffix == ".safetensors" else None


def _note_shard(found: Verified, stage: str, path: Path, error: Exception) -> None:
    problem = error.problem if isinstance(error, DamagedShardError) else str(error)
    entry: dict[str, Any] = {"path": str(path), "problem": problem}
    if isinstance(error.__cause__, OSError) and error.__cause__.errno in _MACHINE:
        # Reading failed, not what was read: a disk or a network that may answer again.
        found.unread.append(entry)
        return
    found.damaged.append({**entry, "stage": stage, "key": path.stem})


def _put_aside(found: Verified, needed: Needed, store: Path) -> None:
    dropped: set[Path] = set()
    for entry in found.damaged:
        stage, key, path = entry["stage"], entry["key"], Path(entry["path"])
        aside = store / ASIDE / stage / path.name
        aside.parent.mkdir(parents=True, exist_ok=True)
        path.replace(aside)
        entry["aside"] = str(aside)
        entry["datasets"] = sorted(needed.keys.get(stage, {}).get(key, ()))
        dropped |= needed.indexes.get((stage, key), set())
    for index in dropped:
        index.unlink(missing_ok=True)
    found.dropped = sorted(map(str, dropped))


def store_files(store: Path) -> Iterator[tuple[str, Path]]:
    """Yield the stage and the path of every file in the store that is named by a key."""
    for folder in sorted(store.glob("*")):
        if folder.is_dir() and folder.name != ASIDE:
            for path in sorted(folder.glob("??/*")):
                if path.suffix in (".npz", ".safetensors") and not path.name.startswith("."):
                    yield folder.name, path


def _part(text: str) -> tuple[int, int]:
    found = _PART.fullmatch(text)
    if found is None or int(found[1]) > int(found[2]):
        raise ValueError(f"verify_part: {text}: expected k/n with k from 1 to n, such as 1/30")
    return int(found[1]), int(found[2])


def verify_results(results: Path) -> Verified:
    """Read every index, Parquet file, checkpoint and JSON file outside the store.

    Nothing is moved or removed: each is named, with what makes it again.
    """
    found = Verified()
    for folder in dataset_folders(results):
        for path in sorted(folder.rglob("*")):
            check = _CHECKS.get(path.suffix)
            if check is None or path.name.startswith(".") or not path.is_file():
                continue
            if path.relative_to(folder).parts[0] == "benchmarks":
                continue  # Snakemake's own measurements
            kind = path.suffix[1:]
            found.checked[kind] += 1
            try:
                sealed = check(path)
            except (ValueError, TableError) as error:
                problem = str(error).removeprefix(f"{path}: ")
                found.damaged.append({"path": str(path), "problem": problem})
            except OSError as error:
                found.unread.append({"path": str(path), "problem": str(error)})
            else:
                found.without_digest[kind] += sealed is False
    return found


def _check_table(path: Path) -> bool:
    for _ in iter_rows(path, ()):
        pass
    with path.open(encoding="utf-8") as file:
        return is_seal(file.readline())


def _check_json(path: Path) -> None:
    try:
        json.loads(path.read_bytes())
    except ValueError as error:
        raise DamagedFileError(path, f"not JSON: {error}") from error


def _check_safetensors(path: Path) -> bool | None:
    try:
        from facewave.vlm.training.weights import load_state
    except ImportError:
        return None  # an environment without torch
    return "sha256" in load_state(path)[1]


_CHECKS: dict[str, Callable[[Path], bool | None]] = {
    ".tsv": _check_table,
    ".parquet": lambda path: check_parquet(path, whole=True),
    ".pt": check_archive,
    ".safetensors": _check_safetensors,
    ".json": _check_json,
}
