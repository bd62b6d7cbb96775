"""The sound of clips: where it lies in time, what is refused, levels and windows."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.speech.sound import (
    LONGEST_WINDOW,
    SAMPLE_RATE,
    SHORTEST_WINDOW,
    NoSoundError,
    UnreadableSoundError,
    level_dbfs,
    read_sound,
    windows,
)
from tests.speech.sound_files import FPS, RATE, noise, silence, tone, write_clip
from tests.video.media import cut


def test_what_needs_no_conversion_comes_back_bit_for_bit(tmp_path):
    sound = noise(1.3)
    path = write_clip(tmp_path / "clip.mkv", sound)
    assert SAMPLE_RATE == RATE
    np.testing.assert_array_equal(read_sound(path), sound)


def test_channels_are_mixed_and_the_rate_is_changed(tmp_path):
    left = tone(1.0, hertz=300, rate=48_000)
    path = write_clip(tmp_path / "clip.mkv", np.stack([left, 0 * left]), rate=48_000)
    found = read_sound(path)
    assert found.size == RATE
    np.testing.assert_allclose(found[800:-800], tone(1.0, hertz=300, peak=0.25)[800:-800], atol=60)


@pytest.mark.parametrize("codec", ["pcm_s16le", "mp3"])
def test_a_segment_hears_its_part_alone(tmp_path, codec):
    parts = [tone(2.0, hertz=hertz) for hertz in (200, 500, 1100)]
    path = write_clip(tmp_path / "clip.mkv", np.concatenate(parts), frames=6 * FPS, codec=codec)
    whole = read_sound(path)
    for index, hertz in enumerate((200, 500, 1100)):
        found = read_sound(path, start=2.0 * index, end=2.0 * index + 2.0)
        assert found.size == 2 * RATE
        spectrum = np.abs(np.fft.rfft(found[1600:-1600].astype(float)))
        assert abs(spectrum.argmax() / 1.8 - hertz) < 2
        if codec == "pcm_s16le":
            np.testing.assert_array_equal(found, whole[2 * index * RATE : (2 * index + 2) * RATE])


def test_sound_that_begins_after_the_images_has_silence_before_it(tmp_path):
    path = write_clip(tmp_path / "clip.mkv", tone(0.5), start=0.5)
    found = read_sound(path)
    assert level_dbfs(found[: RATE // 2 - 200]) == -np.inf
    assert level_dbfs(found[RATE // 2 + 200 :]) > -10
    later = read_sound(path, start=0.4, end=0.6)
    assert later.size == round(0.2 * RATE)
    np.testing.assert_array_equal(later, found[round(0.4 * RATE) : round(0.6 * RATE)])


def test_a_part_behind_the_end_of_the_track_is_empty(tmp_path):
    path = write_clip(tmp_path / "clip.mkv", tone(0.5), frames=100)
    assert read_sound(path, start=3.0, end=4.0).size == 0


def test_no_track_is_told_from_what_cannot_be_read(tmp_path):
    with pytest.raises(NoSoundError, match="no sound track"):
        read_sound(write_clip(tmp_path / "mute.mp4"))
    (tmp_path / "frames").mkdir()
    with pytest.raises(NoSoundError, match="folder of frames"):
        read_sound(tmp_path / "frames")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(UnreadableSoundError, match="cannot be opened"):
        read_sound(tmp_path / "text.mp4")
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(UnreadableSoundError, match="0 bytes"):
        read_sound(tmp_path / "empty.mp4")
    with pytest.raises(UnreadableSoundError, match="missing"):
        read_sound(tmp_path / "gone.mp4")


def test_a_playlist_opens_no_other_file(tmp_path):
    write_clip(tmp_path / "secret.ts", tone(1.0), codec="mp2")
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\nsecret.ts\n#EXT-X-ENDLIST\n"
    (tmp_path / "list.m3u8").write_text(playlist)
    with pytest.raises(UnreadableSoundError, match="cannot be opened"):
        read_sound(tmp_path / "list.m3u8")


def test_a_track_that_breaks_off_gives_what_there_is(tmp_path):
    path = write_clip(tmp_path / "clip.mkv", noise(4.0), frames=4)
    broken = cut(path, 0.5, tmp_path / "broken.mkv")
    found = read_sound(broken)
    assert RATE < found.size < 3 * RATE


def test_level_of_the_loudest_frame():
    assert level_dbfs(silence(1)) == level_dbfs(silence(0)) == -np.inf
    # The root mean square of a sine is its peak over the root of two: -3.01 dB.
    assert level_dbfs(tone(1.0, hertz=500, peak=1.0)) == pytest.approx(-3.01, abs=0.02)
    faint = np.concatenate([silence(0.9), tone(0.03, hertz=500, peak=0.01), silence(1)])
    assert level_dbfs(faint) == pytest.approx(-43.01, abs=0.1)


@settings(max_examples=20, deadline=None)
@given(seconds=st.floats(0, 130), quiet=st.floats(0, 130))
def test_windows_are_the_whole_sound_in_order(seconds, quiet):
    sound = np.arange(round(seconds * RATE)).astype(np.int16)
    sound[round(quiet * RATE) : round(quiet * RATE) + RATE] = 0
    parts = windows(sound)
    np.testing.assert_array_equal(np.concatenate(parts), sound)
    assert all(part.size <= LONGEST_WINDOW for part in parts)
    assert all(part.size >= SHORTEST_WINDOW for part in parts[:-1])


def test_a_long_sound_is_cut_where_it_is_quiet():
    sound = np.concatenate([noise(24.0), silence(0.4), noise(10.0)])
    first, second = windows(sound)
    assert 24.0 <= first.size / RATE <= 24.4
    assert first.size + second.size == sound.size


_BOTH = """
import sys
for name in sys.argv[1].split(","):
    __import__(name)
import av, cv2
capture = cv2.VideoCapture(sys.argv[2], cv2.CAP_FFMPEG)
ok, frame = capture.read()
with av.open(sys.argv[2]) as container:
    sound = sum(part.samples for part in container.decode(audio=0))
more = 1
while capture.read()[0]:
    more += 1
with open("/proc/self/maps") as maps:
    libraries = {line.split("/")[-1].strip() for line in maps if "libavcodec" in line}
print(ok, more, sound, len(libraries))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/maps")
@pytest.mark.parametrize("order", ["av,cv2", "cv2,av"])
def test_the_ffmpeg_of_pyav_and_that_of_opencv_live_in_one_process(tmp_path, order):
    path = write_clip(tmp_path / "clip.mp4", tone(1.0), codec="aac")
    command = [sys.executable, "-W", "error", "-c", _BOTH, order, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    opened, frames, samples, libraries = done.stdout.split()
    assert (opened, int(frames), int(libraries)) == ("True", 25, 2)
    assert RATE <= int(samples) < RATE + 3 * 1024
    assert done.stderr == ""


def test_a_real_clip_whose_sound_begins_late(real_clips):
    found = read_sound(real_clips / "edge" / "face_then_none.mov")
    late = round(107164 / 44100 * RATE)
    assert level_dbfs(found[: late - 100]) == -np.inf
    assert level_dbfs(found[late:]) > -20
