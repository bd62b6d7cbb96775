"""Adapter of DFEW: annotation table, five official folds, videos or folders of frames.

Read are `Annotation/annotation.xlsx` or .csv (votes, and the label; 0 means that no emotion got 6
of the 10 votes), the lists of `EmoLabel_DataSplit/`, and the media that are there: videos named by
number, with or without zeros, in one folder or in `part_k/`, or folders of frames named by number.
Other forms of the lists in circulation are read too; see docs/datasets.md.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.datasets.files.dfew_lists import (
    FOLDS,
    LABEL_OF_NUMBER,
    NO_SINGLE_LABEL,
    WORDS,
    Annotated,
    find_lists,
    official_list,
    read_annotation,
    read_lists,
)
from facewave.datasets.files.folds import Listed, one_label_each
from facewave.datasets.files.tree import NumberedMedia, Tree, numbered_media, tree_of
from facewave.datasets.release import Item, Published, Release
from facewave.datasets.rows import Collector, Rows
from facewave.manifest.clips import ManifestError

ANNOTATION = "Annotation/annotation.xlsx"
CLIPS = "Clip/original/1.mp4"

_ADVICE = (
    "Point `root` at the folder that holds Annotation/, EmoLabel_DataSplit/ and Clip/ of DFEW "
    "(`snakemake check_dataset --config root=...` lists what is there)."
)


def load(options: dict[str, Any], *, classes: Sequence[str], root: Path) -> Rows:
    """Return one row per clip with a single label.

    Args:
        options: `media`, `media_folder`, `fps`, `label_base`, `class_map`, `cache`
        classes: the dataset's class list
        root: folder of the release

    Raises:
        ManifestError: an official file is missing, or files contradict each other
    """
    tree = tree_of(root, dataset="DFEW", advice=_ADVICE, options=options)
    table = _annotation(tree, options.get("cache"))
    labels = {clip: row.label for clip, row in table.items() if row.label != NO_SINGLE_LABEL}
    lists, notes = read_lists(tree, label_base=options.get("label_base"), annotated=labels)
    folds = lists.folds("DFEW's lists")
    listed, problems = one_label_each(lists.lines())
    problems += [
        f"{line.place}: clip {clip} is {line.label}, but {_word(labels, clip)} in the annotation"
        for clip, line in listed.items()
        if clip in table and line.label != _word(labels, clip)
    ]
    if problems:
        raise ManifestError("DFEW", problems, advice="Copy the contradicting files again.")
    if not table and not listed:
        missing = [f"{name}: missing" for name in (ANNOTATION, official_list("test", 1))]
        raise ManifestError(f"{root}: DFEW's labels", missing, advice=_ADVICE)
    media = numbered_media(tree, options)
    if not media.paths:
        lines = [f"{CLIPS} (or Clip/clip_224x224/00001/*.jpg): no clip found"]
        raise ManifestError(f"{root}: DFEW's clips", lines, advice=_ADVICE)
    found = Collector(classes, options, known=WORDS)
    found.notes([*notes, *media.notes, *tree.notes()])
    _collect(found, table, listed, folds, media)
    return found.rows("DFEW")


def find_annotation(tree: Tree) -> str | None:
    """Return the path of the annotation table; MAFW's table of the same name lies in Labels/."""
    names = [path for path in tree.tables if _is_annotation(path)]
    return min(names, key=lambda path: (not path.endswith(".csv"), path.count("/")), default=None)


def _is_annotation(path: str) -> bool:
    folder, _, name = path.casefold().rpartition("/")
    return name in ("annotation.xlsx", "annotation.csv") and not folder.endswith("labels")


def _annotation(tree: Tree, cache: Path | None) -> dict[int, Annotated]:
    path = find_annotation(tree)
    if path is None:
        return {}
    table: dict[int, Annotated] = {}
    problems = []
    for row in read_annotation(tree.root / path, cache=cache):
        other = table.setdefault(row.clip, row)
        if other is not row:
            problems.append(f"{row.place}: clip {row.clip} is in {other.place} too")
    if problems:
        raise ManifestError(path, problems, advice="Copy the official table again.")
    return table


def _word(labels: Mapping[int, str], clip: int) -> str:
    return LABEL_OF_NUMBER[labels[clip]] if clip in labels else "without a single label"


def _collect(
    found: Collector,
    table: Mapping[int, Annotated],
    listed: Mapping[int, Listed],
    folds: Mapping[int, int],
    media: NumberedMedia,
) -> None:
    unlisted = 0
    for clip in sorted(table.keys() | listed.keys()):
        row, line = table.get(clip), listed.get(clip)
        if row is not None and row.label == NO_SINGLE_LABEL:
            found.leave_out("with label 0: no emotion got 6 of the 10 votes")
            continue
        unlisted += line is None
        word = line.label if line is not None else LABEL_OF_NUMBER[table[clip].label]
        fold = folds.get(clip)
        found.add(
            (line or table[clip]).place,
            clip_id=f"{clip:05d}",
            file_path=media.path(clip, expected=f"Clip/original/{clip}.mp4"),
            word=word,
            votes=row.votes if row is not None else None,
            fold=None if fold is None else str(fold),
            fps_hint=media.fps(clip),
        )
    if not table:
        found.note(f"{ANNOTATION} is missing: no label_distribution")
    if not listed:
        found.note(f"{official_list('test', 1)} and the other lists are missing: no official folds")
    elif unlisted:
        found.note(f"{unlisted:,} clips with a single label are in no list: they have no fold")


def _items(tree: Tree) -> list[Item]:
    annotation, lists = find_annotation(tree), find_lists(tree)
    media = numbered_media(tree, {})
    items = [Item(ANNOTATION, "votes; without it no label_distribution", annotation)]
    items += [
        Item(official_list(part, fold), f"{part} part of fold {fold}", lists.get((part, fold)))
        for part in ("train", "test")
        for fold in FOLDS
    ]
    if not any(item.found for item in items):
        return [Item(item.name, item.purpose, None) for item in items]
    first = media.paths[min(media.paths)] if media.paths else None
    return [*items, Item(CLIPS, "the clips (or folders of frames)", first, required=True)]


RELEASE = Release(
    title="DFEW",
    items=_items,
    published={
        "7": [
            Published(
                "clips with a single label",
                11_697,
                {
                    "happy": 2445,
                    "sad": 1894,
                    "neutral": 2669,
                    "angry": 2173,
                    "surprise": 1469,
                    "disgust": 145,
                    "fear": 902,
                },
            )
        ]
    },
    source="the single-labelled lists of the release (16,372 clips, 11,697 of them listed)",
    advice=["The folds share movies: published scores do, too (see docs/datasets.md)."],
)
