"""From the rows of label files to checked clips, in the same way for all adapters."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2s
from pathlib import Path
from typing import Any, TypeVar

from facewave.datasets.files.paths import Problems, Root
from facewave.datasets.labels import Cells, label_indexes, one_spelling
from facewave.datasets.rows import SPLIT_WORDS, Rows
from facewave.datasets.targets import checked_targets
from facewave.manifest.clips import Clip, ManifestError

T = TypeVar("T")

# Safe as a file name everywhere and as a field of a key file; also in the manifest's schema.
CLIP_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=@-]{0,199}")
CLIP_ID_WORDS = "1 to 200 letters, digits and ._+=@-, with a letter or digit first"
_UNSAFE = re.compile(r"[^A-Za-z0-9._+=@-]+")
_LONGEST_MADE = 190  # leaves room for the hash

_ADVICE = (
    "Correct the rows and run again. Clips whose files do not exist yet can be kept as invalid "
    "ones: `missing_files: flag` in the dataset's configuration."
)
_RAW = ("label_distribution", "targets")
_NAMES = {"subject", "take", "fold", "source"}


def build_clips(
    rows: Rows,
    *,
    classes: Sequence[str],
    root: Path,
    label_names: Mapping[str, str] | None = None,
    flag_missing: bool = False,
    check_files: bool = True,
    follow_links: bool = False,
) -> list[Clip]:
    """Check the rows and make one clip of each.

    What was read as something else than it is written is added to the notes of `rows`.

    Args:
        rows: of one dataset
        classes: the dataset's class list
        root: folder that the paths are relative to and may not leave
        label_names: maps the rows' labels to class names; without it labels are class names or
            indexes into the class list
        flag_missing: whether a missing file makes the clip `missing` instead of an error
        check_files: whether to look for every file
        follow_links: whether links may lead out of the root

    Returns:
        the clips in the order of the rows

    Raises:
        ManifestError: naming all rows that cannot be used, for whatever reason
    """
    if not rows.columns["file_path"]:
        advice = "Give the table one row per clip, or remove the dataset from `enabled`."
        why = [*(text for _, text in rows.problems), *rows.notes]
        raise ManifestError(rows.source, ["found no rows", *why], advice=advice)
    cells = {name: _texts(column) for name, column in rows.columns.items() if name not in _RAW}
    for name in _NAMES & cells.keys():
        cells[name] = one_spelling(name, cells[name], rows.notes)
    problems = list(rows.problems)
    labels: Sequence[int | None] = [None] * len(cells["file_path"])
    if "label" in cells:
        labels = label_indexes(
            cells["label"], classes, label_names, problems=problems, notes=rows.notes
        )
    location = Root(root, follow_links=follow_links)
    paths = location.relative(cells["file_path"], problems)
    ids = _checked_ids(cells.get("clip_id"), paths, rows.place, problems)
    splits = _converted("split", cells.get("split"), _split, "train, val or test", problems)
    rates = _converted("fps_hint", cells.get("fps_hint"), _rate, "a number above 0", problems)
    votes = _votes(rows.columns.get("label_distribution"), len(classes), problems)
    targets = checked_targets(rows.columns.get("targets"), problems)
    missing: Mapping[int, str] = {}
    # A file that the workflow provides does not exist yet, and no link leads out of the root.
    provided = cells.get("fingerprint", [None] * len(paths))
    if None in provided:
        looked = [
            path if text is None else None for path, text in zip(paths, provided, strict=True)
        ]
        missing = location.survey(looked, problems, check_files=check_files)
        seen = [here or path for here, path in zip(looked, paths, strict=True)]
        rows.notes.extend(_renamed(paths, seen))
        paths = seen
    if not flag_missing:
        problems += missing.items()
    if problems:
        lines = [f"{rows.place(i)}: {text}" if i >= 0 else text for i, text in sorted(problems)]
        raise ManifestError(rows.source, lines, advice=_ADVICE)
    count = len(paths)
    nothing: list[None] = [None] * count
    return list(
        map(
            Clip,
            ids,
            [location.join(path) for path in paths],
            range(count),
            labels,
            [None if label is None else classes[label] for label in labels],
            votes or nothing,
            cells.get("subject", nothing),
            cells.get("take", nothing),
            cells.get("fold", nothing),
            splits or nothing,
            cells.get("text", nothing),
            rates or nothing,
            cells.get("source", nothing),
            cells.get("scene", nothing),
            # Only of clips that were segments before, see facewave.video.segments.
            _whole_numbers(cells.get("start_ms", [None] * count)),
            _whole_numbers(cells.get("end_ms", [None] * count)),
            targets or nothing,
            cells.get("fingerprint", nothing),
            [index in missing for index in range(count)] if missing else [False] * count,
            cells.get("table", nothing),
            [location.root] * count,
        )
    )


def _texts(column: Sequence[Any]) -> Cells:
    if set(map(type, column)) == {str}:
        return [cell.strip() or None for cell in column]
    return [
        (cell.strip() or None) if isinstance(cell, str) else _number_text(cell) for cell in column
    ]


def _number_text(cell: object) -> str | None:
    if cell is None or cell != cell:  # pandas writes missing values as NaN
        return None
    # A column of whole numbers with gaps comes back from Parquet as floats: 3.0 means 3.
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _whole_numbers(cells: Cells) -> list[int | None]:
    return [None if cell is None else int(cell) for cell in cells]


def _renamed(written: Cells, paths: Cells) -> list[str]:
    """Return a note if files have other names on the disk than in the rows."""
    pairs = [(a, b) for a, b in zip(written, paths, strict=True) if a != b]
    if not pairs:
        return []
    old, new = pairs[0]
    return [
        f"{len(pairs):,} files are written otherwise than in the table, in letter case or in the "
        f"form of Unicode: their names on the disk are used ({new!r} for {old!r})"
    ]


def _converted(
    name: str,
    cells: Cells | None,
    convert: Callable[[str], T | None],
    expected: str,
    problems: Problems,
) -> list[T | None] | None:
    """Convert each distinct cell once; cells for which `convert` returns None are problems."""
    if cells is None:
        return None
    values = {cell: convert(cell) for cell in set(cells) if cell is not None}
    bad = {cell for cell, value in values.items() if value is None}
    if bad:
        problems += (
            (index, f"{name} {cell!r}: unknown; expected {expected}")
            for index, cell in enumerate(cells)
            if cell in bad
        )
    return [None if cell is None else values[cell] for cell in cells]


def _votes(
    column: Sequence[Any] | None, n_classes: int, problems: Problems
) -> list[tuple[float, ...] | None] | None:
    if column is None:
        return None
    votes = [_numbers(cell) for cell in column]
    wanted = f"expected {n_classes} numbers from 0 up, not all 0"
    problems += (
        (index, f"label_distribution {column[index]!r}: {wanted}")
        for index, cell in enumerate(votes)
        if cell is not None
        and not (len(cell) == n_classes and min(cell) >= 0 and 0 < sum(cell) < math.inf)
    )
    return votes


def _numbers(cell: Any) -> tuple[float, ...] | None:
    """Return the numbers of a cell, in text separated by spaces; () if there is anything else."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    try:
        return tuple(map(float, cell.split() if isinstance(cell, str) else cell))
    except (TypeError, ValueError):
        return ()


def _split(cell: str) -> str | None:
    return SPLIT_WORDS.get(cell.casefold())


def _rate(cell: str) -> float | None:
    try:
        rate = float(cell)
    except ValueError:
        return None
    return rate if 0 < rate < math.inf else None


def _checked_ids(
    given: Cells | None,
    paths: Cells,
    place: Callable[[int], str],
    problems: Problems,
) -> Cells:
    given = given or [None] * len(paths)
    for index, name in enumerate(given):
        if name is not None and not CLIP_ID.fullmatch(name):
            problems.append(
                (index, f"clip_id {name!r}: unsafe as a file name; expected {CLIP_ID_WORDS}")
            )
    ids = clip_ids(given, paths)
    if len(set(ids)) == len(ids):
        return ids
    first: dict[str, int] = {}
    for index, name in enumerate(ids):
        if name is None or first.setdefault(name, index) == index:
            continue
        other = place(first[name])
        if given[index] is None:
            text = f"file_path {paths[index]!r}: the same as in {other}; expected each clip once"
            text += " (or a clip_id for each row)"
        else:
            text = f"clip_id {name!r}: the same as in {other}; expected a unique id"
        problems.append((index, text))
    return ids


def clip_ids(given: Sequence[str | None], paths: Sequence[str | None]) -> list[str | None]:
    """Return an id for each row: the given one, or else one made from the path.

    That is the stem of the file's name if it is unique, else the path without its suffix and with
    `__` between the folders, else that with a hash of the path. Characters that are not safe in a
    file name become `_`. Rows with the same path, and rows with the same given id, keep equal ids:
    the caller reports them.

    Args:
        given: ids of the rows, None if the table has none
        paths: paths of the rows relative to the root, None if there is no usable one

    Returns:
        one id per row, None if there is neither an id nor a path
    """
    if None not in given:
        return list(given)
    made = {path: _safe(_stem(path)) for path in _to_name(given, paths)}
    for longer in (_joined, _hashed):
        counts = Counter(made.values())
        counts.update(name for name in given if name is not None)
        if max(counts.values(), default=1) > 1:
            made = {p: name if counts[name] == 1 else longer(p) for p, name in made.items()}
    return [
        made.get(path) if name is None and path is not None else name
        for name, path in zip(given, paths, strict=True)
    ]


def _to_name(given: Sequence[str | None], paths: Sequence[str | None]) -> list[str]:
    return [p for name, p in zip(given, paths, strict=True) if name is None and p is not None]


def _stem(path: str) -> str:
    name = path.rpartition("/")[2]
    stem = name.rpartition(".")[0]
    return stem or name


def _joined(path: str) -> str:
    folder, slash, _ = path.rpartition("/")
    return _safe(f"{folder}{slash}{_stem(path)}".replace("/", "__"))


def _hashed(path: str) -> str:
    return f"{_joined(path)}-{blake2s(path.encode(), digest_size=4).hexdigest()}"


def _safe(text: str) -> str:
    if not CLIP_ID.fullmatch(text):
        # A name has the same id whether macOS or another system has written it.
        text = unicodedata.normalize("NFC", text)
        text = _UNSAFE.sub("_", text).lstrip("._+=@-") or "clip"
    return text[:_LONGEST_MADE]
