"""Adapter of MAFW: single or compound labels, five official folds, scores and captions.

Read are the lists of `Train & Test Set/`, `Labels/single-set.xlsx` or `multi-set.xlsx` (scores, and
labels if there are no lists), `Labels/descriptive_text.xlsx` (captions) and `clips/` or
`frames/`. Labels are matched by word, never by number.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.datasets.files.folds import Listed, one_label_each
from facewave.datasets.files.mafw_tables import (
    FOLDS,
    Caption,
    Scored,
    find_lists,
    find_workbook,
    official_list,
    read_captions,
    read_lists,
    read_scores,
)
from facewave.datasets.files.tree import NumberedMedia, Tree, numbered_media, tree_of
from facewave.datasets.release import Item, Published, Release
from facewave.datasets.rows import Collector, Rows
from facewave.manifest.class_lists import MAFW_COMPOUND, MAFW_ORDER, canonical
from facewave.manifest.clips import ManifestError

CLIPS = "clips/00001.mp4"

_ADVICE = (
    "Point `root` at the folder that holds Labels/, `Train & Test Set`/ and clips/ of MAFW "
    "(`snakemake check_dataset --config root=...` lists what is there)."
)
_BOOKS = {"single": ("single-set", "single_label"), "compound": ("multi-set", "multi_label")}


def load(options: dict[str, Any], *, classes: Sequence[str], root: Path) -> Rows:
    """Return one row per clip of the single or of the compound set.

    Args:
        options: `classes_preset`, `captions`, `media`, `media_folder`, `fps`, `class_map`, `cache`
        classes: the dataset's class list
        root: folder of the release

    Raises:
        ManifestError: an official file is missing, or files contradict each other
    """
    kind, cache = _kind(options), options.get("cache")
    tree = tree_of(root, dataset="MAFW", advice=_ADVICE, options=options)
    lists, captions, notes = read_lists(tree, kind)
    folds = lists.folds(f"MAFW's {kind} lists")
    listed, problems = one_label_each(lists.lines())
    scored = _scores(tree, kind, cache)
    problems += [
        f"{line.place}: clip {clip} is {line.label}, but {scored[clip].label} in "
        f"{scored[clip].place}"
        for clip, line in listed.items()
        if clip in scored and canonical(line.label) != canonical(scored[clip].label)
    ]
    if problems:
        raise ManifestError("MAFW", problems, advice="Copy the contradicting files again.")
    if not scored and not listed:
        names = (f"Labels/{_BOOKS[kind][0]}.xlsx", official_list(kind, "no_caption", "test", 1))
        lines = [f"{name}: missing" for name in names]
        raise ManifestError(f"{root}: MAFW's labels", lines, advice=_ADVICE)
    media = numbered_media(tree, options)
    if not media.paths:
        lines = [f"{CLIPS} (or frames/00001/*.jpg): no clip found"]
        raise ManifestError(f"{root}: MAFW's clips", lines, advice=_ADVICE)
    book = find_workbook(tree, "descriptive_text")
    texts = {**captions, **(read_captions(tree.root / book, cache=cache) if book else {})}
    found = Collector(classes, options, known=(*MAFW_ORDER, *MAFW_COMPOUND))
    found.notes([*notes, *media.notes, *tree.notes()])
    language = options.get("captions", "english")
    _collect(found, scored, listed, folds, media, _texts(texts, language))
    if not folds:
        missing = official_list(kind, "no_caption", "test", 1)
        found.note(f"{missing} and the other lists are missing: no official folds")
    if not texts and language != "none":
        found.note("Labels/descriptive_text.xlsx is missing: no captions")
    return found.rows("MAFW")


def _kind(options: Mapping[str, Any]) -> str:
    preset = str(options.get("classes_preset", "11"))
    return "compound" if preset.startswith("compound") else "single"


def _scores(tree: Tree, kind: str, cache: Path | None) -> dict[int, Scored]:
    stem, column = _BOOKS[kind]
    path = find_workbook(tree, stem)
    if path is None:
        return {}
    table: dict[int, Scored] = {}
    problems = []
    for row in read_scores(tree.root / path, column, cache=cache):
        other = table.setdefault(row.clip, row)
        if other is not row:
            problems.append(f"{row.place}: clip {row.clip} is in {other.place} too")
    if problems:
        raise ManifestError(path, problems, advice="Copy the official table again.")
    return table


def _texts(captions: Mapping[int, Caption], language: str) -> dict[int, str]:
    texts = {
        "english": {clip: caption.english for clip, caption in captions.items()},
        "chinese": {clip: caption.chinese for clip, caption in captions.items()},
        "both": {clip: f"{c.english}\n{c.chinese}".strip() for clip, c in captions.items()},
    }
    return texts.get(language, {})


def _collect(
    found: Collector,
    scored: Mapping[int, Scored],
    listed: Mapping[int, Listed],
    folds: Mapping[int, int],
    media: NumberedMedia,
    texts: Mapping[int, str],
) -> None:
    unlisted = 0
    for clip in sorted(scored.keys() | listed.keys()):
        row, line = scored.get(clip), listed.get(clip)
        unlisted += line is None
        named = line or scored[clip]
        fold = folds.get(clip)
        single = row is not None and "_" not in row.label
        found.add(
            named.place,
            clip_id=f"{clip:05d}",
            file_path=media.path(clip, expected=f"clips/{clip:05d}.mp4"),
            word=named.label,
            votes=row.scores if row is not None and single else None,
            fold=None if fold is None else str(fold),
            text=texts.get(clip),
            fps_hint=media.fps(clip),
        )
    if listed and unlisted:
        found.note(f"{unlisted:,} clips of the workbook are in no list: they have no fold")


def _items(tree: Tree) -> list[Item]:
    books = {
        "single-set": "scores and single labels",
        "multi-set": "scores and compound labels",
        "descriptive_text": "captions in English and Chinese",
    }
    items = [
        Item(f"Labels/{stem}.xlsx", purpose, find_workbook(tree, stem))
        for stem, purpose in books.items()
    ]
    for kind in ("single", "compound"):
        lists = find_lists(tree, kind)
        items += [
            Item(
                official_list(kind, "no_caption", part, fold),
                f"{part} part of fold {fold}, {kind} labels",
                lists.get(("no_caption", part, fold)) or lists.get(("with_caption", part, fold)),
            )
            for part in ("train", "test")
            for fold in FOLDS
        ]
    if not any(item.found for item in items):
        return items
    media = numbered_media(tree, {})
    first = media.paths[min(media.paths)] if media.paths else None
    return [*items, Item(CLIPS, "the clips (or folders of frames)", first, required=True)]


_SINGLE = {
    "anger": 1390, "disgust": 639, "fear": 625, "happiness": 1242, "neutral": 1138,
    "sadness": 1470, "surprise": 1072, "contempt": 236, "anxiety": 916, "helplessness": 262,
    "disappointment": 182,
}  # fmt: skip
_SHARED = dict(list(_SINGLE.items())[:7])

RELEASE = Release(
    title="MAFW",
    items=_items,
    published={
        "11": [Published("the single set", 9172, _SINGLE)],
        "7": [Published("the classes shared with DFEW", 7576, _SHARED)],
        "compound": [Published("the multi set", 4058)],
        "compound-43": [Published("the compound lists", 8996)],
    },
    source="the workbooks and lists of the release (10,045 clips)",
    advice=[
        "1,097 clips come from DFEW: before training on one and testing on the other, run "
        "`snakemake near_duplicates`.",
        "The scores are kept as label_distribution for single labels; compound classes have none.",
    ],
)
