"""Downloads the missing parts of an open release; goes on where it was interrupted.

Pooch compares every file with its listed checksum and keeps what does not have it out of the
dataset; the transfer itself is `_Resuming`, since Pooch's own begins anew. What has arrived of a
file lies below `.facewave` in the dataset's root until it is whole.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

import pooch
import requests
import urllib3

from facewave.downloads.release import (
    WORK,
    OpenRelease,
    Part,
    RemoteFile,
    read_receipt,
    receipt,
    receipt_path,
    size_of,
    size_text,
)
from facewave.downloads.unpack import UnpackError, unpack
from facewave.storage.atomic import write_json

_log = logging.getLogger("facewave")

# What has arrived of a chunk is lost when the connection breaks.
_CHUNK = 1 << 14
_TIMEOUT = (10, 60)  # seconds to connect, and between two arrivals
# A connection that delivers less over this many seconds is given up and tried again.
_SLOWEST = 1_000  # bytes per second
_PATIENCE = 120
_WORTH_TRYING_AGAIN = (408, 425, 429, 500, 502, 503, 504)
# A video hardly shrinks in an archive; more than that is no archive of videos.
_GROWS = 2
_SPARE = 10_000_000


class DownloadError(Exception):
    """A part cannot be downloaded; the message says why and what to do."""


class _BrokenError(Exception):
    """A transfer that may succeed when it is tried again."""


def download(
    release: OpenRelease, parts: Sequence[Part], root: Path, *, tries: int = 6, pause: float = 2.0
) -> None:
    """Put the clips of some parts in their places below a root.

    A part that is whole stays when a later one fails, and so does what has arrived of a file.

    Args:
        release: that the parts are of
        parts: what to download, see `missing_parts`
        root: folder of the dataset; made if it is missing
        tries: how often one after the other a transfer may end without a byte, or be too slow
        pause: seconds before the second try, twice as many before each further one

    Raises:
        DownloadError: a server does not have a file or sends another one, an archive is refused,
            there is too little room, or a folder is a link that leads out of the root
    """
    root.mkdir(parents=True, exist_ok=True)
    work = root / WORK
    _check_links(root, [work, *(root / clip for part in parts for clip in part.clips)])
    work.mkdir(exist_ok=True)
    # What Pooch was about to replace when it was killed.
    for path in work.glob("tmp*"):
        path.unlink()
    _check_room(parts, work)
    done, total = 0, size_of(parts)
    with requests.Session() as session:
        for part in parts:
            try:
                _provide(release, part, root, _Transfer(session, tries, pause))
            except UnpackError as error:
                raise DownloadError(f"{release.title}: {error}. {release.advice}") from error
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                need = size_text(total - done)
                raise DownloadError(
                    f"{root}: the disk is full; up to {need} more are needed. Make room and run "
                    "again: what has arrived is kept"
                ) from error
            done += size_of([part])
            _log.info("%s: %s of %s", part.name, size_text(done), size_text(total))


class _Transfer:
    """How files are transferred: over which connections, and how persistently."""

    def __init__(self, session: requests.Session, tries: int, pause: float) -> None:
        self.session, self.tries, self.pause = session, tries, pause


def _provide(release: OpenRelease, part: Part, root: Path, transfer: _Transfer) -> None:
    work = root / WORK
    targets = {PurePosixPath(clip).name: root / clip for clip in part.clips}
    for file in part.files:
        path = _fetch(release, file, work, transfer)
        if part.archive:
            most = _GROWS * file.size + _SPARE
            unpack(path, targets, folder=work / f"{part.name}.unpacking", max_bytes=most)
            path.unlink()
        else:
            targets[file.name].parent.mkdir(parents=True, exist_ok=True)
            path.replace(targets[file.name])
    before = read_receipt(root, part.name)
    write_json(receipt_path(root, part.name), before | receipt(root, part.clips))


def _fetch(release: OpenRelease, file: RemoteFile, work: Path, transfer: _Transfer) -> Path:
    """Return the path of a file that has the listed checksum."""
    url = release.url + quote(file.name)
    # Pooch announces each file; a release has thousands.
    pooch.get_logger().setLevel(logging.WARNING)
    # With the checksum in its name, what has arrived of another version is not gone on with.
    partial = work / f"{file.name}.{file.checksum[-12:]}.part"
    try:
        found = pooch.retrieve(
            url,
            known_hash=file.checksum,
            fname=file.name,
            path=work,
            downloader=_Resuming(partial, file.size, transfer),
        )
    except ValueError as error:
        # Pooch has removed the file: what is wrong somewhere cannot be gone on with.
        raise DownloadError(
            f"{url}: not the file that is listed, and not kept. {error} {release.advice}"
        ) from error
    return Path(found)


class _SlowError(_BrokenError):
    """A transfer that would take for ever."""


class _Resuming:
    """A downloader for Pooch that asks a server only for what has not arrived yet."""

    def __init__(self, partial: Path, size: int, transfer: _Transfer) -> None:
        self._partial, self._size, self._transfer = partial, size, transfer

    def __call__(self, url: str, output_file: str, _: Any) -> None:
        """Download a file.

        Raises:
            DownloadError: the server does not have it, or sends one of another size
        """
        failures = 0
        while (had := self._arrived()) < self._size:
            try:
                self._go_on(url, had)
            except (requests.RequestException, urllib3.exceptions.HTTPError, _BrokenError) as error:
                slow = isinstance(error, _SlowError)
                failures = failures + 1 if slow or self._arrived() <= had else 0
                if failures >= self._transfer.tries:
                    raise DownloadError(
                        f"{url}: {error}. Tried {failures} times; what has arrived is kept: run "
                        "the same command again"
                    ) from error
                time.sleep(self._transfer.pause * 2 ** max(0, failures - 1))
        os.replace(self._partial, output_file)  # noqa: PTH105

    def _arrived(self) -> int:
        try:
            size = self._partial.stat().st_size
        except FileNotFoundError:
            return 0
        if size > self._size:
            self._partial.unlink()
            return 0
        return size

    def _go_on(self, url: str, had: int) -> None:
        # Compressed on the way, a file would have other bytes at this offset.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={had}-"} if had else {})
        session = self._transfer.session
        with session.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
            start = self._start(answer, had)
            since, arrived = time.monotonic(), 0
            with self._partial.open("ab" if start else "wb") as file:
                # read1 returns what has arrived, however little: a slow server is told in time.
                while chunk := answer.raw.read1(_CHUNK, decode_content=False):
                    file.write(chunk)
                    arrived += len(chunk)
                    if file.tell() > self._size:
                        raise self._other_size(url, f"more than {self._size:,}")
                    took = time.monotonic() - since
                    if took > _PATIENCE and arrived < _SLOWEST * took:
                        raise _SlowError(f"{arrived:,} bytes arrived in {took:.0f} seconds")
        if self._arrived() < self._size:
            raise _BrokenError(f"the transfer ended after {self._arrived():,} bytes")

    def _start(self, answer: requests.Response, had: int) -> int:
        """Return the offset of what a server sends."""
        asked, *others = (step.url for step in (*answer.history, answer))
        plain = [url for url in others if not url.startswith("https://")]
        if asked.startswith("https://") and plain:
            raise DownloadError(
                f"{asked}: leads to {plain[0]}, which is not https://. Set `download.url` to an "
                "address that has the files itself"
            )
        status = answer.status_code
        if status == 416:
            # What has arrived cannot be of this file.
            self._partial.unlink(missing_ok=True)
            raise _BrokenError("the server has no more bytes than have arrived")
        if status in _WORTH_TRYING_AGAIN:
            raise _BrokenError(f"the server answers {status} {answer.reason}")
        if status not in (200, 206):
            raise DownloadError(
                f"{answer.url}: the server answers {status} {answer.reason}; expected a file. Set "
                "`download.url` to an address that has it, or unpack the dataset by hand"
            )
        if status == 200:
            total, start = answer.headers.get("Content-Length", ""), 0
        else:
            stated = answer.headers.get("Content-Range", "")
            match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", stated)
            if match is None or int(match[1]) != had:
                self._partial.unlink(missing_ok=True)
                raise _BrokenError(f"the server sends another part than asked for: {stated!r}")
            total, start = match[2], had
        if total.isdecimal() and int(total) != self._size:
            raise self._other_size(answer.url, f"{int(total):,}")
        return start

    def _other_size(self, url: str, found: str) -> DownloadError:
        self._partial.unlink(missing_ok=True)
        return DownloadError(f"{url}: {found} bytes; expected {self._size:,}: another file")


def _check_links(root: Path, paths: Sequence[Path]) -> None:
    inside = root.resolve()
    for folder in {path.parent for path in paths} | {paths[0]}:
        target = folder.resolve()
        if target != inside and inside not in target.parents:
            raise DownloadError(
                f"{folder}: a link out of the dataset's root, to {target}; nothing is written "
                "there. Set `root` to the folder that is meant"
            )


def _check_room(parts: Sequence[Part], work: Path) -> None:
    files = [file for part in parts for file in part.files]
    names = {file.name for file in files}
    arrived = sum(
        path.stat().st_size
        for path in work.iterdir()
        if path.suffix == ".part" or path.name in names
    )
    # While an archive is unpacked, it is there twice.
    largest = max((part.files[0].size for part in parts if part.archive), default=0)
    needed = sum(file.size for file in files) + largest - arrived
    free = shutil.disk_usage(work).free
    if free < needed:
        raise DownloadError(
            f"{work.parent}: {size_text(needed)} are needed and {size_text(free)} are free. Make "
            "room, or choose fewer `actors`"
        )
