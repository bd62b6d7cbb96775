"""The index of the answers that a job needs from pretrained models; `prune_store` keeps those.

A job writes it before its first question, so that the answers of a killed job are kept as well; it
lies below `keys`, where Snakemake removes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from facewave.storage.tables import iter_rows, write_index

# Folder of the answers in the store, and of their indexes below a dataset's `keys`.
STAGE = "answers"
_COLUMNS = ("clip_id", "key")


def answer_index(folder: str | Path, job: str) -> Path:
    """Return the path of a job's index.

    Args:
        folder: of the dataset.
        job: such as `zero_shot/qwen/80-10-10` or `annotations`.
    """
    return Path(folder) / "keys" / STAGE / f"{job}.tsv"


def write_answer_index(path: Path, keys: Iterable[tuple[str, str]]) -> None:
    """Write the index.

    Args:
        path: of the index.
        keys: pairs of a clip id and the key of an answer about that clip.
    """
    rows = [dict(zip(_COLUMNS, pair, strict=True)) for pair in keys]
    write_index(path, _COLUMNS, rows)


def needed_answers(folder: Path) -> set[str]:
    """Return the keys of all answers that the jobs of a dataset need.

    Raises:
        TableError: if an index cannot be read.
    """
    indexes = (folder / "keys" / STAGE).rglob("*.tsv")
    return {row["key"] for path in indexes for row in iter_rows(path, _COLUMNS)}
