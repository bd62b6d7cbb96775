"""Hostile and broken media: bounds told by name, nothing announced is believed, holes are seen."""

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import av
import numpy as np
import pytest

from facewave.manifest.clips import Clip
from facewave.storage.frame_files import clip_sha256
from facewave.video.content import content_sha256
from facewave.video.decode import BeyondLimitsError, Limits, UnreadableVideoError
from facewave.video.isolated import Bounds, isolated_reader
from facewave.video.open import Length, measure, open_video
from facewave.video.segments import split_clips
from tests.video.decoded import decode
from tests.video.media import flat_frames, write_video

ROOT = Path(__file__).parents[2]


def encode(path, frames, *, codec="libx264", **options):
    """Write BGR frames as 25 frames per second with PyAV."""
    with av.open(str(path), "w") as container:
        stream = None
        for frame in frames:
            if stream is None:
                stream = container.add_stream(codec, rate=25, options=options)
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "bgr24")))
        container.mux(stream.encode())
    return path


def textured_frames(count):
    """Yield frames of noise that moves: every one takes many bytes."""
    noise = np.random.default_rng(5).integers(0, 255, (96, 128 + count, 3), np.uint8)
    for index in range(count):
        yield np.ascontiguousarray(noise[:, index : index + 128])


def png(path, width, height):
    """Write a black PNG of any size, of a few bytes."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width // 8 + 1) * height), 9)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
    return path


def test_an_avi_that_announces_a_thousand_million_frames(tmp_path):
    path = write_video(tmp_path / "a.avi", flat_frames(50), codec="MJPG")
    data = bytearray(path.read_bytes())
    for box, offset in ((b"avih", 16), (b"strh", 32)):
        place = data.index(box) + 8 + offset
        assert struct.unpack_from("<I", data, place)[0] == 50
        struct.pack_into("<I", data, place, 999_999_999)
    path.write_bytes(data)
    assert measure(path) == Length(frames=50, ms=2000)
    clip = Clip("a", str(path), 0, 0, "happy")
    assert len(split_clips([clip], {"seconds": 1, "overlap": 0.5})) == 3


class TestPixels:
    def test_a_picture_of_900_million(self, tmp_path):
        png(tmp_path / "0.png", 30_000, 30_000)
        with (
            isolated_reader(Bounds(memory_mb=500)) as read,
            pytest.raises(UnreadableVideoError, match=r"more than 36,000,000 .*video\.max_pixels"),
        ):
            read(first_shape, path=tmp_path)

    def test_a_video_of_64_million(self, tmp_path):
        path = encode(tmp_path / "a.mkv", [np.zeros((8_000, 8_000, 3), np.uint8)], codec="mpeg4")
        with (
            isolated_reader(Bounds(memory_mb=500)) as read,
            pytest.raises(BeyondLimitsError, match=r"8000 x 8000 .* \(video.max_pixels\)"),
        ):
            read(first_shape, path=path)

    def test_more_are_admitted(self, tmp_path):
        path = write_video(tmp_path / "a.mp4", flat_frames(2))
        with isolated_reader(Bounds(max_pixels=64 * 48)) as read:
            assert read(first_shape, path=path) == [48, 64, 3]
        with (
            isolated_reader(Bounds(max_pixels=64 * 48 - 1)) as read,
            pytest.raises(BeyondLimitsError, match="64 x 48"),
        ):
            read(first_shape, path=path)


def first_shape(path: Path, limits: Limits) -> list:
    with open_video(path, limits=limits) as video:
        return list(next(video.frames()).image.shape)


def test_a_long_video(tmp_path):
    path = write_video(tmp_path / "a.mp4", flat_frames(50))
    with isolated_reader(Bounds(max_seconds=1.5)) as read:
        assert read(measure, path=path) == Length(frames=-1, ms=0)
    with isolated_reader(Bounds(max_seconds=2.5)) as read:
        assert read(measure, path=path) == Length(frames=50, ms=2000)


def test_pipes_and_devices_are_not_hashed(tmp_path):
    empty = clip_sha256(tmp_path)
    os.mkfifo(tmp_path / "0.png")
    (tmp_path / "1.png").symlink_to("/dev/zero")
    assert clip_sha256(tmp_path) == empty
    with pytest.raises(UnreadableVideoError, match="not a regular file"):
        content_sha256(Path("/dev/zero"))


@pytest.mark.parametrize("suffix", ["mkv", "flv", "ts", "webm"])
def test_the_middle_of_a_file_is_zero(tmp_path, suffix):
    codec, fast = "libx264", {"g": "5"}
    if suffix == "webm":
        codec, fast = "libvpx", {"g": "5", "deadline": "realtime", "cpu-used": "8"}
    path = encode(tmp_path / f"a.{suffix}", textured_frames(100), codec=codec, **fast)
    data = bytearray(path.read_bytes())
    start, end = int(0.3 * len(data)), int(0.7 * len(data))
    data[start:end] = bytes(end - start)
    path.write_bytes(data)
    video, frames = decode(path)
    assert video.frames_announced >= 90
    assert len(frames) / video.frames_announced < 0.8
    assert any("missing" in note or "cannot be decoded" in note for note in video.notes)


def test_uninitialised_memory_is_in_no_frame(tmp_path):
    """Poisoned buffers change no frame, of whole and of broken videos."""
    encode(tmp_path / "whole.mkv", textured_frames(40), g="10")
    data = bytearray((tmp_path / "whole.mkv").read_bytes())
    for place in range(2000, len(data), 1500):
        data[place : place + 40] = bytes(40)
    (tmp_path / "broken.mkv").write_bytes(data)
    script = (
        "import sys, hashlib; from pathlib import Path\n"
        "from facewave.video.open import open_video\n"
        "for path in sorted(Path(sys.argv[1]).glob('*.mkv')):\n"
        "    with open_video(path) as video:\n"
        "        for frame in video.frames():\n"
        "            print(frame.ms, hashlib.sha256(frame.image.tobytes()).hexdigest())\n"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)],
            capture_output=True,
            check=True,
            cwd=ROOT,
            env=os.environ | {"MALLOC_PERTURB_": poison, "PYTHONPATH": str(ROOT)},
        ).stdout
        for poison in ("0", "85", "170")
    }
    assert len(runs) == 1
    assert len(runs.pop().splitlines()) >= 40
