"""Scalars of a training as an event file, for `tensorboard --logdir`.

The file is a row of records, each with its length and two checksums, and each holds an `Event` of
tensorboard's protocol buffers. Only numbers are written, so the few fields are put together here:
nothing has to be installed beside tensorboard itself, and that only where one looks.

References:
- https://github.com/tensorflow/tensorboard: `event.proto` and `summary.proto` in
  `tensorboard/compat/proto`.
- https://www.tensorflow.org/tutorials/load_data/tfrecord: the records.
"""

from __future__ import annotations

import csv
import math
import struct
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from facewave.storage.atomic import atomic_path

EVENTS = "events.out.tfevents.facewave"
# CRC-32C, Castagnoli's polynomial with its bits reversed.
_POLYNOMIAL = 0x82F63B78
_LEFT_OUT = ("step", "epoch")


def open_events(
    path: Path, *, steps: Path, epochs: Sequence[Mapping[str, float]], per_epoch: int
) -> None:
    """Begin an event file with what the tables of a resumed training hold.

    Args:
        path: of the file, which is replaced.
        steps: the table of steps (CSV).
        epochs: rows of the table of epochs.
        per_epoch: steps of an epoch.
    """
    with steps.open(encoding="utf-8", newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    records = [_record(_event(time.time(), 0, _text(3, "brain.Event:2")))]
    records += [_scalars("step", int(row["step"]), row) for row in rows]
    records += [_scalars("epoch", int(row["epoch"]) * per_epoch, row) for row in epochs]
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"".join(records))


def add_scalars(path: Path, kind: str, step: int, values: Mapping[str, float]) -> None:
    """Append numbers to an event file as `{kind}/{name}`; what is no number is left out.

    Args:
        path: as `open_events` left it.
        kind: `step` or `epoch`.
        step: the optimiser step, from 1.
        values: by name.
    """
    with path.open("ab") as file:
        file.write(_scalars(kind, step, values))


def _scalars(kind: str, step: int, values: Mapping[str, float]) -> bytes:
    found = b"".join(
        _field(1, _text(1, f"{kind}/{name}") + b"\x15" + struct.pack("<f", value))
        for name, value in values.items()
        if name not in _LEFT_OUT and math.isfinite(value)
    )
    return _record(_event(time.time(), step, _field(5, found)))


def _event(seconds: float, step: int, rest: bytes) -> bytes:
    return b"\x09" + struct.pack("<d", seconds) + b"\x10" + _varint(step) + rest


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _record(content: bytes) -> bytes:
    length = struct.pack("<Q", len(content))
    return length + _checksum(length) + content + _checksum(content)


def _checksum(content: Iterable[int]) -> bytes:
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    return struct.pack("<I", masked)
