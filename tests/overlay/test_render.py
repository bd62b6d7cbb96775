"""Overlays are decoded again: times, size, codec, sound, and what was drawn where."""

import av
import numpy as np
import pytest

from facewave.overlay.options import OverlayOptions
from facewave.overlay.render import (
    OverlayJob,
    moving_blendshapes,
    picture_size,
    render_overlay,
)
from facewave.tracking.trajectory import open_trajectory
from facewave.video.decode import UnreadableVideoError
from tests.overlay.overlay_files import CLASSES, TIMES, write_clip, write_shard

WINDOWS = [
    [0.0, 0.6, "angry", "angry|sad", True, 0.8, 0.0, 0.2],
    [0.3, 1.1, "", "", False, None, None, None],
]


def job(folder, shard=None, *, windows=WINDOWS, **options):
    return OverlayJob(
        target=folder / "overlay.mp4",
        shard=shard or write_shard(folder / "t.npz"),
        person="0",
        named=["0"],
        classes=list(CLASSES),
        windows=windows,
        options=OverlayOptions(**{"max_height": 0, "quality": 10, **options}),
        default_fps=25.0,
    )


def decoded(path):
    """Return the times in ms and the pictures of a video."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return [round(1000 * f.time) for f in frames], [
            f.to_ndarray(format="rgb24") for f in frames
        ]


def sound_of(path):
    """Return codec, times of the packets in seconds, and all samples decoded."""
    with av.open(str(path)) as container:
        (stream,) = container.streams.audio
        frames = [(f.time, f.to_ndarray()) for f in container.decode(stream)]
        codec = stream.codec_context.name
    return codec, [time for time, _ in frames], np.concatenate([s[0] for _, s in frames])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The overlay of a clip with uneven times and AAC: its folder, its summary."""
    folder = tmp_path_factory.mktemp("overlay")
    clip = write_clip(folder / "clip.mp4", sound="aac")
    return folder, render_overlay(clip, job(folder))


def test_frames_keep_their_times(made):
    times, images = decoded(made[0] / "overlay.mp4")
    assert times == TIMES
    assert made[1].frames == len(images) == len(TIMES)


def test_it_is_what_browsers_play(made):
    data = (made[0] / "overlay.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(made[0] / "overlay.mp4")) as container:
        (stream,) = container.streams.video
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (made[1].width, made[1].height)
        assert stream.width % 2 == stream.height % 2 == 0
        assert stream.start_time == 0
        end = float(stream.duration * stream.time_base)
    assert TIMES[-1] / 1000 < end < TIMES[-1] / 1000 + 0.2


def test_sound_is_copied_where_browsers_play_it(made):
    codec, times, copied = sound_of(made[0] / "overlay.mp4")
    _, _, original = sound_of(made[0] / "clip.mp4")
    assert codec == "aac"
    assert made[1].sound
    assert abs(times[0]) < 0.03
    n = min(len(copied), len(original)) - 4096
    np.testing.assert_allclose(copied[2048:n], original[2048:n], atol=0.02)


def test_other_sound_becomes_aac(tmp_path):
    clip = write_clip(tmp_path / "clip.mkv", sound="flac")
    render_overlay(clip, job(tmp_path))
    codec, _, samples = sound_of(tmp_path / "overlay.mp4")
    assert codec == "aac"
    spectrum = np.abs(np.fft.rfft(samples[4800:-4800]))
    tone = np.argmax(spectrum) * 48000 / len(samples[4800:-4800])
    assert tone == pytest.approx(440, abs=2)


def test_sound_before_the_first_frame_is_left_out(tmp_path):
    clip = write_clip(tmp_path / "clip.mkv", sound="flac", late=0.5)
    render_overlay(clip, job(tmp_path))
    times, _ = decoded(tmp_path / "overlay.mp4")
    _, _, samples = sound_of(tmp_path / "overlay.mp4")
    assert times == TIMES
    assert len(samples) / 48000 == pytest.approx(TIMES[-1] / 1000, abs=0.08)


def test_a_video_without_sound_has_none(tmp_path):
    summary = render_overlay(write_clip(tmp_path / "clip.mp4"), job(tmp_path))
    assert not summary.sound
    with av.open(str(tmp_path / "overlay.mp4")) as container:
        assert not container.streams.audio


@pytest.mark.parametrize("face", ["contours", "mesh", "none"])
def test_lines_are_drawn_on_the_face_and_only_where_it_was_found(tmp_path, face):
    detected = np.array(TIMES) < 300
    shard = write_shard(tmp_path / "t.npz", detected=detected)
    render_overlay(write_clip(tmp_path / "clip.mp4"), job(tmp_path, shard, face=face))
    _, images = decoded(tmp_path / "overlay.mp4")
    for image, found in zip(images, detected, strict=True):
        changed = np.abs(image[:, :160].astype(int) - 110).max(axis=2) > 40
        # The box reaches from 0.4 to 0.6 of the picture, the lines cross its middle.
        inside = changed[54:66, 72:88]
        assert inside.any() == (found and face != "none")
        assert changed.any() == found
        assert not changed[:20].any()


def test_the_panel_shows_the_window_of_the_moment(tmp_path):
    render_overlay(write_clip(tmp_path / "clip.mp4", size=(160, 480)), job(tmp_path))
    _, images = decoded(tmp_path / "overlay.mp4")
    # Bar of the first class: 114 to 192 of the panel's 230 pixels, 109 to 117 below the top.
    bar = [image[113, 160 + 114 : 160 + 192, 2].astype(int) for image in images]
    blue = [(row > 150).mean() for row in bar]
    # Middles of the windows at 0.3 and 0.7 s: the second, without an answer, from 0.5 s on.
    expected = [0.8 if ms < 500 else 0 for ms in TIMES]
    np.testing.assert_allclose(blue, expected, atol=0.05)


def test_without_a_timeline_there_is_an_overlay_too(tmp_path):
    summary = render_overlay(write_clip(tmp_path / "clip.mp4"), job(tmp_path, windows=[]))
    assert summary.frames == len(TIMES)


def test_a_file_that_is_no_video(tmp_path):
    (tmp_path / "no.mp4").write_bytes(b"text" * 100)
    with pytest.raises(UnreadableVideoError):
        render_overlay(tmp_path / "no.mp4", job(tmp_path))


@pytest.mark.parametrize(
    ("size", "most", "expected"),
    [
        ((1920, 1080), 720, (1280, 720)),
        ((1080, 1920), 720, (404, 720)),
        ((1920, 1080), 0, (1920, 1080)),
        ((321, 241), 0, (320, 240)),
        ((320, 240), 720, (640, 480)),
        ((320, 240), 360, (480, 360)),
        ((2000, 20), 720, (2000, 20)),
        ((1, 1), 720, (480, 480)),
    ],
)
def test_size_of_the_picture(size, most, expected):
    assert picture_size(*size, most=most) == expected


def test_bars_are_of_the_blendshapes_that_move(tmp_path):
    shapes = np.zeros((100, 52), np.float32)
    shapes[:, 0] = np.linspace(0, 1, 100)  # _neutral, left out
    shapes[:, 13] = np.linspace(0, 1, 100)  # eyeLookInLeft, left out
    shapes[:, 25] = 0.9  # jawOpen, which never moves
    shapes[:, 44] = np.linspace(0, 0.8, 100)  # mouthSmileLeft: 0.4 on average of both sides
    shapes[:, 3] = np.linspace(0, 0.6, 100)  # browInnerUp
    shapes[5, 6] = 1.0  # cheekPuff, for a moment
    times = (40 * np.arange(100)).tolist()
    clip = open_trajectory(write_shard(tmp_path / "t.npz", times=times, blendshapes=shapes))
    assert moving_blendshapes(clip, 2) == [("browInnerUp", [3]), ("mouthSmile", [44, 45])]
    assert moving_blendshapes(clip, 1) == [("browInnerUp", [3])]
    assert moving_blendshapes(clip, 0) == []
