"""What lies below a dataset's root: its tables, its videos and its folders of frames."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from facewave.datasets.files.paths import CONTROL, FOLLOW
from facewave.manifest.clips import ManifestError
from facewave.messages import shown
from facewave.natural_order import natural_key
from facewave.storage.frame_files import is_frame

# What PyAV's own builds read, in the containers that cameras, phones, discs and the web write.
VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".f4v", ".avi", ".divx", ".flv", ".mkv", ".webm",
    ".ogv", ".ogm", ".wmv", ".asf", ".mpg", ".mpeg", ".mpe", ".m1v", ".m2v", ".vob", ".mod", ".tod",
    ".ts", ".mts", ".m2ts", ".m2t", ".dv", ".mxf", ".rm", ".rmvb", ".nut", ".ivf", ".mjpeg",
    ".mjpg", ".y4m", ".gif",
)  # fmt: skip

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".parquet")
_DEEPEST = 8

# From this many numbered folders on, only one is looked into: 16,000 would take seconds.
_ALIKE = 3
_MOST_NAMED = 5


@dataclass(frozen=True)
class Tree:
    """The files below a root; every path is relative to it, with `/`, in natural order.

    Attributes:
        root: the folder
        tables: files that may hold labels (.csv, .tsv, .txt, .xlsx, .parquet)
        videos: video files
        frame_folders: folders that contain images
        unreadable: folders that cannot be read, fit to be printed
        left_out: names that cannot be used, fit to be printed, by the reason
        outside: links to folders that lie outside the root and were not followed, and their targets
        others: number of files of no known kind, by their suffix
    """

    root: Path
    tables: tuple[str, ...]
    videos: tuple[str, ...]
    frame_folders: tuple[str, ...]
    unreadable: tuple[str, ...] = ()
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    outside: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, int] = field(default_factory=dict)

    def notes(self) -> list[str]:
        """Return a line for each reason for which something was left out, with some names."""
        reasons = {**self.left_out, "cannot be read": self.unreadable}
        return [
            f"left out: {len(names):,} {reason}: {_some(names)}"
            for reason, names in reasons.items()
            if names
        ]

    def note_of_others(self) -> list[str]:
        """Return a line that counts the files of no known kind; none if there are none."""
        counts = sorted(self.others.items(), key=lambda item: (-item[1], item[0]))
        if not counts:
            return []
        kinds = ", ".join(f"{count:,} {suffix}" for suffix, count in counts[:20])
        more = f" and {len(counts) - 20:,} more kinds" if len(counts) > 20 else ""
        return [f"left out: files that are no videos, by their suffix: {kinds}{more}"]


def walk(root: Path, *, follow_links: bool = False) -> Tree:
    """Return what lies below a root, up to eight folders deep, without hidden files.

    What cannot be listed in a table (a name that is not UTF-8 or has control characters), is no
    file (a pipe, a device) or leads nowhere is named and left out. A folder is listed once: where
    it really lies if that is below the root, whatever links lead to it.

    Args:
        root: the folder
        follow_links: whether to follow links to folders outside the root

    Raises:
        FileNotFoundError: there is no such folder
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder")
    walker = _Walker(root, follow_links)
    walker.walk()
    found = (walker.tables, walker.videos, walker.frame_folders)
    tables, videos, frames = (tuple(sorted(x, key=natural_key)) for x in found)
    return Tree(
        root,
        tables,
        videos,
        frames,
        unreadable=tuple(sorted(walker.unreadable)),
        left_out={why: tuple(sorted(names)) for why, names in sorted(walker.left_out.items())},
        outside=dict(sorted(walker.outside.items())),
        others=walker.others,
    )


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def by_number(paths: Iterable[str]) -> dict[int, str]:
    """Return the paths of files and folders named by number: `part_1/00012.mp4` is 12.

    If there are several of a number, the original is preferred to a crop, and a shorter path to a
    longer one.
    """
    chosen: dict[int, tuple[tuple[int, int], str]] = {}
    for path in paths:
        stem = PurePosixPath(path).stem
        if stem.isdecimal():
            ranked = (_rank(path), path)
            number = int(stem)
            if number not in chosen or ranked[0] < chosen[number][0]:
                chosen[number] = ranked
    return {number: path for number, (_, path) in chosen.items()}


def below(paths: Iterable[str], folder: str | None) -> list[str]:
    """Return the paths that lie below a folder of the tree; all of them without a folder."""
    if not folder:
        return list(paths)
    start = folder.strip("/") + "/"
    return [path for path in paths if path.startswith(start)]


def _rank(path: str) -> tuple[int, int]:
    folders = path.casefold().split("/")[:-1]
    if any("original" in name for name in folders):
        kind = 0
    else:
        kind = 2 if any("224" in name or "crop" in name for name in folders) else 1
    return kind, len(folders)


_NOT_UTF8 = (
    "with names that are not UTF-8 (archives of old Windows have them: unpack with `unzip -O gbk`, "
    "or rename them with convmv)"
)
_CONTROL = "with control characters in their names (rename them)"
_DEEP = f"more than {_DEEPEST} folders deep (choose a root nearer to them)"
_AGAIN = "links to folders that are listed already"
_NOWHERE = "links that lead nowhere or in a circle"
_NO_FILE = "pipes, devices and sockets"


class _Walker:
    def __init__(self, root: Path, follow_links: bool) -> None:
        self.tables: list[str] = []
        self.videos: list[str] = []
        self.frame_folders: list[str] = []
        self.unreadable: list[str] = []
        self.left_out: defaultdict[str, list[str]] = defaultdict(list)
        self.outside: dict[str, str] = {}
        self.others: Counter[str] = Counter()
        self._root, self._real = str(root), os.path.realpath(root)
        self._follow_links = follow_links
        self._seen: set[tuple[int, int]] = set()
        self._links: list[tuple[str, int]] = []  # to folders: relative path and depth

    def walk(self) -> None:
        self._visit("", 0)
        # Only now: a folder is listed where it really lies, not where a link leads to it.
        while self._links:
            path, depth = self._links.pop(0)
            target = os.path.realpath(f"{self._root}/{path}")
            inside = os.path.commonpath([target, self._real]) == self._real
            if inside or self._follow_links:
                self._visit(f"{path}/", depth, link=True)
            else:
                self.outside[shown(path)] = shown(target)

    def _visit(self, relative: str, depth: int, *, link: bool = False) -> None:
        folder = f"{self._root}/{relative}"
        try:
            status = os.stat(folder)  # noqa: PTH116 (making a Path costs more)
            with os.scandir(folder) as found:
                entries = [entry for entry in found if not entry.name.startswith(".")]
        except OSError:
            self.unreadable.append(shown(relative.rstrip("/")) or ".")
            return
        if (status.st_dev, status.st_ino) in self._seen:
            if link:
                self.left_out[_AGAIN].append(shown(relative.rstrip("/")))
            return
        if depth > _DEEPEST:
            self.left_out[_DEEP].append(shown(relative.rstrip("/")))
            return
        self._seen.add((status.st_dev, status.st_ino))
        # Labels and ids do not depend on the order in which the file system lists names.
        entries.sort(key=lambda entry: entry.name)
        folders = [name for entry in entries if (name := self._sort(entry, relative, depth))]
        for name in self._without_frames(relative, folders):
            self._visit(f"{relative}{name}/", depth + 1)

    def _sort(self, entry: os.DirEntry[str], relative: str, depth: int) -> str | None:
        """Put an entry where it belongs; return its name if it is a folder to look into."""
        # A blank at the start of a path is lost in tables, unless something stands before it.
        name = f"./{entry.name}" if not relative and entry.name[0].isspace() else entry.name
        path = relative + name
        reason = _unusable(entry.name)
        if reason is None and entry.is_symlink() and not _leads_somewhere(entry):
            reason = _NOWHERE
        if reason is not None:
            self.left_out[reason].append(shown(path))
            return None
        if entry.is_dir():
            if entry.is_symlink():
                self._links.append((path, depth + 1))
                return None
            return name
        self._sort_file(entry, path)
        return None

    def _sort_file(self, entry: os.DirEntry[str], path: str) -> None:
        _, dot, ending = entry.name.rpartition(".")
        suffix = f".{ending.lower()}" if dot else ""
        if not entry.is_file():
            self.left_out[_NO_FILE].append(shown(path))
        elif suffix in VIDEO_SUFFIXES:
            self.videos.append(path)
        elif suffix in TABLE_SUFFIXES:
            self.tables.append(path)
        elif not is_frame(entry.name):
            self.others[shown(suffix) or "(none)"] += 1
        elif "/" in path.removeprefix("./"):
            folder = path.rpartition("/")[0]
            if self.frame_folders[-1:] != [folder]:
                self.frame_folders.append(folder)

    def _without_frames(self, relative: str, folders: list[str]) -> list[str]:
        numbered = [name for name in folders if name.isdecimal()]
        if len(numbered) >= _ALIKE and _holds_frames(f"{self._root}/{relative}{min(numbered)}"):
            self.frame_folders += [relative + name for name in numbered]
            return [name for name in folders if not name.isdecimal()]
        return folders


def _unusable(name: str) -> str | None:
    """Return why a name cannot be written into a table, None if it can."""
    if name.isprintable():
        return None  # nearly all
    if CONTROL.search(name):
        return _CONTROL
    try:
        name.encode()
    except UnicodeEncodeError:
        return _NOT_UTF8
    return None


def _leads_somewhere(entry: os.DirEntry[str]) -> bool:
    try:
        entry.stat()
    except OSError:
        return False
    return True


def _holds_frames(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(is_frame(entry.name) for entry in entries)
    except OSError:
        return False


@dataclass(frozen=True)
class NumberedMedia:
    """The media of a dataset whose clips are named by number.

    Attributes:
        paths: paths relative to the root, by number
        frames: numbers whose path is a folder of frames
        frame_rate: frames per second of the folders of frames; None if not configured
        notes: what the user should know
    """

    paths: Mapping[int, str]
    frames: frozenset[int]
    frame_rate: float | None
    notes: tuple[str, ...]

    def path(self, number: int, *, expected: str) -> str:
        """Return a clip's path; the expected one if there is none."""
        return self.paths.get(number, expected)

    def fps(self, number: int) -> float | None:
        """Return the frame rate to assume for a clip; None if its container knows it."""
        return self.frame_rate if number in self.frames else None


def numbered_media(tree: Tree, options: Mapping[str, Any]) -> NumberedMedia:
    """Choose videos or folders of frames.

    Args:
        tree: of the root
        options: `media` (`clips`, `frames`, or `auto`: whichever there are more of, videos if
            equal), `media_folder` (look only there) and `fps`
    """
    wanted, folder = options.get("media", "auto"), options.get("media_folder")
    videos = by_number(below(tree.videos, folder)) if wanted != "frames" else {}
    frames = by_number(below(tree.frame_folders, folder)) if wanted != "clips" else {}
    chosen = max(videos, frames, key=len)
    kind = "videos" if chosen is videos else "folders of frames"
    folders = {path.rpartition("/")[0] or "." for path in chosen.values()}
    notes = [f"{kind} of {', '.join(sorted(folders)[:5])}"] if chosen else []
    if videos and frames:
        other = "frames" if chosen is videos else "clips"
        notes.append(
            f"there are {len(videos)} videos and {len(frames)} folders of frames: "
            f"`media: {other}` uses the others"
        )
    taken = frozenset() if chosen is videos else frozenset(frames)
    return NumberedMedia(chosen, taken, options.get("fps"), tuple(notes))


def tree_of(
    root: Path, *, dataset: str, advice: str, options: Mapping[str, Any] | None = None
) -> Tree:
    """Return what lies below a root.

    Args:
        root: the folder
        dataset: name of the dataset, for messages
        advice: what to do if there is no such folder
        options: of the dataset: `follow_links`

    Raises:
        ManifestError: there is no such folder, or a link to a folder leads out of it
    """
    try:
        tree = walk(root, follow_links=(options or {}).get("follow_links", False))
    except FileNotFoundError as error:
        raise ManifestError(dataset, [str(error)], advice=advice) from None
    if tree.outside:
        problems = [f"{path}: a link out of the root, to {to}" for path, to in tree.outside.items()]
        raise ManifestError(dataset, problems, advice=FOLLOW)
    return tree


def named_clips(tree: Tree, pattern: re.Pattern[str]) -> Iterator[tuple[str, re.Match[str]]]:
    """Yield path and match of each video or folder of frames whose name fits a pattern.

    Args:
        tree: of the root
        pattern: has to match the whole name without its suffix
    """
    for path in (*tree.videos, *tree.frame_folders):
        match = pattern.fullmatch(PurePosixPath(path).name.partition(".")[0])
        if match:
            yield path, match
