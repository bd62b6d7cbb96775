"""A decoder that crashes or hangs in every process: each stage tells it and goes on."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import pytest

from facewave.manifest.clips import Clip
from facewave.speech.sound import UnreadableSoundError, read_sound
from facewave.splits.near_duplicates import hash_bucket, read_hashes
from facewave.storage.buckets import KeyRow, key_file_text
from facewave.video.decode import UnreadableVideoError
from facewave.video.isolated import Bounds, isolated_reader
from facewave.video.open import read_images
from facewave.video.scene_detection import SceneOptions, write_scenes
from facewave.video.scene_lists import read_header
from facewave.video.segments import split_clips
from tests.video.bad_decoder import write_bad_decoder
from tests.video.media import flat_frames, write_video

ROOT = Path(__file__).parents[2]
CRASH = "reading it crashes the process (signal 11, SIGSEGV)"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Clips `segfault` and `good`; this process opens none of them."""
    site = write_bad_decoder(tmp_path / "bad")
    for name in ("segfault", "good"):
        write_video(tmp_path / f"{name}.mp4", flat_frames(50))
    monkeypatch.setenv("PYTHONPATH", f"{site}:{ROOT}")

    def opened(*arguments, **options):
        raise AssertionError("a video was opened in the main process")

    monkeypatch.setattr(av, "open", opened)
    return tmp_path


@pytest.fixture
def read():
    with isolated_reader(Bounds(stall_seconds=5)) as reader:
        yield reader


def test_segments_are_planned(folder):
    clip = Clip("a", str(folder / "segfault.mp4"), 0, 0, "happy", take=None)
    clips = [clip, replace(clip, clip_id="b", file_path=str(folder / "good.mp4"), video_idx=1)]
    cache = folder / "lengths.tsv"
    found = [c.clip_id for c in split_clips(clips, {"seconds": 1}, cache=cache)]
    assert found == ["a", "b__000", "b__001"]
    # It is remembered: a plan crashes once.
    assert "-1" in cache.read_text()
    assert len(split_clips(clips, {"seconds": 1}, cache=cache)) == 3


def test_a_job_does_not_measure_again_what_the_plan_could_not(folder, monkeypatch):
    clip = Clip("a", str(folder / "segfault.mp4"), 0, 0, "happy", take=None)
    cache, bounds = folder / "lengths.tsv", Bounds(stall_seconds=5)
    split_clips([clip], {"seconds": 1}, cache=cache, bounds=bounds)
    before = cache.read_text()

    def measured(*arguments):
        raise AssertionError("it was measured again")

    monkeypatch.setattr("facewave.video.segments._measured", measured)
    assert split_clips([clip], {"seconds": 1}, cache=cache) == [clip]
    assert cache.read_text() == before
    split_clips([clip], {"seconds": 1}, cache=cache, bounds=bounds)
    with pytest.raises(AssertionError, match="measured again"):
        split_clips([clip], {"seconds": 1}, cache=cache, bounds=Bounds(stall_seconds=6))


def test_near_duplicates(folder, read):
    rows = [KeyRow(name, str(folder / f"{name}.mp4"), "f") for name in ("segfault", "good")]
    (folder / "key.tsv").write_text(key_file_text(rows, options={}))
    hash_bucket(folder / "key.tsv", table=folder / "t.tsv", frames=2, default_fps=25, read=read)
    assert set(read_hashes([folder / "t.tsv"])) == {"segfault", "good"}


def test_scenes(folder, read):
    for name in ("segfault", "good"):
        write_scenes(
            folder / f"{name}.mp4",
            folder / f"{name}-Scenes.csv",
            key={"fingerprint": "f"},
            options=SceneOptions(),
            default_fps=25,
            read=read,
        )
    assert read_header(folder / "segfault-Scenes.csv")["error"] == CRASH
    assert read_header(folder / "good-Scenes.csv")["frames"] == 50


def test_frames_for_crops_and_models(folder, read):
    good = read(read_images, path=folder / "good.mp4", times_ms=[0, 400], default_fps=25)
    assert [image.shape for image in good] == [(48, 64, 3)] * 2
    with pytest.raises(UnreadableVideoError, match="crashes the process"):
        read(read_images, path=folder / "segfault.mp4", times_ms=[0], default_fps=25)


def test_sound(folder, read):
    with pytest.raises(UnreadableVideoError, match="crashes the process"):
        read(read_sound, path=folder / "segfault.mp4", raises=(UnreadableSoundError,))


def test_planning_loads_no_decoder(folder):
    script = (
        "import sys; from pathlib import Path\n"
        "import facewave.planning.project\n"
        "from facewave.manifest.clips import Clip\n"
        "from facewave.video.segments import split_clips\n"
        "clips = split_clips([Clip('a', sys.argv[1], 0, 0, 'happy')], {'seconds': 1})\n"
        "print(len(clips), {'av', 'cv2', 'mediapipe', 'torch'} & set(sys.modules))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, str(folder / "good.mp4")],
        capture_output=True,
        check=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert found.stdout == "2 set()\n"
