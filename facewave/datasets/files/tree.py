"""What lies below a dataset's root: its tables, its videos and its folders of frames."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from facewave.manifest.clips import ManifestError
from facewave.natural_order import natural_key
from facewave.storage.frame_files import is_frame

VIDEO_SUFFIXES = (
    ".mp4", ".avi", ".flv", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".gif",
)  # fmt: skip

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".parquet")
_DEEPEST = 8

# From this many numbered folders on, only one is looked into: 16,000 would take seconds.
_ALIKE = 3


@dataclass(frozen=True)
class Tree:
    """The files below a root; every path is relative to it, with `/`, in natural order.

    Attributes:
        root: the folder
        tables: files that may hold labels (.csv, .tsv, .txt, .xlsx, .parquet)
        videos: video files
        frame_folders: folders that contain images
        unreadable: folders that cannot be read
    """

    root: Path
    tables: tuple[str, ...]
    videos: tuple[str, ...]
    frame_folders: tuple[str, ...]
    unreadable: tuple[str, ...] = ()


def walk(root: Path) -> Tree:
    """Return what lies below a root, up to eight folders deep, without hidden files; follow links.

    Raises:
        FileNotFoundError: there is no such folder
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder")
    walker = _Walker()
    walker.visit(str(root), "", 0)
    found = (walker.tables, walker.videos, walker.frame_folders, walker.unreadable)
    tables, videos, frames, unreadable = (tuple(sorted(x, key=natural_key)) for x in found)
    return Tree(root, tables, videos, frames, unreadable)


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


class _Walker:
    def __init__(self) -> None:
        self.tables: list[str] = []
        self.videos: list[str] = []
        self.frame_folders: list[str] = []
        self.unreadable: list[str] = []
        self._seen: set[tuple[int, int]] = set()

    def visit(self, folder: str, relative: str, depth: int) -> None:
        status = os.stat(folder)  # noqa: PTH116 (making a Path costs more)
        if (status.st_dev, status.st_ino) in self._seen:
            return  # a link that leads back
        self._seen.add((status.st_dev, status.st_ino))
        folders, images = [], False
        for entry in self._entries(folder, relative):
            suffix = entry.name[entry.name.rfind(".") :].lower()
            if entry.is_dir():
                folders.append(entry.name)
            elif suffix in VIDEO_SUFFIXES:
                self.videos.append(relative + entry.name)
            elif suffix in TABLE_SUFFIXES:
                self.tables.append(relative + entry.name)
            elif is_frame(entry.name):
                images = True
        if images and relative:
            self.frame_folders.append(relative.rstrip("/"))
        for name in self._without_frames(folder, relative, folders):
            if depth < _DEEPEST:
                self.visit(f"{folder}/{name}", f"{relative}{name}/", depth + 1)

    def _without_frames(self, folder: str, relative: str, folders: list[str]) -> list[str]:
        numbered = [name for name in folders if name.isdecimal()]
        if len(numbered) >= _ALIKE and _holds_frames(f"{folder}/{min(numbered)}"):
            self.frame_folders += [relative + name for name in numbered]
            return [name for name in folders if not name.isdecimal()]
        return folders

    def _entries(self, folder: str, relative: str) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                yield from (entry for entry in entries if not entry.name.startswith("."))
        except OSError:
            self.unreadable.append(relative.rstrip("/") or ".")


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


def tree_of(root: Path, *, dataset: str, advice: str) -> Tree:
    """Return what lies below a root.

    Raises:
        ManifestError: there is no such folder
    """
    try:
        return walk(root)
    except FileNotFoundError as error:
        raise ManifestError(dataset, [str(error)], advice=advice) from None


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
