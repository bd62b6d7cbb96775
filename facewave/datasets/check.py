"""What `check_dataset` finds out about a folder: which dataset, is it complete, can it be used?"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facewave.config.check import dataset_config
from facewave.datasets.adapters import ADAPTERS, adapter, folders
from facewave.datasets.build_clips import build_clips
from facewave.datasets.files.sheets import read_text
from facewave.datasets.files.tree import Tree, by_number, walk
from facewave.datasets.release import Item, Published, Release
from facewave.manifest.class_lists import MAFW_ONLY, PRESETS, SEVEN, canonical
from facewave.manifest.clips import Clip, ManifestError

_SHOWN = 20
_POINTER_BYTES = 1024
# What distinguishes datasets whose clips have the same names.
_LABELS = {
    "DFEW": "Annotation/annotation.xlsx or EmoLabel_DataSplit/",
    "MAFW": "Labels/single-set.xlsx or Train & Test Set/",
}


@dataclass(frozen=True)
class Candidate:
    """An adapter that may fit, with the official files that it found and missed."""

    adapter: str
    release: Release
    items: Sequence[Item]

    @property
    def score(self) -> tuple[float, int]:
        """Fraction and number of the official files that are there."""
        found = sum(item.found is not None for item in self.items)
        return found / max(1, len(self.items)), found


@dataclass
class Check:
    """What was found out about a folder.

    Attributes:
        lines: the report
        adapter: the adapter that fits best; None if none does
        problems: why the dataset, or a part of it, cannot be used
    """

    lines: list[str] = field(default_factory=list)
    adapter: str | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The report as one text."""
        return "\n".join(self.lines) + "\n"


def check_folder(root: Path) -> Check:
    """Find the adapter that fits a folder, read the dataset with it and compare the counts.

    Args:
        root: the folder, as it was unpacked
    """
    check = Check([f"check_dataset: {root}"])
    try:
        tree = walk(root)
    except FileNotFoundError:
        return _fail(check, f"{root}: no such folder")
    counts = f"{len(tree.tables):,} tables, {len(tree.videos):,} videos, "
    check.lines.append(f"below it: {counts}{len(tree.frame_folders):,} folders of frames")
    check.lines += [*tree.notes(), *tree.note_of_others()]
    check.lines += [f"not followed: {path}, a link to {to}" for path, to in tree.outside.items()]
    candidates = find_candidates(tree)
    if not candidates:
        check.lines += _hints(tree)
        names = ", ".join(name for name in ADAPTERS if name in PRESETS)
        return _fail(check, f"no adapter fits: no official file of {names} was found")
    best = candidates[0]
    check.adapter = best.adapter
    check.lines.append(f"fits: adapter {best.adapter} ({best.release.title})")
    check.lines += [f"fits less well: adapter {other.adapter}" for other in candidates[1:]]
    _list_items(check, best.items)
    options = best.release.options(tree)
    clips = _read(check, best.adapter, root, options)
    if clips:
        _count(check, best, clips)
    _list_unusable(check, clips)
    check.lines += ["", *(f"note: {line}" for line in best.release.advice)]
    _conclude(check, best, root, clips=clips, options=options)
    return check


def find_candidates(tree: Tree) -> list[Candidate]:
    """Return the adapters that have official files below the root, the best first."""
    found = []
    for name in ADAPTERS:
        release = getattr(adapter(name), "RELEASE", None)
        if release is not None:
            candidate = Candidate(name, release, release.items(tree))
            if candidate.score[1]:
                found.append(candidate)
    if not found and _named_as_classes(tree):
        found = [Candidate("folders", folders.RELEASE, [])]
    return sorted(found, key=lambda candidate: candidate.score, reverse=True)


def _named_as_classes(tree: Tree) -> bool:
    known = {*SEVEN, *MAFW_ONLY, "calm"}
    clips = [*tree.videos, *tree.frame_folders]
    words = {canonical(part) for path in clips for part in path.split("/")[:2]}
    return len(words & known) > 1


def _hints(tree: Tree) -> Iterable[str]:
    numbered = len(by_number([*tree.videos, *tree.frame_folders]))
    if numbered > 1:
        yield f"{numbered:,} clips are named by number, as in DFEW and MAFW; labels are missing:"
        yield from (f"  {name}: {labels}" for name, labels in _LABELS.items())
    for path in tree.tables:
        if not path.endswith((".csv", ".tsv")):
            continue
        try:
            header = read_text(tree.root / path).partition("\n")[0].casefold()
        except ManifestError:
            continue
        if "file_path" in header and "label" in header:
            yield f"adapter table may fit: {path} has columns file_path and label"


def _list_items(check: Check, items: Sequence[Item]) -> None:
    if not items:
        return
    check.lines += ["", "official files"]
    for item in items:
        state = "found  " if item.found else ("absent " if item.optional else "MISSING")
        where = f" ({item.found})" if item.found and item.found != item.name else ""
        check.lines.append(f"  {state} {item.name}{where}: {item.purpose}")
        if item.required and not item.found:
            check.problems.append(f"{item.name}: missing ({item.purpose})")


def _read(check: Check, name: str, root: Path, extra: Mapping[str, Any]) -> list[Clip]:
    entry = {"adapter": name, "root": str(root), **extra}
    options = dataset_config({"datasets": {"checked": entry}}, "checked")
    try:
        rows = adapter(name).load({**options, "seed": 0}, classes=options["classes"], root=root)
        clips = build_clips(rows, classes=options["classes"], root=root, flag_missing=True)
        # What the tree leaves out stands in the report already.
        if notes := [note for note in rows.notes if note not in check.lines]:
            check.lines += ["", *notes]
        return clips
    except ManifestError as error:
        known = set(check.problems)
        check.problems += [f"{error.what}: {line}" for line in error.problems if line not in known]
        check.problems.append(error.advice)
        return []


def _count(check: Check, best: Candidate, clips: Sequence[Clip]) -> None:
    lists = PRESETS.get(best.adapter, {"": ()})
    preset = next(iter(lists))
    names = [canonical(name) for name in lists[preset]]
    names += sorted({canonical(clip.actual) for clip in clips if clip.actual} - set(names))
    for published in best.release.published.get(preset, [Published("clips", None)]):
        chosen = [clip for clip in clips if published.split in (None, clip.split)]
        per_class = Counter(canonical(clip.actual) for clip in chosen if clip.actual)
        expected = {canonical(word): count for word, count in published.per_class.items()}
        check.lines += ["", f"{published.what}", f"  {'class':<24}{'found':>8}{'published':>11}"]
        check.lines += [_row(name, per_class[name], expected.get(name)) for name in names]
        check.lines.append(_row("all", len(chosen), published.total))
    if best.release.source:
        check.lines.append(f"  published in: {best.release.source}")
    others = [name for name in lists if name != preset]
    if others:
        check.lines.append(f"  other class lists (classes_preset): {', '.join(others)}")


def _row(name: str, found: int, published: int | None) -> str:
    line = f"  {name:<24}{found:>8,}"
    if published is not None:
        line += f"{published:>11,}"
        line += f"  ({found - published:+,})" if published != found else ""
    return line


def _list_unusable(check: Check, clips: Sequence[Clip]) -> None:
    missing = [clip.file_path for clip in clips if clip.missing]
    tiny = [clip.file_path for clip in clips if not clip.missing and _is_tiny(clip.file_path)]
    if missing:
        check.problems.append(f"{len(missing):,} of {len(clips):,} clips have no file:")
        check.problems += _some(missing)
    if tiny:
        check.problems.append(
            f"{len(tiny):,} files are smaller than 1 KiB: empty, or pointers of Git LFS "
            "(`git lfs pull` fetches the files):"
        )
        check.problems += _some(tiny)


def _is_tiny(path: str) -> bool:
    file = Path(path)
    return file.is_file() and file.stat().st_size < _POINTER_BYTES


def _some(paths: Sequence[str]) -> list[str]:
    more = [f"  and {len(paths) - _SHOWN:,} more"] if len(paths) > _SHOWN else []
    return [f"  {path}" for path in paths[:_SHOWN]] + more


def _conclude(
    check: Check, best: Candidate, root: Path, *, clips: Sequence[Clip], options: Mapping[str, Any]
) -> None:
    check.lines.append("")
    if check.problems:
        check.lines += ["cannot be used as it is:", *(f"  {line}" for line in check.problems)]
        return
    lacks = []
    missing = sum(item.found is None and not item.optional for item in best.items)
    if missing:
        lacks.append(f"{missing} official file{' is' if missing == 1 else 's are'} missing")
    published = _published_total(best)
    if published is not None and published != len(clips):
        lacks.append(f"{len(clips):,} clips are there, {published:,} were published")
    state = f"can be used in part ({'; '.join(lacks)})" if lacks else "whole"
    check.lines += [f"{state}; in the configuration:", "datasets:", f"  {best.adapter}:"]
    check.lines += [f"    adapter: {best.adapter}", f"    root: {root}"]
    check.lines += [f"    {name}: {value}" for name, value in options.items()]


def _published_total(best: Candidate) -> int | None:
    preset = next(iter(PRESETS.get(best.adapter, {"": ()})))
    totals = [numbers.total for numbers in best.release.published.get(preset, ())]
    return None if not totals or None in totals else sum(total or 0 for total in totals)


def _fail(check: Check, problem: str) -> Check:
    check.problems.append(problem)
    check.lines += ["", "cannot be used:", f"  {problem}"]
    return check
