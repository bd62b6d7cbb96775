"""Decoding: good and bad files, odd names, files that are cut short."""

import os
from pathlib import Path

import numpy as np
import pytest

from facewave.video.open import open_video
from tests.video.decoded import clip, decode, reason, times
from tests.video.media import (
    change_box,
    cut,
    flat_frames,
    index_first,
    rotate_flag,
    write_mjpeg,
    write_silence,
    write_video,
)

NOT_A_VIDEO = "it is not a video file that can be opened: "
CUT = "; an MP4 that was cut short has lost its index"


class TestFrames:
    def test_all_of_them_in_order_as_rgb(self, tmp_path):
        colours = [(200, 30, 60), (20, 180, 90), (60, 40, 220)]
        frames = [np.full((48, 64, 3), colour[::-1], np.uint8) for colour in colours]
        video, decoded = decode(write_video(tmp_path / "c.avi", frames, codec="FFV1"))
        assert [frame.shape for frame in decoded] == [(48, 64, 3)] * 3
        assert all(frame.dtype == np.uint8 and frame.flags.c_contiguous for frame in decoded)
        for frame, colour in zip(decoded, colours, strict=True):
            np.testing.assert_allclose(frame.mean(axis=(0, 1)), colour, atol=3)
        assert video.frames_decoded == video.frames_announced == 3

    @pytest.mark.parametrize(
        ("name", "codec"),
        [
            ("c.mp4", "mp4v"),
            ("c.mov", "mp4v"),
            ("c.avi", "MJPG"),
            ("c.mkv", "mp4v"),
            ("c.webm", "VP80"),
            ("c.ts", "mp4v"),
            ("c.mp4", "VP90"),
            ("c.avi", "XVID"),
        ],
    )
    def test_containers_and_codecs(self, tmp_path, name, codec):
        video, frames = decode(clip(tmp_path / name, codec=codec, fps=30))
        assert (video.fps, video.fps_assumed, video.variable_rate) == (30.0, False, False)
        expected = [round(1000 * frame / 30) for frame in range(20)]
        np.testing.assert_allclose(times(tmp_path / name), expected, atol=1)
        assert (len(frames), video.frames_announced) == (20, 20)

    def test_the_suffix_does_not_matter(self, tmp_path):
        path = clip(tmp_path / "c.avi", codec="MJPG").rename(tmp_path / "c.mp4")
        assert len(decode(path)[1]) == 20

    def test_one_frame(self, tmp_path):
        video, frames = decode(clip(tmp_path / "c.mp4", 1))
        assert (len(frames), video.frames_announced, video.variable_rate) == (1, 1, False)

    def test_odd_size(self, tmp_path):
        frames = flat_frames(3, width=257, height=193)
        video, decoded = decode(write_mjpeg(tmp_path / "c.mjpeg", frames))
        assert decoded[2].shape == (193, 257, 3)
        assert (video.width, video.height) == (257, 193)

    def test_4k(self, tmp_path):
        path = clip(tmp_path / "c.avi", 3, width=3840, height=2160, codec="MJPG")
        video, frames = decode(path)
        assert [frame.shape for frame in frames] == [(2160, 3840, 3)] * 3
        assert (video.width, video.height) == (3840, 2160)

    @pytest.mark.parametrize(("name", "codec"), [("c.avi", "FFV1"), ("c.mp4", "mp4v")])
    def test_grey(self, tmp_path, name, codec):
        grey = [np.full((48, 64), value, np.uint8) for value in (30, 120, 220)]
        _, frames = decode(write_video(tmp_path / name, grey, codec=codec, color=False))
        assert [frame.shape for frame in frames] == [(48, 64, 3)] * 3
        np.testing.assert_allclose([frame.mean() for frame in frames], [30, 120, 220], atol=3)
        assert all(np.ptp(frame, axis=2).max() <= 2 for frame in frames)

    @pytest.mark.parametrize(("degrees", "corner"), [(90, 1), (180, 3), (270, 2)])
    def test_rotation_flag_is_applied(self, tmp_path, degrees, corner):
        frame = np.full((48, 64, 3), 40, np.uint8)
        frame[:12, :16] = 220  # the light corner, top left as stored
        path = write_video(tmp_path / "c.mp4", [frame] * 3)
        video, frames = decode(rotate_flag(path, degrees))
        shape = (48, 64) if degrees == 180 else (64, 48)
        assert frames[0].shape[:2] == shape == (video.height, video.width)
        ends = [frames[0][y, x, 0] for y in (2, -3) for x in (2, -3)]
        assert np.argmax(ends) == corner

    def test_the_file_stays_closed_after_an_error_in_the_block(self, tmp_path):
        path = clip(tmp_path / "c.mp4")
        with pytest.raises(RuntimeError, match="stop"), open_video(path, default_fps=25):
            raise RuntimeError("stop")
        links = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        assert path not in links


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            "a b.mp4",
            'a\'b "c".mp4',
            "ünï çödé 中.mp4",
            "clip_%02d.mp4",
            "a:b.mp4",
            "-i.mp4",
            "#?&|;.mp4",
            "http:x.mp4",
            "concat:a.mp4",
            "file:c.mp4",
            "new\nline.mp4",
            "no_suffix",
        ],
    )
    @pytest.mark.parametrize("relative", [False, True])
    def test_odd_names(self, tmp_path, monkeypatch, name, relative):
        path = clip(tmp_path / "c.mp4", 2).rename(tmp_path / name)
        monkeypatch.chdir(tmp_path)
        assert len(decode(path.relative_to(tmp_path) if relative else path)[1]) == 2

    def test_a_percent_sign_means_that_file_only(self, tmp_path):
        clip(tmp_path / "clip_01.mp4")
        assert reason(tmp_path / "clip_%02d.mp4") == "the file is missing"


class TestUnreadable:
    def test_missing(self, tmp_path):
        assert reason(tmp_path / "none.mp4") == "the file is missing"

    def test_empty(self, tmp_path):
        (tmp_path / "c.mp4").touch()
        assert reason(tmp_path / "c.mp4") == "the file is empty (0 bytes)"

    def test_folder_without_frames(self, tmp_path):
        assert reason(tmp_path).startswith("the folder holds no frames")

    def test_named_pipe_does_not_block(self, tmp_path):
        os.mkfifo(tmp_path / "c.mp4")
        assert reason(tmp_path / "c.mp4") == "it is not a regular file"

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
    def test_permission(self, tmp_path):
        clip(tmp_path / "c.mp4").chmod(0)
        assert reason(tmp_path / "c.mp4") == "the file cannot be read: Permission denied"

    def test_a_name_that_no_file_can_have(self, tmp_path):
        path = tmp_path / ("x" * 300)
        assert reason(path) == "the file cannot be read: File name too long"

    def test_a_file_below_a_file(self, tmp_path):
        path = clip(tmp_path / "c.mp4") / "x.mp4"
        assert reason(path) == "the file cannot be read: Not a directory"

    def test_cut_before_the_index(self, tmp_path):
        assert CUT in reason(cut(clip(tmp_path / "c.mp4"), 0.6))

    @pytest.mark.parametrize("content", [b"hello\n" * 200, bytes(5000), b"\xff" * 5000, b"RIFF"])
    def test_no_video(self, tmp_path, content):
        (tmp_path / "c.mp4").write_bytes(content)
        assert reason(tmp_path / "c.mp4").startswith(NOT_A_VIDEO)

    @pytest.mark.parametrize("name", ["c.mp4", "c.wav"])
    def test_sound_only(self, tmp_path, name):
        path = write_silence(tmp_path / "s.wav").rename(tmp_path / name)
        assert reason(path).startswith(NOT_A_VIDEO)

    def test_mp4_with_a_sound_track_only(self, tmp_path):
        def to_sound(body):
            return body.replace(b"vide", b"soun")

        path = change_box(clip(tmp_path / "c.mp4"), b"hdlr", to_sound)
        assert reason(path).startswith("there is no video stream in the file; it holds only: audio")

    @pytest.mark.parametrize("suffix", ["mp4", "m3u8", "mpd", "txt", "ffconcat"])
    @pytest.mark.parametrize("absolute", [False, True])
    def test_a_playlist_does_not_open_what_it_names(self, tmp_path, suffix, absolute):
        name = str(clip(tmp_path / "other.ts")) if absolute else clip(tmp_path / "other.ts").name
        hls = f"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:1,\n{name}\n#EXT-X-ENDLIST\n"
        for text in (hls, f"ffconcat version 1.0\nfile {name}\n"):
            path = tmp_path / f"c.{suffix}"
            path.write_text(text)
            assert reason(path).startswith(NOT_A_VIDEO)

    def test_a_playlist_asks_no_server(self, tmp_path, server):
        address, requests = server
        text = f"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:1,\n{address}/a.ts\n#EXT-X-ENDLIST\n"
        for name in ("c.mp4", "c.m3u8"):
            (tmp_path / name).write_text(text)
            reason(tmp_path / name)
        assert requests == []


class TestCutShort:
    def test_index_first(self, tmp_path):
        path = index_first(clip(tmp_path / "c.mp4", 60))
        assert len(decode(path)[1]) == 60
        video, frames = decode(cut(path, 0.7))
        assert video.frames_announced == 60
        assert 25 <= len(frames) < 54
        assert video.frames_decoded == len(frames)

    @pytest.mark.parametrize(("name", "codec"), [("c.avi", "MJPG"), ("c.mkv", "mp4v")])
    def test_containers_that_play_from_the_start(self, tmp_path, name, codec):
        video, frames = decode(cut(clip(tmp_path / name, 60, codec=codec), 0.6))
        assert video.frames_announced == 60
        assert 0 < len(frames) < 45

    def test_damaged_frames_are_no_exception(self, tmp_path):
        path = clip(tmp_path / "c.avi", 40, codec="MJPG")
        data = bytearray(path.read_bytes())
        middle = slice(len(data) // 3, len(data) // 2)
        data[middle] = np.random.default_rng(0).bytes(middle.stop - middle.start)
        path.write_bytes(data)
        video, frames = decode(path)
        assert video.frames_decoded == len(frames) <= 40


class TestRealClips:
    def test_frames_of_a_trimmed_clip(self, real_clips):
        video, frames = decode(real_clips / "edge" / "no_face.mp4")
        assert (len(frames), video.frames_announced, video.variable_rate) == (95, 95, False)

    def test_a_phone_clip_of_variable_rate(self, real_clips):
        video, frames = decode(real_clips / "edge" / "face_then_none.mov")
        assert (len(frames), video.frames_announced, video.variable_rate) == (169, 169, True)
