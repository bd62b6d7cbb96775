"""Remove the shards and answers that no dataset's index names any more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from facewave.features.encode_bucket import FEATURE_COLUMNS
from facewave.planning.plan import read_plan
from facewave.speech.transcribe_bucket import STAGE, TRANSCRIPT_COLUMNS
from facewave.storage.answer_index import STAGE as ANSWERS
from facewave.storage.answer_index import needed_answers
from facewave.storage.tables import iter_rows
from facewave.tracking.track_bucket import TRACK_COLUMNS

_COLUMNS = {"tracks": TRACK_COLUMNS, "features": FEATURE_COLUMNS, STAGE: TRANSCRIPT_COLUMNS}


class UnfinishedError(Exception):
    """Some buckets have no index that says which of their shards are needed."""


@dataclass(frozen=True)
class Pruned:
    """What was removed, and what was kept."""

    removed: int
    removed_bytes: int
    kept: int


def named_keys(results: Path, stage: str) -> set[str]:
    """Return the keys that the indexes of all datasets under `results` name, enabled or not.

    Raises:
        TableError, UnfinishedError: if an index cannot be read, or some buckets have none; then
            nothing may be removed.
    """
    keys: set[str] = set()
    for plan_file in (*results.glob("*/keys/plan.json"), *results.glob("predict/*/keys/plan.json")):
        folder = plan_file.parents[1]
        if stage == ANSWERS:
            keys |= needed_answers(folder)
            continue
        buckets = read_plan(folder).buckets
        missing = [name for name in buckets if not (folder / stage / f"{name}.tsv").exists()]
        if 0 < len(missing) < len(buckets):
            raise UnfinishedError(
                f"{folder / stage}: {len(missing)} of {len(buckets)} buckets have no index, and "
                "what was computed for their clips would be removed; finish the run first "
                f"(`snakemake features`), or remove {folder} if you no longer need that dataset"
            )
        for bucket in buckets:
            for index in _indexes(folder, stage, bucket):
                keys.update(row["key"] for row in iter_rows(index, _COLUMNS[stage]))
    return keys


def prune_store(results: Path, store: Path) -> Pruned:
    """Remove shards that no index names, and files that killed jobs left unfinished.

    Must not run while a job writes to the store; Snakemake's lock ensures that.

    Raises:
        TableError, UnfinishedError: as for `named_keys`; then nothing is removed.

    Args:
        results: folder with one folder per dataset.
        store: folder of the content-addressed store.
    """
    removed, size, kept = 0, 0, 0
    named = {stage: named_keys(results, stage) for stage in (*_COLUMNS, ANSWERS)}
    for stage, keys in named.items():
        for path in _files(store / stage):
            if path.name.startswith(".") or path.stem not in keys:
                size += path.stat().st_size
                path.unlink()
                removed += 1
            else:
                kept += 1
    return Pruned(removed, size, kept)


def _indexes(folder: Path, stage: str, bucket: str) -> list[Path]:
    """Return a bucket's index and those of the ablations' variants."""
    name = f"{stage}/{bucket}.tsv"
    variants = (path for kind in ("ablation", "vlm") for path in folder.glob(f"{kind}/*/{name}"))
    return [path for path in (folder / name, *variants) if path.exists()]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
