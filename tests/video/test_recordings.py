"""What real recordings do: codecs, fields, pixels that are not square, mirrors, clocks, holes."""

import os
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from facewave.video.decode import Limits, UnreadableVideoError
from facewave.video.open import measure, open_video, read_images
from tests.video.decoded import decode, times
from tests.video.media import change_box, flat_frames, write_video
from tests.video.recordings import (
    gradient,
    interlace,
    moving_bar,
    record,
    record_interlaced,
)

STEADY = range(0, 2000, 40)
# Half of its frames at 25, the other half at 10 frames a second.
TWO_RATES = [*range(0, 800, 40), *range(800, 2800, 100)]
CONTAINERS = [("c.mp4", "libx264"), ("c.mkv", "libx264"), ("c.ts", "libx264"), ("c.webm", "libvpx")]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("c.mp4", "libsvtav1"),
        ("c.webm", "libsvtav1"),
        ("c.mov", "libx265"),
    ],
)
def test_codecs_of_recordings(tmp_path, name, codec):
    path = record(tmp_path / name, range(0, 400, 40), codec=codec)
    video, frames = decode(path)
    assert (len(frames), video.frames_announced, video.notes) == (10, 10, [])
    np.testing.assert_allclose(frames[3].astype(int), gradient(3), atol=25)


class TestInterlaced:
    def test_a_frame_has_the_lines_of_one_field_and_those_between_interpolated(self, tmp_path):
        every = moving_bar(20)
        path = record_interlaced(tmp_path / "i.mp4", interlace(every))
        video, frames = decode(path)
        assert len(frames) == video.frames_announced == 10
        assert any("interlaced" in note for note in video.notes)
        # Woven fields would leave combs: lines beside each other differ where the bar moved.
        combs = [np.abs(np.diff(frame[8:-8].astype(int), axis=0)).max() for frame in frames[1:-1]]
        assert max(combs) < 60
        for number, frame in enumerate(frames[1:-1], start=1):
            fields = every[2 * number : 2 * number + 2]
            assert min(np.abs(frame.astype(int) - shown).mean() for shown in fields) < 6

    def test_nothing_is_handed_out_that_was_not_decoded(self, tmp_path):
        """Whatever memory holds, the frames are those of the file."""
        path = record_interlaced(tmp_path / "i.mp4", interlace(moving_bar(12)))
        code = (
            "import hashlib, sys\nfrom pathlib import Path\n"
            "from facewave.video.open import open_video\n"
            "with open_video(Path(sys.argv[1])) as video:\n"
            "    frames = b''.join(frame.image.tobytes() for frame in video.frames())\n"
            "print(len(frames), hashlib.sha256(frames).hexdigest())\n"
        )
        root = Path(__file__).resolve().parents[2]
        found = {
            subprocess.run(
                [sys.executable, "-c", code, str(path)],
                env={**os.environ, "MALLOC_PERTURB_": poison, "PYTHONPATH": str(root)},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for poison in ("0", "85", "170")
        }
        assert len(found) == 1
        assert found.pop().startswith(f"{6 * 64 * 48 * 3} ")


class TestGeometry:
    @pytest.mark.parametrize(
        ("size", "pixel", "shown"),
        [
            ((48, 48), Fraction(4, 3), (64, 48)),
            ((32, 48), Fraction(2), (64, 48)),
            ((64, 24), Fraction(1, 2), (64, 48)),
        ],
    )
    def test_pixels_become_square(self, tmp_path, size, pixel, shown):
        path = record(tmp_path / "c.mp4", range(0, 200, 40), size=size, sar=pixel, crf="5")
        video, frames = decode(path)
        assert (video.width, video.height) == shown
        expected = gradient(2, width=64, height=48).astype(int)
        assert np.abs(frames[2].astype(int) - expected).mean() < 6

    @pytest.mark.parametrize(
        ("matrix", "turn"),
        [
            ((1, 0, 0, 1), lambda image: image),
            ((-1, 0, 0, 1), lambda image: image[:, ::-1]),
            ((1, 0, 0, -1), lambda image: image[::-1]),
            ((-1, 0, 0, -1), lambda image: image[::-1, ::-1]),
            ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
            ((0, -1, 1, 0), lambda image: np.rot90(image)),
            ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
            ((0, -1, -1, 0), lambda image: image[::-1, ::-1].transpose(1, 0, 2)),
        ],
    )
    def test_every_display_matrix(self, tmp_path, matrix, turn):
        a, b, c, d = matrix
        path = write_video(tmp_path / "c.mp4", [gradient(0)] * 3)
        packed = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
        change_box(path, b"tkhd", lambda body: body[:40] + packed + body[76:])
        video, frames = decode(path)
        expected = turn(gradient(0))
        assert frames[0].shape == expected.shape == (video.height, video.width, 3)
        np.testing.assert_allclose(frames[0].astype(int), expected, atol=12)


class TestTime:
    @pytest.mark.parametrize("clock", [STEADY, TWO_RATES], ids=["steady", "two rates"])
    def test_the_same_recording_has_the_same_times_in_every_container(self, tmp_path, clock):
        for name, codec in CONTAINERS:
            path = record(tmp_path / name, clock, codec=codec)
            np.testing.assert_allclose(times(path), list(clock), atol=1, err_msg=name)
            video, frames = decode(path)
            assert len(frames) == video.frames_announced == len(clock), name
            assert video.variable_rate == (clock is TWO_RATES), name
            length = measure(path)
            assert length.frames == len(clock), name
            assert clock[-1] < length.ms <= clock[-1] + 60, name

    @pytest.mark.parametrize("name", ["c.mkv", "c.ts", "c.mp4", "c.flv"])
    def test_sound_that_is_longer_says_nothing_of_the_video(self, tmp_path, name):
        path = record(tmp_path / name, range(0, 800, 40), sound=3.0)
        video, frames = decode(path)
        assert len(frames) == video.frames_announced == 20
        assert measure(path).ms == pytest.approx(800, abs=2)

    @pytest.mark.parametrize("name", ["c.mkv", "c.mp4"])
    def test_video_that_begins_late_begins_at_0(self, tmp_path, name):
        path = record(tmp_path / name, range(0, 800, 40), start=5000, sound=6.0)
        video, frames = decode(path)
        assert len(frames) == video.frames_announced == 20
        np.testing.assert_allclose(times(path), range(0, 800, 40), atol=1)

    @pytest.mark.parametrize("name", ["c.mkv", "c.ts", "c.flv"])
    def test_holes_are_seen_by_their_times(self, tmp_path, name):
        path = record(tmp_path / name, range(0, 8000, 40), g="10", preset="ultrafast", crf="1")
        data = bytearray(path.read_bytes())
        part = slice(int(0.3 * len(data)), int(0.7 * len(data)))
        data[part] = bytes(part.stop - part.start)
        path.write_bytes(data)
        video, frames = decode(path)
        assert 0 < len(frames) < 150
        assert video.frames_announced == pytest.approx(200, abs=12)
        assert max(np.diff(times(path))) > 250

    def test_frames_that_an_index_names_and_that_are_gone_are_missing(self, tmp_path):
        path = write_video(tmp_path / "c.avi", flat_frames(200), codec="MJPG")
        data = bytearray(path.read_bytes())
        part = slice(int(0.3 * len(data)), int(0.7 * len(data)))
        data[part] = bytes(part.stop - part.start)
        path.write_bytes(data)
        video, frames = decode(path)
        assert 60 < len(frames) < 160
        assert video.frames_announced == pytest.approx(200, abs=3)

    def test_a_recording_that_breaks_off(self, tmp_path):
        for name in ("c.mkv", "c.flv"):
            path = record(tmp_path / name, range(0, 8000, 40), g="10", crf="1")
            path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
            video, frames = decode(path)
            assert len(frames) < 150, name
            assert video.frames_announced == pytest.approx(200, abs=3), name


class TestPart:
    @pytest.mark.parametrize(("name", "codec"), CONTAINERS)
    def test_a_jump_gives_the_frames_of_the_whole(self, tmp_path, name, codec):
        path = record(tmp_path / name, range(0, 12_000, 40), codec=codec, g="50")
        _, whole = decode(path)
        wanted = [8000, 8040, 9960]
        found = read_images(path, wanted, default_fps=25)
        np.testing.assert_array_equal(found, [whole[ms // 40] for ms in wanted])
        with open_video(path) as video:
            part = [frame.ms for frame in video.frames(start_ms=7999, end_ms=8110)]
        np.testing.assert_allclose(part, [8000, 8040, 8080], atol=1)


class TestLimits:
    def test_too_many_pixels(self, tmp_path):
        path = write_video(tmp_path / "c.mp4", flat_frames(3, width=320, height=240))
        with (
            pytest.raises(UnreadableVideoError, match=r"320 x 240 .*50,000 \(video\.max_pixels\)"),
            open_video(path, limits=Limits(max_pixels=50_000)) as video,
        ):
            list(video.frames())

    def test_too_long(self, tmp_path):
        path = record(tmp_path / "c.mp4", range(0, 2000, 40))
        with (
            pytest.raises(UnreadableVideoError, match=r"longer than 1 s \(video\.max_seconds\)"),
            open_video(path, limits=Limits(max_seconds=1)) as video,
        ):
            list(video.frames())
        assert measure(path, limits=Limits(max_seconds=1)).frames == -1
