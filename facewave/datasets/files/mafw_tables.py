"""MAFW's workbooks and lists: scores, labels and captions by clip number."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from facewave.datasets.files.folds import FoldLists, Listed
from facewave.datasets.files.sheets import find_header, read_table, read_text
from facewave.datasets.files.tree import Tree
from facewave.manifest.class_lists import MAFW_ORDER
from facewave.manifest.clips import ManifestError

FOLDS = range(1, 6)

_LIST = re.compile(
    r"(single|compound)/(no_caption|with_caption)/set_?([1-5])/(train|test)\.txt\Z", re.IGNORECASE
)
_CLIP = re.compile(r"([0-9]+)(?:\.[A-Za-z0-9]+)?\Z")
_MARKUP = re.compile(r"<br */?>", re.IGNORECASE)
_ADVICE = "Copy the official file again."


@dataclass(frozen=True)
class Scored:
    """A row of single-set or multi-set: the label as a word, and the 11 scores by word."""

    clip: int
    label: str
    scores: Mapping[str, float]
    place: str


@dataclass(frozen=True)
class Caption:
    """Description of a clip, in Chinese and in English."""

    chinese: str
    english: str


def find_workbook(tree: Tree, stem: str) -> str | None:
    """Return the path of a workbook (.xlsx, or saved as .csv), the one in Labels/ first."""
    names = (f"{stem}.xlsx", f"{stem}.csv")
    paths = [path for path in tree.tables if PurePosixPath(path).name.casefold() in names]
    return min(paths, key=lambda p: ("labels" not in p.casefold(), p.count("/")), default=None)


def find_lists(tree: Tree, kind: str) -> dict[tuple[str, str, int], str]:
    """Return (`no_caption` or `with_caption`, `train` or `test`, fold) to path.

    Args:
        tree: of the root
        kind: `single` or `compound`
    """
    found: dict[tuple[str, str, int], str] = {}
    for path in tree.tables:
        match = _LIST.search(path)
        if match and match[1].casefold() == kind:
            key = (match[2].casefold(), match[4].casefold(), int(match[3]))
            found.setdefault(key, path)
    return found


def official_list(kind: str, caption: str, part: str, fold: int) -> str:
    """Return the official path of a list."""
    return f"Train & Test Set/{kind}/{caption}/set_{fold}/{part}.txt"


def read_scores(path: Path, column: str, *, cache: Path | None = None) -> list[Scored]:
    """Read single-set or multi-set, with or without a title row above the header.

    The label's numbers become words by the order of the file's own score columns: derived copies
    have another order.

    Args:
        path: the workbook
        column: `single_label` or `multi_label`
        cache: see `facewave.datasets.files.sheets.read_table`

    Raises:
        ManifestError: no such header, or rows without a clip or label
    """
    rows = read_table(path, cache=cache)
    start = find_header(rows, "clip", column)
    if start is None:
        found = ", ".join(rows[0])[:200] if rows else "nothing"
        problem = f"no header with clip and {column} in the first rows; found: {found}"
        raise ManifestError(str(path), [problem], advice=_ADVICE)
    header = [cell.casefold() for cell in rows[start]]
    scores = {i: name for i, name in enumerate(header) if name in MAFW_ORDER}
    words = {str(number): name for number, name in enumerate(scores.values(), start=1)}
    clip_at, label_at = header.index("clip"), header.index(column)
    table, problems = [], []
    for line, row in enumerate(rows[start + 1 :], start=start + 2):
        if not any(row):
            continue
        cells = row + [""] * (len(header) - len(row))
        place = f"{path.name} row {line}"
        clip = _CLIP.search(cells[clip_at])
        numbers = re.split(r"[,，、;\s]+", cells[label_at].strip())
        label = "_".join(words.get(number, number) for number in numbers)
        values = {name: _number(cells[i]) for i, name in scores.items()}
        if clip is None or not label or any(number not in words for number in numbers):
            problems.append(
                f"{place}: clip {cells[clip_at]!r}, {column} {cells[label_at]!r}; expected a "
                f"clip's file name and numbers from 1 to {len(words)}"
            )
        else:
            table.append(Scored(int(clip[1]), label, values, place))
    if problems:
        raise ManifestError(str(path), problems, advice=_ADVICE)
    return table


def read_captions(path: Path, *, cache: Path | None = None) -> dict[int, Caption]:
    """Read descriptive_text: clip, Chinese, English; rows without a clip are its header."""
    captions = {}
    for row in read_table(path, cache=cache):
        cells = [*row, "", "", ""]
        clip = _CLIP.search(cells[0])
        if clip:
            captions[int(clip[1])] = Caption(_plain(cells[1]), _plain(cells[2]))
    return captions


def read_lists(tree: Tree, kind: str) -> tuple[FoldLists, dict[int, Caption], list[str]]:
    """Read the official lists of the single or of the compound set, with their captions.

    The lists without captions are used, since those with captions lack all neutral clips. The
    latter are read only for their captions, or if the others are missing.

    Raises:
        ManifestError: lines without a clip and its label
    """
    paths = find_lists(tree, kind)
    plain = any(caption == "no_caption" for caption, _, _ in paths)
    used = "no_caption" if plain else "with_caption"
    parts: dict[str, dict[int, list[Listed]]] = {"train": {}, "test": {}}
    captions: dict[int, Caption] = {}
    for (caption, part, fold), path in paths.items():
        if caption == used:
            parts[part][fold] = _read_list(tree.root / path, path, captions)
        elif part == "test":  # the test parts together hold every clip
            _read_list(tree.root / path, path, captions)
    notes = []
    if paths and not plain:
        notes.append("only the lists with captions are there: they lack all neutral clips")
    some_train = bool(parts["train"])
    wanted = [("test", f) for f in FOLDS if paths] + [("train", f) for f in FOLDS if some_train]
    missing = [official_list(kind, used, *key) for key in wanted if key[1] not in parts[key[0]]]
    if paths and not some_train:
        notes.append("only the test lists are there: each fold trains on all other clips")
    return FoldLists(parts["train"], parts["test"], tuple(missing)), captions, notes


def _read_list(path: Path, shown: str, captions: dict[int, Caption]) -> list[Listed]:
    listed, problems = [], []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        cells = line.split("\t") if "\t" in line else line.split(maxsplit=1)
        clip = _CLIP.search(cells[0].strip())
        label = cells[1].strip() if len(cells) > 1 else ""
        place = f"{shown} line {number}"
        if clip is None or not label:
            problems.append(f"{place}: {line.strip()[:80]!r}; expected a clip and its label")
            continue
        if len(cells) > 3:
            captions.setdefault(int(clip[1]), Caption(_plain(cells[2]), _plain(cells[3])))
        listed.append(Listed(int(clip[1]), label, place))
    if problems:
        raise ManifestError(shown, problems, advice=_ADVICE)
    return listed


def _plain(text: str) -> str:
    return _MARKUP.sub("", text).strip()


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return 0.0
