"""Frames that are kept in the store: decoded once, small, and what is damaged again."""

import gc
from dataclasses import replace

import numpy as np
import pytest

from facewave.storage.atomic import write_text
from facewave.storage.store import shard_path
from facewave.storage.tables import format_rows
from facewave.tracking.track_index import TRACK_COLUMNS
from facewave.upkeep.prune import prune_store
from facewave.video.isolated import read_here
from facewave.vlm.fine_tuning import job_inputs
from facewave.vlm.fine_tuning.launch import launch
from facewave.vlm.inputs.clip_reader import ClipReader, Media
from facewave.vlm.inputs.conversation import Turn
from facewave.vlm.inputs.kept_frames import frames_path, read_frames, shrink, square, write_frames
from facewave.vlm.qwen import processor
from facewave.vlm.qwen.toy import tiny_qwen_processor
from facewave.vlm.qwen.video import VideoOptions, frame_size, smart_size, video_patches
from tests.tracking.track_shards import write_track_shard
from tests.vlm.made_up_videos import few_shot, video
from tests.vlm.test_fit import PARTS, files, job  # noqa: F401
from tests.vlm.zero_shot_jobs import dataset
from tests.vlm.zero_shot_jobs import job as zero_shot_job
from tests.vlm.zero_shot_jobs import run as run_zero_shot

pytestmark = pytest.mark.usefixtures("one_thread")


class Decodes:
    """Reads here, and counts the clips that are decoded."""

    def __init__(self, *_, **__):
        self.paths = []

    def __call__(self, function, /, **arguments):
        self.paths.append(arguments["path"])
        return read_here(function, **arguments)


def smooth(height, width, count=1, seed=0):
    """Blurred noise, which a JPEG keeps well, as it does a photograph."""
    import cv2

    noise = np.random.default_rng(seed).integers(0, 256, (count, 9, 9, 3), dtype=np.uint8)
    return np.stack([cv2.resize(image, (width, height), interpolation=2) for image in noise])


@pytest.fixture
def reader(face_clip, tmp_path):
    """Shows three frames, one of them twice."""
    write_track_shard(shard_path(tmp_path, "tracks", "ab"), [True] * 3, times=[0, 40, 80])
    media = Media(path=str(face_clip), default_fps=25, span_ms=None, track_key="ab", frames=3)
    return ClipReader(
        media={"c": media}, store=tmp_path, count=4, choice="uniform", read=Decodes(),
        size=lambda: square(64),
    )  # fmt: skip


def test_frames_are_decoded_once_and_shown_in_their_order(reader, face_clip):
    plain = replace(reader, size=None).images("c")
    assert len(reader.read.paths) == 1
    first, again = reader.images("c"), reader.images("c")
    assert reader.read.paths == [face_clip] * 2
    np.testing.assert_array_equal(first, again)
    assert first.shape == (4, 64, 64, 3)
    near = np.abs(first.astype(int) - shrink(plain, square(64)))
    assert near.mean() < 1.5  # grey levels
    assert reader.frames("c").indices == [0, 1, 1, 2]
    np.testing.assert_array_equal(first[1], first[2])
    # Kept frames need no video.
    gone = replace(reader, media={"c": replace(reader.media["c"], path="none.mp4")})
    assert gone.frames("c").indices == [0, 1, 1, 2]
    np.testing.assert_array_equal(gone.images("c"), first)


def test_whatever_decides_the_frames_decodes_again(reader):
    reader.images("c")
    media = reader.media["c"]
    others = [
        replace(reader, count=2),
        replace(reader, size=lambda: square(32)),
        replace(reader, media={"c": replace(media, span_ms=(0, 80))}),
    ]
    for number, other in enumerate(others, start=2):
        other.images("c")
        assert len(reader.read.paths) == number


def test_damaged_frames_are_decoded_again(reader, caplog):
    first = reader.images("c")
    [path] = (reader.store / "shown_frames").rglob("*.npz")
    path.write_bytes(path.read_bytes()[:-90])
    np.testing.assert_array_equal(reader.images("c"), first)
    assert len(reader.read.paths) == 2
    assert "decoded again" in caplog.text


def test_frames_are_small_and_near_what_they_were(tmp_path):
    images = smooth(448, 448, count=2)
    write_frames(tmp_path / "f.npz", images, [7, 3, 7])
    kept, indices = read_frames(tmp_path / "f.npz")
    assert indices == [7, 3, 7]
    assert kept.shape == (3, 448, 448, 3)
    assert np.abs(kept.astype(int) - images[[1, 0, 1]]).max() <= 6
    assert (tmp_path / "f.npz").stat().st_size < images.nbytes / 8
    assert read_frames(tmp_path / "none.npz") is None


def test_small_frames_are_not_enlarged():
    images = smooth(20, 30)
    assert shrink(images, square(64)) is images
    assert shrink(images, square(8)).shape == (1, 8, 8, 3)


@pytest.mark.parametrize(("height", "width"), [(240, 320), (1080, 1920), (301, 77), (40, 30)])
def test_what_qwen_makes_of_shrunk_frames_is_what_it_makes_of_frames(height, width):
    options = VideoOptions(max_pixels=12544)
    size = frame_size(options)
    shown = video(3, height=height, width=width)
    small = replace(shown, images=shrink(shown.images, size))
    wanted, grid = video_patches(shown, options)
    found, same = video_patches(small, options)
    assert grid == same
    assert found.equal(wanted)
    if (height, width) != (40, 30):
        assert small.images.shape[1:3] == smart_size(height, width, options)


def test_all_epochs_stages_and_controls_decode_a_clip_once(request, tmp_path, monkeypatch):
    """Before, every epoch of every training decoded its clips."""
    clips = request.getfixturevalue("files")
    decodes, shown = Decodes(), []
    images = ClipReader.images

    def counted(self, clip_id):
        shown.append(clip_id)
        return images(self, clip_id)

    monkeypatch.setattr(ClipReader, "images", counted)
    monkeypatch.setattr(job_inputs, "ReaderPool", lambda *_, **__: decodes)
    for control in ("full", "image_only", "face_only"):
        start = None
        for stage in ("adaptation", "fine_tuning"):
            start = job(clips, tmp_path / control, stage=stage, control=control, start=start)
            launch(start, gpus=0)
    # One for the estimate of memory, two epochs of 6 (second stage: 5) clips and 4 to validate,
    # then 4 + 5 answers; the third control looks at no images.
    assert len(shown) == 2 * ((1 + 2 * (6 + 4) + 9) + (1 + 2 * (5 + 4) + 9)) == 116
    tracked = len(set(shown)) - 1  # one of the test clips could not be tracked
    assert len(decodes.paths) == tracked == 6 + 5 + PARTS["val"] + PARTS["test"] - 1


def test_a_second_model_of_the_same_size_asks_without_decoding(tmp_path, monkeypatch):
    from facewave.vlm.zero_shot import run

    decodes = Decodes()
    monkeypatch.setattr(run, "ReaderPool", lambda *_, **__: decodes)
    clips = dataset(tmp_path / "c", 4)
    for seed in (5, 6):
        run_zero_shot(zero_shot_job(clips, tmp_path / str(seed), seed=seed))
        assert len(decodes.paths) == 4


def test_frames_go_with_their_trajectory(tmp_path):
    results, store = tmp_path / "results", tmp_path / "store"
    (results / "d" / "keys").mkdir(parents=True)
    plan = '{"bucket_count": 1, "buckets": ["b0"], "subjects": []}'
    (results / "d" / "keys" / "plan.json").write_text(plan)
    row = dict.fromkeys(TRACK_COLUMNS, "") | {"clip_id": "c", "key": "cd" * 32}
    write_text(results / "d" / "tracks" / "b0.tsv", format_rows(TRACK_COLUMNS, [row]))
    for key in ("ab" * 32, "cd" * 32):
        path = frames_path(
            store, track_key=key, span_ms=None, count=1, choice="uniform", image="frame",
            size=square(8),
        )  # fmt: skip
        write_frames(path, smooth(8, 8), [0])
    assert len(prune_store(results, store, apply=True, safe_seconds=0).removed) == 1
    [left] = (store / "shown_frames").rglob("*.npz")
    assert left.name.startswith("cd" * 32)


def test_examples_become_patches_once_for_all_questions(monkeypatch):
    made = []

    def counted(shown, options):
        made.append(shown)
        return video_patches(shown, options)

    monkeypatch.setattr(processor, "video_patches", counted)
    toy = tiny_qwen_processor(("happy", "sad"), max_pixels=3136)
    examples = few_shot()[:2]
    batches = [
        toy([[*examples, Turn(text="What?", video=video(3, seed=n))] for n in (first, first + 1)])
        for first in (0, 2, 4)
    ]
    assert len(made) == 2 + 6
    fresh = tiny_qwen_processor(("happy", "sad"), max_pixels=3136)
    again = fresh([[*examples, Turn(text="What?", video=video(3, seed=n))] for n in (4, 5)])
    assert all(again[name].equal(batches[-1][name]) for name in again)
    # They are forgotten with the examples.
    assert len(toy._examples) == 2
    made.clear()
    del examples
    gc.collect()
    assert not len(toy._examples)
