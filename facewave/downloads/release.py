"""What an open release consists of, and which of its files are missing below a root."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, cast

# Below a dataset's root; hidden, so that no adapter takes what is half there for clips.
WORK = ".facewave"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file on a server.

    Attributes:
        name: what follows the release's address
        size: in bytes
        checksum: `md5:` or `sha256:` and the digest in hexadecimal digits
    """

    name: str
    size: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Part:
    """What is downloaded together: an archive, or single clips.

    Attributes:
        name: a file name; that of its receipt
        actor: who is seen
        files: one archive, or the clips themselves
        clips: paths below the root; without an archive one for each of `files`, in their order
        archive: whether `files` is one archive that holds the clips
    """

    name: str
    actor: int
    files: tuple[RemoteFile, ...]
    clips: tuple[str, ...]
    archive: bool

    def fingerprint(self, clip: str) -> str:
        """Return the text that stands for a clip's content."""
        if self.archive:
            return f"{self.files[0].checksum}/{PurePosixPath(clip).name}"
        return self.files[self.clips.index(clip)].checksum

    def of(self, clips: Collection[str]) -> Part:
        """Return the part with only these clips, and only the files that they need."""
        kept = tuple(clip for clip in self.clips if clip in clips)
        if self.archive:
            return replace(self, clips=kept)
        pairs = zip(self.files, self.clips, strict=True)
        return replace(self, clips=kept, files=tuple(f for f, clip in pairs if clip in clips))


@dataclass(frozen=True, slots=True)
class OpenRelease:
    """A release that anyone may download.

    Attributes:
        title: the dataset's name
        page: address of the page that describes it
        url: address that the names of files are appended to
        licence: its name and address
        advice: what to do if a file is not as it is listed
        parts: all of it, by actor
    """

    title: str
    page: str
    url: str
    licence: str
    advice: str
    parts: tuple[Part, ...]


class _Listing(Protocol):
    def release(self, options: Mapping[str, Any]) -> OpenRelease:
        """Return the release, with those clips that a dataset's options ask for."""


def open_release(options: Mapping[str, Any]) -> OpenRelease:
    """Return what a dataset's options ask for: of `actors` only, from its own `url` if it has one.

    Args:
        options: of the dataset: `adapter`, `actors`, `download` and what its adapter knows
    """
    listing = cast(_Listing, import_module(f"facewave.downloads.{options['adapter']}"))
    found = listing.release(options)
    actors = options.get("actors")
    if actors is not None:
        found = replace(found, parts=tuple(part for part in found.parts if part.actor in actors))
    url = options["download"].get("url")
    return found if url is None else replace(found, url=url.rstrip("/") + "/")


def missing_parts(release: OpenRelease, present: Iterable[str]) -> tuple[Part, ...]:
    """Return what is missing of a release.

    Args:
        release: see `open_release`
        present: paths of the videos below the root; a clip is there wherever it lies
    """
    stems = {PurePosixPath(path).stem for path in present}
    wanted = []
    for part in release.parts:
        lacking = {clip for clip in part.clips if PurePosixPath(clip).stem not in stems}
        if lacking:
            wanted.append(part.of(lacking))
    return tuple(wanted)


def size_of(parts: Sequence[Part]) -> int:
    """Return how many bytes are downloaded for some parts."""
    return sum(file.size for part in parts for file in part.files)


def size_text(size: int) -> str:
    """Return a number of bytes in MB or GB."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def announcement(release: OpenRelease, parts: Sequence[Part]) -> str:
    """Return what the user should know before a download starts."""
    clips = sum(len(part.clips) for part in parts)
    files = sum(len(part.files) for part in parts)
    return (
        f"{release.title}: {clips:,} clips are not there and are downloaded: {files:,} files, "
        f"{size_text(size_of(parts))}, from {release.url} ({release.page}). "
        f"Licence: {release.licence}; who goes on accepts it."
    )


# Receipts


def receipt_path(root: Path, part: str) -> Path:
    """Return the file that says which files of a part were downloaded."""
    return root / WORK / f"{part}.json"


def receipt(root: Path, clips: Iterable[str]) -> dict[str, list[int]]:
    """Return size and time of change (ns) of downloaded clips, by path."""
    return {clip: stamp for clip in clips if (stamp := _stamp(root / clip)) is not None}


def downloaded(root: Path, parts: Iterable[Part]) -> Iterator[tuple[str, str]]:
    """Yield path and fingerprint of the clips that were downloaded and have not been touched."""
    for part in parts:
        listed = read_receipt(root, part.name)
        for clip in part.clips:
            if clip in listed and _stamp(root / clip) == listed[clip]:
                yield clip, part.fingerprint(clip)


def read_receipt(root: Path, part: str) -> dict[str, list[int]]:
    """Return what `receipt` returned when a part was downloaded; nothing before that."""
    try:
        listed = json.loads(receipt_path(root, part).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return listed if isinstance(listed, dict) else {}


def _stamp(path: Path) -> list[int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - there are thousands
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]
