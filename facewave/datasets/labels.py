"""What the cells of a table mean: labels as indexes, and one spelling for equal names."""

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence

from facewave.config.check import label_key
from facewave.datasets.files.paths import Problems
from facewave.manifest.class_lists import canonical
from facewave.messages import did_you_mean, listed

Cells = list[str | None]


def label_indexes(
    cells: Cells,
    classes: Sequence[str],
    label_names: Mapping[str, str] | None,
    *,
    problems: Problems,
    notes: list[str],
) -> list[int]:
    """Return the index of each label's class.

    A label is a key of `label_names`, a class, a word that means one (`Happiness` is `happy`) or,
    without `label_names`, an index from 0.

    Args:
        cells: labels as the table has them
        classes: the dataset's class list
        label_names: maps the table's labels to classes; None: there are none
        problems: blank and unknown labels are added, and how to read a table that counts from 1
        notes: words that were read as a class, and numbers that may count from 1, are added
    """
    known = _known(classes, label_names)
    values: dict[str, int | None] = {}
    for cell in sorted({cell for cell in cells if cell is not None}):
        values[cell] = known.get(_key(cell))
        if values[cell] is None:
            values[cell] = _by_meaning(cell, classes)
            if (index := values[cell]) is not None:
                notes.append(f"label {cell!r}: read as {classes[index]}")
    if label_names is None:
        _look_at_numbers(values, classes, problems=problems, notes=notes)
    if None not in cells and None not in values.values():
        return [values[cell] for cell in cells]  # type: ignore[index, misc]
    wanted = _expected(classes, label_names)
    names = [*classes, *(label_names or ())]
    words: dict[str | None, str] = {None: f"label: blank; expected {wanted}"}
    for cell in (cell for cell, value in values.items() if value is None):
        words[cell] = f"label {cell!r}: unknown; expected {wanted}{did_you_mean(cell, names)}"
    problems += ((index, words[cell]) for index, cell in enumerate(cells) if cell in words)
    return [0] * len(cells)  # never used: with a problem no clips are made


def one_spelling(column: str, cells: Cells, notes: list[str]) -> Cells:
    """Return a column in which a name has one spelling: the first of `01`, `1` and `1.0`.

    Only names that mean the same beyond doubt are joined: whole numbers, and the two forms in which
    Unicode writes an accent, of which NFC is used. Letter case counts, since ids of videos differ
    in it alone.

    Args:
        column: its name, for the notes
        cells: of the column
        notes: a line for each name with several spellings is added
    """
    spellings: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for cell in dict.fromkeys(cells):
        if cell is not None:
            spellings[_name_key(cell)][cell] = None
    several = [list(found) for found in spellings.values() if len(found) > 1]
    first = {other: found[0] for found in several for other in found[1:]}
    names = {
        cell: unicodedata.normalize("NFC", first.get(cell, cell))
        for found in spellings.values()
        for cell in found
    }
    if all(cell == name for cell, name in names.items()):
        return cells
    notes += (f"{column} {listed(map(repr, found[1:]))}: read as {found[0]!r}" for found in several)
    return [cell if cell is None else names[cell] for cell in cells]


def _name_key(name: str) -> str:
    key = label_key(name)
    return key if key.lstrip("-").isdecimal() else unicodedata.normalize("NFC", name)


def _key(label: str) -> str:
    return unicodedata.normalize("NFC", label_key(label))


def _known(classes: Sequence[str], label_names: Mapping[str, str] | None) -> dict[str, int]:
    words = {_key(word): index for index, word in enumerate(classes)}
    if label_names is None:
        return {**{str(index): index for index in range(len(classes))}, **words}
    # With label names a number is never an index: DFEW's label 0 means "no single label", not
    # the first class.
    own = {_key(label): words.get(_key(word)) for label, word in label_names.items()}
    return {**words, **{label: index for label, index in own.items() if index is not None}}


def _by_meaning(word: str, classes: Sequence[str]) -> int | None:
    meant = [index for index, name in enumerate(classes) if canonical(name) == canonical(word)]
    return meant[0] if len(meant) == 1 else None


def _look_at_numbers(
    values: Mapping[str, int | None],
    classes: Sequence[str],
    *,
    problems: Problems,
    notes: list[str],
) -> None:
    """Tell a table that counts the classes from 1, where every label would be off by one."""
    keys = {label_key(cell) for cell in values}
    if not keys or not all(key.isdecimal() for key in keys):
        return
    numbers, count = sorted(map(int, keys)), len(classes)
    names = ", ".join(f"{number}: {word}" for number, word in enumerate(classes, start=1))
    if numbers[0] == 1 and numbers[-1] == count:
        problems.append(
            (
                -1,
                f"labels from 1 to {count} without a 0: if the table counts the classes from 1, "
                f"give the dataset `label_names: {{{names}}}` (in the table's own order)",
            )
        )
    elif numbers[0] > 0 and numbers[-1] < count and count > 1:
        notes.append(
            f"no label is 0 ({classes[0]}): labels count from 0; if this table counts from 1, give "
            f"the dataset `label_names: {{{names}}}`"
        )


def _expected(classes: Sequence[str], label_names: Mapping[str, str] | None) -> str:
    if label_names is None:
        return f"one of {listed(classes)} or an index from 0 to {len(classes) - 1}"
    return f"one of label_names ({listed(label_names)}) or {listed(classes)}"
