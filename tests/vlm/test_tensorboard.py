"""The event file, read by a parser of its own, and by tensorboard where it is installed."""

import math
import struct

import numpy as np
import pytest

from facewave.vlm.training.loop import train
from facewave.vlm.training.tensorboard import EVENTS, add_scalars, open_events
from tests.vlm.toy_training import DyingModel, Killed, ToyModel, toy_data, toy_files, toy_options


def crc32c(data):
    """By long division of polynomials over GF(2), bits in the order in which they are sent."""
    bits = [byte >> place & 1 for byte in data for place in range(8)] + [0] * 32
    bits[:32] = [1 - bit for bit in bits[:32]]
    divisor = [1] + [0x1EDC6F41 >> place & 1 for place in range(31, -1, -1)]
    for start in range(len(bits) - 32):
        if bits[start]:
            for place, bit in enumerate(divisor):
                bits[start + place] ^= bit
    return sum((1 - bit) << place for place, bit in enumerate(bits[-32:]))


def masked(data):
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) % 2**32)


def fields(data):
    """Yield number and content of each field of a protocol buffer."""
    place = 0

    def varint():
        nonlocal place
        value = shift = 0
        while True:
            byte = data[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(data):
        number, kind = divmod(varint(), 8)
        size = {1: 8, 5: 4}.get(kind) or (varint() if kind == 2 else 0)
        yield number, varint() if kind == 0 else data[place : place + size]
        place += size


def scalars(path):
    """Return step and value of each number by its name."""
    data, found, place = path.read_bytes(), {}, 0
    while place < len(data):
        [length] = struct.unpack("<Q", data[place : place + 8])
        assert data[place + 8 : place + 12] == masked(data[place : place + 8])
        event = data[place + 12 : place + 12 + length]
        assert data[place + 12 + length : place + 16 + length] == masked(event)
        place += 16 + length
        content = dict(fields(event))
        if 3 in content:
            assert content[3] == b"brain.Event:2"
            continue
        for _, value in fields(content[5]):
            parts = dict(fields(value))
            number = struct.unpack("<f", parts[2])[0]
            found.setdefault(parts[1].decode(), []).append((content[2], number))
    return found


def test_checksum_of_the_standard():
    assert crc32c(b"123456789") == 0xE3069283


def test_numbers_come_back_and_what_is_none_is_left_out(tmp_path):
    path, steps = tmp_path / EVENTS, tmp_path / "steps.csv"
    steps.write_text("step,epoch,loss\n1,1,0.5\n")
    rows = [{"epoch": 1, "val_uar": 0.25, "train_uar": math.nan}]
    open_events(path, steps=steps, epochs=rows, per_epoch=150)
    add_scalars(path, "step", 300, {"step": 300, "loss": 0.125, "memory_gb": 7.0})
    assert scalars(path) == {
        "step/loss": [(1, 0.5), (300, 0.125)],
        "epoch/val_uar": [(150, 0.25)],
        "step/memory_gb": [(300, 7.0)],
    }


def test_tensorboard_reads_it(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(ToyModel(), toy_data(), options=toy_options(), seed=1, files=toy_files(tmp_path))
    read = EventAccumulator(str(tmp_path)).Reload()
    for name, values in scalars(tmp_path / EVENTS).items():
        assert [(e.step, e.value) for e in read.Scalars(name)] == values


def test_a_training_writes_what_its_tables_hold_killed_or_not(tmp_path):
    with pytest.raises(Killed):
        train(DyingModel(7), toy_data(), options=toy_options(), seed=1, files=toy_files(tmp_path))
    train(ToyModel(), toy_data(), options=toy_options(), seed=1, files=toy_files(tmp_path))
    found = scalars(tmp_path / EVENTS)
    for table, kind in (("steps", "step"), ("metrics", "epoch")):
        header, *rows = (tmp_path / f"{table}.csv").read_text().splitlines()
        values = np.array([row.split(",") for row in rows]).T
        columns = dict(zip(header.split(","), values.tolist(), strict=True))
        per_epoch = 1 if kind == "step" else len(found["step/loss"]) // 3
        numbers = [per_epoch * int(number) for number in columns[kind]]
        for name in sorted(set(columns) - {"step", "epoch"}):
            steps, values = zip(*found[f"{kind}/{name}"], strict=True)
            assert list(steps) == numbers
            np.testing.assert_allclose(values, np.array(columns[name], float), rtol=1e-4)
