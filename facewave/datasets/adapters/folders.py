"""Adapter of one folder per class: `happy/clip1.mp4`, `train/happy/clip1.mp4`.

The clips of a class lie at any depth below its folder; a folder of frames is a clip. If the top
folders are train, val and test, the classes lie below them, and `split` is filled. Clips that all
lie beside each other, in no folder of a class, have no label.
"""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from facewave.datasets.files.tree import tree_of
from facewave.datasets.release import Release
from facewave.datasets.rows import SPLIT_WORDS, Collector, Rows
from facewave.manifest.clips import ManifestError

GROUPS = ("subject", "take", "source", "fold", "scene")

_ADVICE = (
    "Give each class a folder below `root`, named as the class is; `class_map: {smile: happy}` "
    "translates other names, `class_map: {raw: null}` leaves a folder out."
)


def load(options: dict[str, Any], *, classes: Sequence[str], root: Path) -> Rows:
    """Return one row per clip.

    Args:
        options: `pattern` (regular expression over the path below `root`, whose groups `subject`,
            `take`, `source`, `fold` and `scene` fill these columns), `media`, `fps`, `class_map`
        classes: the dataset's class list
        root: folder of the classes' folders

    Raises:
        ManifestError: there are no clips, or `pattern` is not a regular expression or does not fit
    """
    tree = tree_of(root, dataset="folders", advice=_ADVICE, options=options)
    pattern = _pattern(options.get("pattern"))
    media = options.get("media", "auto")
    paths = [
        *(tree.videos if media != "frames" else ()),
        *(tree.frame_folders if media != "clips" else ()),
    ]
    if not paths:
        why = [*tree.notes(), *tree.note_of_others()]
        raise ManifestError(str(root), ["found no clips", *why], advice=_ADVICE)
    tops = {path.split("/")[0].casefold() for path in paths if "/" in path}
    by_split = bool(tops) and tops <= SPLIT_WORDS.keys()
    labelled = any(path.count("/") > by_split for path in paths)
    found = Collector(classes, options)
    found.notes([*tree.notes(), *tree.note_of_others()])
    if not labelled:
        found.note("no clip lies in a folder of a class: the clips have no labels")
    frames = set(tree.frame_folders)
    for path in paths:
        parts = PurePosixPath(path).parts
        if labelled and len(parts) < 2 + by_split:
            found.leave_out("that lie beside the folders of the classes, not in one")
            continue
        cells = _cells(pattern, path, found)
        if cells is not None:
            found.add(
                path,
                file_path=path,
                word=parts[int(by_split)] if labelled else None,
                split=SPLIT_WORDS[parts[0].casefold()] if by_split and len(parts) > 1 else None,
                fps_hint=options.get("fps") if path in frames else None,
                **cells,
            )
    return found.rows(str(root))


def _pattern(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        pattern = re.compile(text)
    except re.error as error:
        problem = f"pattern {text!r}: not a regular expression ({error})"
        raise ManifestError("folders", [problem], advice="Correct `pattern`.") from None
    if not set(pattern.groupindex) & set(GROUPS):
        problem = f"pattern {text!r}: has no group such as (?P<subject>...)"
        raise ManifestError("folders", [problem], advice=f"Name groups {', '.join(GROUPS)}.")
    return pattern


def _cells(pattern: re.Pattern[str] | None, path: str, found: Collector) -> dict[str, Any] | None:
    if pattern is None:
        return {}
    match = pattern.search(path)
    if match is None:
        found.problem(f"{path}: does not fit pattern {pattern.pattern!r}")
        return None
    return {name: cell for name, cell in match.groupdict().items() if name in GROUPS}


RELEASE = Release(title="a folder for each class", items=lambda _: [])
