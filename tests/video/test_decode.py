"""Frame rate, times and number of frames: what the container says against what is in it."""

import gc

import pytest

from facewave.video.open import open_video
from tests.video.decoded import clip, decode, times
from tests.video.media import (
    cut,
    flat_frames,
    index_first,
    set_avi_rate,
    set_frame_times,
    trim,
    write_mjpeg,
    write_video,
)


class TestFrameRate:
    @pytest.mark.parametrize("fps", [0.5, 12.5, 25, 29.97, 60, 120, 240, 999])
    def test_as_the_container_says(self, tmp_path, fps):
        video, _ = decode(clip(tmp_path / "c.avi", 3, codec="MJPG", fps=fps))
        assert video.fps == pytest.approx(fps, rel=1e-4)
        assert not video.fps_assumed

    @pytest.mark.parametrize(("rate", "scale"), [(1_000_000, 1), (1000, 1), (1, 4_000_000_000)])
    def test_nonsense_gives_the_default(self, tmp_path, rate, scale):
        path = set_avi_rate(clip(tmp_path / "c.avi", 4, codec="MJPG"), rate=rate, scale=scale)
        video, frames = decode(path, default_fps=30)
        assert (video.fps, video.fps_assumed, len(frames)) == (30, True, 4)
        assert video.frames_announced == 4
        assert times(path, default_fps=30) == [0, 33, 67, 100]

    @pytest.mark.parametrize(("rate", "scale"), [(0, 1), (0, 0), (1, 0)])
    def test_zero_can_be_decoded(self, tmp_path, rate, scale):
        path = set_avi_rate(clip(tmp_path / "c.avi", 4, codec="MJPG"), rate=rate, scale=scale)
        video, frames = decode(path)
        assert (video.fps, len(frames)) == (25, 4)

    @pytest.mark.parametrize("fps", [0.0, -25.0, 1000.1, float("nan"), float("inf")])
    def test_a_default_that_is_nonsense_itself(self, tmp_path, fps):
        with pytest.raises(ValueError, match=r"must be 0\.01 to 1000"):
            decode(clip(tmp_path / "c.mp4", 2), default_fps=fps)

    def test_times_without_a_clock_do_not_drift(self, tmp_path):
        path = write_mjpeg(tmp_path / "c.mjpeg", flat_frames(100, width=16, height=16))
        found = times(path, default_fps=29.97)
        assert found == [round(1000 * frame / 29.97) for frame in range(100)]


class TestFrameTimes:
    def test_variable_rate_is_seen(self, tmp_path):
        path = set_frame_times(clip(tmp_path / "c.mp4"), [512] * 10 + [1280] * 10)
        video, frames = decode(path)
        assert video.variable_rate
        assert (len(frames), video.frames_announced) == (20, 20)

    def test_rounded_times_are_not_variable(self, tmp_path):
        ticks = [512 + (-100, 100)[i % 2] for i in range(20)]
        video, _ = decode(set_frame_times(clip(tmp_path / "c.mp4"), ticks))
        assert not video.variable_rate

    def test_frames_that_an_edit_list_hides_are_not_missing(self, tmp_path):
        # Of 60 frames at 25 a second, show the last 30: what `ffmpeg -c copy -ss` makes.
        path = trim(clip(tmp_path / "c.mp4", 60), start_ticks=30 * 512, duration_ms=1200)
        video, frames = decode(path)
        assert (len(frames), video.frames_announced) == (30, 30)

    def test_a_trimmed_clip_that_is_cut_short_is_still_seen(self, tmp_path):
        path = trim(clip(tmp_path / "c.mp4", 60), start_ticks=6 * 512, duration_ms=2160)
        video, frames = decode(cut(index_first(path), 0.6))
        assert video.frames_announced == 54
        assert len(frames) < 40

    def test_what_is_announced_is_what_the_stream_holds(self, tmp_path):
        # FFmpeg guesses 50 frames a second of this stream, whose frames come at 25.
        video, frames = decode(clip(tmp_path / "c.ts", codec="MPG1"))
        assert (len(frames), video.frames_announced, video.fps) == (20, 20, 25)

    def test_an_edit_list_longer_than_the_media_adds_no_frames(self, tmp_path):
        path = trim(clip(tmp_path / "c.mp4", 50), start_ticks=0, duration_ms=9000)
        video, frames = decode(path)
        assert (len(frames), video.frames_announced) == (50, 50)


def test_a_decoded_frame_does_not_wait_for_the_garbage_collector(tmp_path):
    def frames_alive():
        return sum(type(thing).__name__ == "VideoFrame" for thing in gc.get_objects())

    path = write_video(tmp_path / "a.mp4", flat_frames(40))
    before = frames_alive()
    gc.disable()
    try:
        with open_video(path) as video:
            assert sum(1 for _ in video.frames()) == 40
            assert frames_alive() - before < 3
    finally:
        gc.enable()
