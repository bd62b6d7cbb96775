"""How many of the frames that a container counts are shown."""

import pytest

from facewave.video.frame_count import shown_fraction
from tests.video.decoded import clip
from tests.video.media import (
    change_box,
    index_first,
    trim,
)


class TestShownFraction:
    def test_containers(self, tmp_path):
        assert shown_fraction(clip(tmp_path / "c.mp4")) == 1.0
        assert shown_fraction(index_first(tmp_path / "c.mp4")) == 1.0
        assert shown_fraction(clip(tmp_path / "c.avi", codec="MJPG")) == 1.0
        assert shown_fraction(clip(tmp_path / "c.mkv")) is None

    def test_trimmed(self, tmp_path):
        path = trim(clip(tmp_path / "c.mp4", 50), start_ticks=512, duration_ms=500)
        assert shown_fraction(path) == 0.25

    def test_an_edit_list_longer_than_the_media_adds_no_frames(self, tmp_path):
        path = trim(clip(tmp_path / "c.mp4", 50), start_ticks=0, duration_ms=9000)
        assert shown_fraction(path) == 1.0

    def test_a_pause_before_the_first_frame_shows_none(self, tmp_path):
        path = trim(clip(tmp_path / "c.mp4", 50), start_ticks=0, duration_ms=500)
        change_box(path, b"elst", lambda body: pause(600) + body[8:])
        assert shown_fraction(path) == 0.25

    @pytest.mark.parametrize("kind", [b"mvhd", b"mdhd", b"elst", b"hdlr"])
    @pytest.mark.parametrize("body", [bytes(108), b"", b"\x01" + bytes(200), b"\xff" * 300])
    def test_boxes_of_nonsense_hide_nothing(self, tmp_path, kind, body):
        path = trim(clip(tmp_path / "c.mp4", 50), start_ticks=512, duration_ms=500)
        assert 0.0 <= shown_fraction(change_box(path, kind, lambda _: body)) <= 1.0

    def test_any_damage_to_the_index_gives_a_fraction(self, tmp_path):
        path = clip(tmp_path / "c.mp4", 2)
        whole = path.read_bytes()
        for position in range(whole.index(b"moov") - 4, len(whole), 3):
            for value in (0, 1, 0xFF):
                damaged = bytearray(whole)
                damaged[position] = value
                path.write_bytes(damaged)
                shown = shown_fraction(path)
                assert shown is None or 0.0 <= shown <= 1.0

    def test_cut_anywhere(self, tmp_path):
        path = index_first(clip(tmp_path / "c.mp4", 2))
        whole = path.read_bytes()
        for length in range(0, len(whole), 11):
            path.write_bytes(whole[:length])
            assert shown_fraction(path) in (None, 1.0)


def pause(milliseconds):
    """Return the start of an edit list of two entries, the first of which shows nothing."""
    return (
        bytes(4)
        + (2).to_bytes(4, "big")
        + milliseconds.to_bytes(4, "big")
        + b"\xff" * 4
        + (1 << 16).to_bytes(4, "big")
    )
