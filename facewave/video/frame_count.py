"""How many frames a container says it shows, if it counts them.

MP4 and AVI have a count. In an MP4 that was cut without being encoded again (`ffmpeg -c copy`,
phones) it includes frames that the edit list hides. For other containers FFmpeg only guesses the
count from duration and frame rate, which need not be the rate of the frames (interlaced, variable).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

# Far more than the index of hours of video; a damaged size must not fill the memory.
_LARGEST_INDEX = 256 * 1024 * 1024


def shown_fraction(path: Path) -> float | None:
    """Return the fraction of the counted frames that is shown; None if they are not counted."""
    with path.open("rb") as file:
        start = file.read(12)
        if start[:4] == b"RIFF" and start[8:] == b"AVI ":
            return 1.0
        if start[4:8] not in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            return None
        file.seek(0)
        try:
            return _edited_fraction(_index(file))
        except struct.error:
            return 1.0


def _index(file: BinaryIO) -> bytes:
    """Return the body of an MP4's box `moov`; empty if there is none."""
    while len(header := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", header)
        rest = size - 8
        if size == 1:
            rest = struct.unpack(">Q", file.read(8))[0] - 16
        if kind == b"moov" and 0 <= rest <= _LARGEST_INDEX:
            return file.read(rest)
        if rest < 0:
            break
        file.seek(rest, 1)
    return b""


def _edited_fraction(moov: bytes) -> float:
    movie_ticks, _ = _clock(_inside(moov, b"mvhd"))
    for kind, track in _boxes(moov):
        media = dict(_boxes(_inside(track, b"mdia"))) if kind == b"trak" else {}
        if media.get(b"hdlr", b"")[8:12] == b"vide":
            shown = _shown(_inside(_inside(track, b"edts"), b"elst"))
            ticks, duration = _clock(media.get(b"mdhd", b""))
            if shown and duration and ticks and movie_ticks:
                return min(1.0, shown / movie_ticks / (duration / ticks))
    return 1.0


def _boxes(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    start = 0
    while start + 8 <= len(body):
        size, kind = struct.unpack_from(">I4s", body, start)
        if size < 8:
            return
        yield kind, body[start + 8 : start + size]
        start += size


def _inside(body: bytes, kind: bytes) -> bytes:
    return next((inner for found, inner in _boxes(body) if found == kind), b"")


def _clock(header: bytes) -> tuple[int, int]:
    """Return the ticks per second and the duration of a box `mvhd` or `mdhd`."""
    wide = header[:1] == b"\x01"
    ticks, duration = struct.unpack_from(">IQ" if wide else ">II", header, 20 if wide else 12)
    return ticks, duration


def _shown(edits: bytes) -> int:
    """Return the duration that an edit list shows, in ticks of the movie; 0 if it has none."""
    if not edits:
        return 0
    entry, first = (">Qq4x" if edits[0] == 1 else ">Ii4x"), 8
    size = struct.calcsize(entry)
    count = min(struct.unpack_from(">I", edits, 4)[0], (len(edits) - first) // size)
    spans = [struct.unpack_from(entry, edits, first + i * size) for i in range(count)]
    return sum(duration for duration, start in spans if start >= 0)
