"""The index of shards that a job needs and that no bucket's index names; `prune_store` keeps those.

Answers of pretrained models, and features of others than the person whom a clip follows. A job
writes it before it makes the first, so that what a killed job made is kept as well; it lies below
`keys`, where Snakemake removes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from facewave.storage.tables import iter_rows, write_index

# Folder of the answers in the store, and of their indexes below a dataset's `keys`.
ANSWERS = "answers"
_COLUMNS = ("clip_id", "key")


def key_index(folder: str | Path, stage: str, job: str) -> Path:
    """Return the path of a job's index.

    Args:
        folder: of the dataset.
        stage: of the shards in the store.
        job: such as `zero_shot/qwen/80-10-10` or `people/0000`.
    """
    return Path(folder) / "keys" / stage / f"{job}.tsv"


def write_key_index(path: Path, keys: Iterable[tuple[str, str]]) -> None:
    """Write the index.

    Args:
        path: of the index.
        keys: pairs of a clip id and the key of a shard about that clip.
    """
    rows = [dict(zip(_COLUMNS, pair, strict=True)) for pair in keys]
    write_index(path, _COLUMNS, rows)


def needed_keys(folder: Path, stage: str) -> set[str]:
    """Return the keys of all shards of a stage that such indexes of a dataset name.

    Raises:
        TableError: if an index cannot be read.
    """
    indexes = (folder / "keys" / stage).rglob("*.tsv")
    return {row["key"] for path in indexes for row in iter_rows(path, _COLUMNS)}
