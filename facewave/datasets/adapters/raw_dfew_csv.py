"""Adapter of a raw table in DFEW's form: `1happy,2sad,…,7fear,order,label,file_path`.

The manifest is the cleaned table: rows with label 0 (no single label) are left out and counted,
`actual` is the label's word, `clip_id` comes from `order`, and the votes are kept.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facewave.datasets.files.dfew_lists import (
    LABEL_OF_NUMBER,
    NO_SINGLE_LABEL,
    WORDS,
    read_annotation,
    vote_columns,
)
from facewave.datasets.files.sheets import read_text
from facewave.datasets.files.tree import Tree, tree_of
from facewave.datasets.release import Item, Release
from facewave.datasets.rows import Collector, Rows
from facewave.manifest.clips import ManifestError

_ADVICE = (
    "Name the table with `table`: it has the columns 1happy to 7fear, order, label, file_path."
)


def load(options: dict[str, Any], *, classes: Sequence[str], root: Path) -> Rows:
    """Return one row per clip with a single label.

    Args:
        options: `table` (None: the one below `root` that has the columns), `class_map`
        classes: the dataset's class list
        root: folder that `table` and its paths are relative to

    Raises:
        ManifestError: there is no such table, or it has other columns or bad rows
    """
    table = options.get("table") or _find(
        tree_of(root, dataset="raw_dfew_csv", advice=_ADVICE, options=options)
    )
    if table is None:
        problem = "no .csv with the columns 1happy to 7fear, order, label and file_path"
        raise ManifestError(str(root), [problem], advice=_ADVICE)
    annotated = read_annotation(root / table, cache=options.get("cache"))
    if annotated and all(row.file_path is None for row in annotated):
        raise ManifestError(str(root / table), ["column file_path: missing"], advice=_ADVICE)
    found = Collector(classes, options, known=WORDS)
    for row in annotated:
        if row.label == NO_SINGLE_LABEL:
            found.leave_out("with label 0: no emotion got enough votes")
            continue
        found.add(
            row.place,
            clip_id=f"{row.clip:05d}",
            file_path=row.file_path or "",
            word=LABEL_OF_NUMBER[row.label],
            votes=row.votes,
        )
    return found.rows(table)


def _find(tree: Tree) -> str | None:
    for path in tree.tables:
        if path.casefold().endswith(".csv"):
            header = read_text(tree.root / path).partition("\n")[0].casefold().split(",")
            if len(vote_columns(header)) == 7 and "file_path" in map(str.strip, header):
                return path
    return None


def _items(tree: Tree) -> list[Item]:
    return [Item("a .csv with 1happy … 7fear, order, label, file_path", "labels", _find(tree))]


RELEASE = Release(title="a raw table in DFEW's form", items=_items)
