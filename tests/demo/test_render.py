"""What the renderer of the demo draws, and the files that it writes."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from facewave.demo import render as demo_render
from facewave.demo.recipe import DURATION_S
from facewave.demo.render import clip_frames, render_clip
from tests.demo.demo_clip import QUICK, clip


def frames(clip_id: str, **options: float) -> np.ndarray:
    return np.stack(list(clip_frames(clip(clip_id), **{**QUICK, **options})))


# fmt: off
GOLDEN_FRAME = [
    [139.8, 151.9, 150.7, 132.4, 145.3, 142.5, 153.5, 153.5],
    [146.6, 147.2, 99.1, 108.4, 122.1, 68.4, 139.7, 158.0],
    [142.6, 115.4, 96.8, 135.1, 112.5, 37.8, 103.3, 153.8],
    [145.9, 127.5, 116.4, 177.0, 153.0, 68.0, 119.5, 152.8],
    [150.8, 160.4, 165.7, 157.1, 139.6, 140.7, 167.4, 167.4],
    [157.6, 53.4, 47.9, 177.8, 129.5, 146.2, 171.8, 168.5],
    [120.9, 89.6, 8.1, 18.2, 16.0, 17.0, 147.1, 176.5],
    [123.9, 83.5, 55.4, 10.3, 2.8, 35.4, 94.0, 167.0],
]
# fmt: on


def test_the_pixels_are_those_of_the_recipe_version() -> None:
    frame = frames("s01_happy_t1")[6]
    thumbnail = cv2.resize(frame.mean(axis=2), (8, 8), interpolation=cv2.INTER_AREA)
    hint = "the rendered pixels changed: raise RECIPE_VERSION, then set the new values here"
    np.testing.assert_allclose(thumbnail, GOLDEN_FRAME, atol=1.0, err_msg=hint)


def test_a_video_reads_back_as_it_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "new" / "clip.mp4"
    count = render_clip(clip("s01_fear_t1"), path, size=96, fps=12.5, seed=3)
    assert DURATION_S[0] * 12.5 - 1 <= count <= DURATION_S[1] * 12.5 + 1

    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(12.5)
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == count
    read = []
    while (step := capture.read())[0]:
        read.append(step[1])
    capture.release()
    drawn = frames("s01_fear_t1", size=96, fps=12.5)
    assert np.shape(read) == drawn.shape == (count, 96, 96, 3)
    # What the encoder loses is small against what an expression changes.
    assert np.abs(np.array(read, float) - drawn).mean() < 4
    assert [p.name for p in path.parent.iterdir()] == ["clip.mp4"]


def test_two_renders_give_the_same_bytes(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.mp4" for name in "ab"]
    for path in paths:
        demo_render.make_subject.cache_clear()
        render_clip(clip("s02_sad_t1"), path, **QUICK)
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    ("clip_id", "options"),
    [
        ("s01_sad_t2", {}),
        ("s02_sad_t1", {}),
        ("s01_angry_t1", {}),
        ("s01_sad_t1", {"seed": 4}),
    ],
    ids=["take", "subject", "class", "seed"],
)
def test_clips_differ(clip_id: str, options: dict) -> None:
    base, other = frames("s01_sad_t1"), frames(clip_id, **options)
    common = min(len(base), len(other))
    assert np.abs(base[:common].astype(float) - other[:common]).mean() > 2


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.mp4", {"size": 32}, "at least 64"),
        ("a.mp4", {"size": 97}, "even"),
        ("a.mp4", {"fps": 0.0}, "fps"),
        ("a.mp4", {"fps": float("nan")}, "fps"),
        ("a.avi", {}, "mp4"),
    ],
)
def test_bad_options_are_refused(tmp_path: Path, name: str, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render_clip(clip("s01_sad_t1"), tmp_path / name, **{**QUICK, **options})
    assert not list(tmp_path.iterdir())


def test_a_missing_encoder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2.VideoWriter, "isOpened", lambda self: False, raising=False)
    with pytest.raises(RuntimeError, match="cannot write mp4v"):
        render_clip(clip("s01_sad_t1"), tmp_path / "a.mp4", **QUICK)
    assert not list(tmp_path.iterdir())


def test_lost_frames_are_noticed_and_leave_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    monkeypatch.setattr(demo_render, "clip_frames", _wrong_frames)
    with pytest.raises(RuntimeError, match="0 of 10 frames"):
        render_clip(clip("s01_sad_t1"), path, **QUICK)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def _wrong_frames(*_args: object, **_options: object) -> Iterator[np.ndarray]:
    """Frames of a size that the writer was not opened for are dropped without a word."""
    yield from [np.zeros((32, 32, 3), np.uint8)] * 10
