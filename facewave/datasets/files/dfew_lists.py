"""DFEW's annotation table and its train and test lists, in all forms in circulation."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from facewave.datasets.files.folds import FoldLists, Listed
from facewave.datasets.files.sheets import read_table, read_text
from facewave.datasets.files.tree import Tree
from facewave.manifest.clips import ManifestError

WORDS = ("happy", "sad", "neutral", "angry", "surprise", "disgust", "fear")
LABEL_OF_NUMBER = {str(number): word for number, word in enumerate(WORDS, start=1)}
NO_SINGLE_LABEL = "0"
FOLDS = range(1, 6)

_VOTES = re.compile(r"([1-7])[ _]?(happy|sad|neutral|angry|surprise|disgust|fear)")
# set_1.csv · single_trainset_1.csv · DFEW_set_1_train.txt · train_set_1.csv
_LIST = re.compile(r"(?:set|split|fold)[_ -]?0*([1-5])(?![0-9])")
_NUMBER = re.compile(r"([0-9]+)(?:\.[A-Za-z0-9]+)?\Z")


@dataclass(frozen=True)
class Annotated:
    """A row of the annotation table: votes by word, and the label (0: no single label)."""

    clip: int
    label: str
    votes: Mapping[str, float]
    place: str
    file_path: str | None = None


def vote_columns(header: Iterable[str]) -> dict[int, str]:
    """Return the positions of `1happy` to `7fear` in a header, with their words."""
    found = {i: _VOTES.fullmatch(cell.strip().casefold()) for i, cell in enumerate(header)}
    return {i: match[2] for i, match in found.items() if match}


def read_annotation(path: Path, *, cache: Path | None = None) -> list[Annotated]:
    """Read the annotation table: `1happy` … `7fear`, `order`, `label`; maybe `file_path`.

    Raises:
        ManifestError: no such header, or rows with anything but numbers
    """
    rows = read_table(path, cache=cache)
    start = next((i for i, row in enumerate(rows[:5]) if len(vote_columns(row)) == 7), None)
    advice = "Take the official Annotation/annotation.xlsx (or the same table as .csv)."
    if start is None:
        found = ", ".join(rows[0]) if rows else "nothing"
        problem = f"no header with 1happy to 7fear, order and label; found: {found[:200]}"
        raise ManifestError(str(path), [problem], advice=advice)
    header = [cell.casefold() for cell in rows[start]]
    votes = vote_columns(header)
    absent = [name for name in ("order", "label") if name not in header]
    if absent:
        problem = f"column {' and '.join(absent)}: missing; found {', '.join(header)}"
        raise ManifestError(str(path), [problem], advice=advice)
    order, label = header.index("order"), header.index("label")
    media = header.index("file_path") if "file_path" in header else None
    table, problems = [], []
    for line, row in enumerate(rows[start + 1 :], start=start + 2):
        if not any(row):
            continue
        place = f"{path.name} row {line}"
        cells = row + [""] * (len(header) - len(row))
        number = _whole(cells[order])
        kind = _whole(cells[label])
        counts = {word: _count(cells[i]) for i, word in votes.items()}
        if number is None or kind is None or not 0 <= kind <= 7 or None in counts.values():
            problems.append(
                f"{place}: order {cells[order]!r}, label {cells[label]!r}; expected a clip's "
                "number, a label from 0 (no single label) to 7, and seven counts of votes"
            )
            continue
        given = cells[media] if media is not None else None
        numbers = {word: count or 0.0 for word, count in counts.items()}
        table.append(Annotated(number, str(kind), numbers, place, given or None))
    if problems:
        raise ManifestError(str(path), problems, advice=advice)
    return table


def find_lists(tree: Tree) -> dict[tuple[str, int], str]:
    """Return the path of each list: (`train` or `test`, fold) to path; the official one first."""
    found: dict[tuple[str, int], str] = {}
    for path in sorted(tree.tables, key=lambda path: "EmoLabel_DataSplit" not in path):
        name = PurePosixPath(path)
        fold = _LIST.search(name.stem.casefold())
        where = name.stem if re.search("train|test", name.stem, re.I) else name.parent.name
        part = re.search("train|test", where.casefold())
        if fold and part and name.suffix != ".xlsx":
            found.setdefault((part[0], int(fold[1])), path)
    return found


def official_list(part: str, fold: int) -> str:
    """Return the official path of a list."""
    return f"EmoLabel_DataSplit/{part}(single-labeled)/set_{fold}.csv"


def read_lists(
    tree: Tree, *, label_base: int | None, annotated: Mapping[int, str]
) -> tuple[FoldLists, list[str]]:
    """Read the lists that there are.

    Args:
        tree: of the root
        label_base: number of the first class (0 or 1); None: to be found out
        annotated: labels of the annotation table, which show what the lists' numbers mean

    Returns:
        the lists with words as labels, and notes

    Raises:
        ManifestError: lines without a clip and its label, or numbers that could mean either
    """
    paths = find_lists(tree)
    raw = {key: _read_list(tree.root / path, path) for key, path in paths.items()}
    lines = [line for listed in raw.values() for line in listed]
    base = label_base if label_base is not None else _base(lines, annotated)
    notes = ["the lists count the classes from 0"] if lines and base == 0 else []
    parts: dict[str, dict[int, list[Listed]]] = {"train": {}, "test": {}}
    for (part, fold), listed in raw.items():
        parts[part][fold] = [_worded(line, base) for line in listed]
    some = {part: sorted(fold for p, fold in paths if p == part) for part in ("train", "test")}
    wanted = [("test", f) for f in FOLDS if paths] + [("train", f) for f in FOLDS if some["train"]]
    missing = tuple(official_list(*key) for key in wanted if key not in paths)
    if paths and not some["train"]:
        notes.append("only the test lists are there: each fold trains on all other clips")
    return FoldLists(parts["train"], parts["test"], missing), notes


def _read_list(path: Path, shown: str) -> list[Listed]:
    listed, problems = [], []
    clip_at, label_at = 0, -1
    started = False
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        cells = _cells(line)
        if not started and _whole(cells[-1]) is None:
            names = [cell.casefold() for cell in cells]
            clip_at = next((names.index(n) for n in ("video_name", "order") if n in names), 0)
            label_at = names.index("label") if "label" in names else -1
            started = True
            continue
        started = True
        whole = len(cells) > max(clip_at, label_at, 1)
        clip = _NUMBER.search(cells[clip_at]) if whole else None
        label = _whole(cells[label_at]) if whole else None
        place = f"{shown} line {number}"
        if clip is None or label is None:
            problems.append(f"{place}: {line.strip()[:80]!r}; expected a clip and its label")
        else:
            listed.append(Listed(int(clip[1]), str(label), place))
    if problems:
        raise ManifestError(shown, problems, advice="Copy the official list again.")
    return listed


def _cells(line: str) -> list[str]:
    for delimiter in ",\t;":
        if delimiter in line:
            return [cell.strip().strip('"') for cell in line.split(delimiter)]
    return line.rsplit(maxsplit=2)  # `path frames label`, where the path may contain spaces


def _base(lines: Iterable[Listed], annotated: Mapping[int, str]) -> int:
    """Return the number of the first class; refuse to guess if both readings are possible."""
    lines = list(lines)
    labels = {int(line.label) for line in lines}
    known = [
        (int(line.label), int(annotated[line.clip])) for line in lines if line.clip in annotated
    ]
    if known:
        same = sum(label == truth for label, truth in known)
        shifted = sum(label + 1 == truth for label, truth in known)
        return 0 if shifted > same else 1
    if 0 not in labels:
        return 1
    if labels == set(range(7)):
        return 0
    problem = (
        f"label 0 beside {sorted(labels - {0})}: it could mean happy (lists that count from 0) or "
        "no single label (as in annotation.xlsx)"
    )
    advice = "Copy Annotation/annotation.xlsx beside the lists, or set label_base to 0 or 1."
    raise ManifestError("DFEW's lists", [problem], advice=advice)


def _worded(line: Listed, base: int) -> Listed:
    number = str(int(line.label) + 1 - base)
    return Listed(line.clip, LABEL_OF_NUMBER.get(number, f"label {line.label}"), line.place)


def _whole(cell: str) -> int | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return int(number) if number.is_integer() else None


def _count(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return 0.0 if not cell else None
