"""Has a clip's content changed since it was tracked? Answered from `stat`, like git's index.

A clip's fingerprint is opaque text. As long as size, times and inode stay, so does the fingerprint,
and no byte is read. When they change and the content that was tracked is known (the tracking job
hashed it), the file is hashed: equal content keeps the fingerprint, other content gets a new one.
A file that was never tracked takes its stat as its fingerprint, so that a first dry run over a
large dataset reads no video.

The stat of a folder of frames is here the folder's own: it changes when a frame is added, removed,
renamed or replaced, but not when one is overwritten in place. Jobs look at every frame.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR

from facewave.storage.frame_files import clip_sha256, folder_stat
from facewave.storage.tables import TableError, format_rows, iter_rows, write_text_if_changed

MISSING = "missing"
_FOLDER = "folder-"

_COLUMNS = ("clip_id", "file_path", "stat", "fingerprint")


@dataclass(frozen=True, slots=True)
class Tracked:
    """What is known of a tracked clip: its fingerprint then, and the SHA-256 of its bytes."""

    fingerprint: str
    content_sha256: str


def stat_text(path: str) -> str | None:
    """Return size, mtime, ctime (ns) and inode of a file as text; None if there is no such file.

    For a folder of frames it is a digest of these of every frame.
    """
    stat = own_stat(path)
    return folder_stat(path) if stat and stat.startswith(_FOLDER) else stat


def own_stat(path: str) -> str | None:
    """Return the stat of a file, or of a folder itself, as text; None if there is neither.

    A folder's own times change when a file in it is added, removed or renamed.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - making a Path costs more than the call itself
    except OSError:
        return None
    times = f"{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"
    # The size of a folder is the file system's own affair.
    return f"{_FOLDER}{times}" if S_ISDIR(status.st_mode) else f"{status.st_size}-{times}"


def fingerprint_clips(
    clips: Iterable[tuple[str, str]],
    *,
    index: Path,
    tracked: Callable[[list[str]], Mapping[str, Tracked]],
    hashed: Container[str] = (),
    inspect: Callable[[list[str]], None] = lambda paths: None,
    digest: Callable[[Path], str] | None = None,
) -> dict[str, str]:
    """Return the fingerprint of each clip and bring the index up to date.

    Args:
        clips: pairs of clip id and file path.
        index: the table that remembers stat and fingerprint of each clip; written only if it
            changes. A file that has another path and the same stat (inode, times) was moved.
        tracked: given clip ids, what is known of those that were tracked.
        hashed: clips whose fingerprint is the digest of their file from the first time on.
        inspect: called with the folders of frames that are new, changed or moved; what it raises
            leaves the index as it was.
        digest: does what `clip_sha256` does, possibly in another process; a clip for which it
            fails has a new fingerprint.

    Returns:
        Clip id to fingerprint.
    """
    known = _read_index(index)
    stats = {clip_id: (path, own_stat(path)) for clip_id, path in clips}
    fingerprints = {
        clip_id: known[clip_id][2]
        for clip_id, (_, stat) in stats.items()
        if clip_id in known and known[clip_id][1] == stat
    }
    changed = [clip_id for clip_id in stats if clip_id not in fingerprints]
    inspect(
        [
            path
            for clip_id, (path, stat) in stats.items()
            if stat and stat.startswith(_FOLDER)
            if clip_id not in fingerprints or known[clip_id][0] != path
        ]
    )
    history = tracked([clip_id for clip_id in changed if stats[clip_id][1]]) if changed else {}
    counter = _HashCounter(len({stats[clip_id][0] for clip_id in changed if clip_id in history}))
    hashes = _Hashes(counter, digest or clip_sha256)
    for clip_id in changed:
        path, stat = stats[clip_id]
        if clip_id in hashed and stat is not None:
            fingerprints[clip_id] = _digest(path, stat, hashes)
            continue
        fingerprints[clip_id] = _fingerprint(path, stat, history.get(clip_id), hashes)
    _write_index(index, stats, fingerprints)
    return {clip_id: fingerprints[clip_id] for clip_id in stats}


def _fingerprint(path: str, stat: str | None, before: Tracked | None, hashes: _Hashes) -> str:
    if stat is None:
        return MISSING
    if before is None or not before.content_sha256:
        # What is empty and was empty has the same bytes.
        if before and stat.startswith("0-") and before.fingerprint.startswith("stat:0-"):
            return before.fingerprint
        return f"stat:{stat}"
    try:
        content = hashes.of(path)
    except Exception:  # the job that reads the clip will say why
        return f"stat:{stat}"
    return before.fingerprint if content == before.content_sha256 else f"sha256:{content}"


def _digest(path: str, stat: str, hashes: _Hashes) -> str:
    try:
        return f"sha256:{hashes.of(path)}"
    except OSError:
        return f"stat:{stat}"


@dataclass
class _Hashes:
    """The digests of files, each computed once: many segments can be of one video."""

    counter: _HashCounter
    digest: Callable[[Path], str]
    known: dict[str, str] = field(default_factory=dict)

    def of(self, path: str) -> str:
        if path not in self.known:
            self.counter.step()
            self.known[path] = self.digest(Path(path))
        return self.known[path]


@dataclass
class _HashCounter:
    """Reports on stderr how far the hashing of touched files is, if it takes seconds."""

    total: int
    done: int = 0
    reported: float = 0.0

    def step(self) -> None:
        now = time.monotonic()
        if self.done == 0:
            self.reported = now
        elif now - self.reported > 3.0:
            print(
                f"facewave: {self.done} of {self.total} files with a new date compared with what "
                "was tracked",
                file=sys.stderr,
            )
            self.reported = now
        self.done += 1


def _read_index(index: Path) -> dict[str, tuple[str, str, str]]:
    try:
        return {
            row["clip_id"]: (row["file_path"], row["stat"], row["fingerprint"])
            for row in iter_rows(index, _COLUMNS)
        }
    except (FileNotFoundError, TableError):
        # The index only saves time: without it, files are compared with what was tracked.
        return {}


def _write_index(
    index: Path, stats: Mapping[str, tuple[str, str | None]], fingerprints: Mapping[str, str]
) -> None:
    rows = (
        dict(zip(_COLUMNS, (clip_id, path, stat, fingerprints[clip_id]), strict=True))
        for clip_id, (path, stat) in stats.items()
        if stat is not None
    )
    # It only saves time, and results may be read that may not be written.
    with suppress(OSError):
        write_text_if_changed(index, format_rows(_COLUMNS, rows))
