"""Cuts that PySceneDetect finds in a film of real clips, their lists, and what these depend on."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from facewave.config.check import check_config, dataset_config
from facewave.config.errors import ConfigError
from facewave.manifest.clips import Clip, ManifestError
from facewave.planning.scenes import plan_scenes, wanting_scenes
from facewave.video import scene_detection
from facewave.video.decode import UnreadableVideoError
from facewave.video.scene_detection import SceneOptions, find_scenes, write_scenes
from facewave.video.scene_lists import SceneListError, read_detected, read_header, read_scenes
from facewave.video.segments import split_clips
from tests.datasets.joined_clips import join_clips
from tests.video.media import cut, flat_frames, write_video

KEY = {"fingerprint": "f", "version": 1}
FRAMES = 20  # of each clip: more than the 15 that a scene has at least


@pytest.fixture(scope="module")
def film(real_clips, tmp_path_factory):
    """A film of five real clips of four people, and the ranges of frames that they take."""
    acted = real_clips / "java_sed" / "clips"
    paths = [
        acted / "01-01-01_01.mp4",
        next(real_clips.glob("ravdess/*/*/01-01-01-*.mp4")),
        acted / "02-01-01_01.mp4",
        real_clips / "long" / "talking_30s.mp4",
        acted / "04-01-01_01.mp4",
    ]
    target = tmp_path_factory.mktemp("film") / "film.mp4"
    starts, frames = join_clips(paths, target, frames=FRAMES)
    return target, list(zip(starts, [*starts[1:], frames], strict=True))


def scenes_of(path, **options):
    return find_scenes(path, options=SceneOptions(**options), default_fps=25).scenes


@pytest.mark.parametrize("detector", ["content", "adaptive"])
def test_cuts_are_where_the_clips_were_joined(film, detector):
    path, expected = film
    assert len(expected) == 5
    assert scenes_of(path, detector=detector) == expected


@pytest.mark.parametrize("detector", ["content", "adaptive"])
def test_scenes_are_those_that_pyscenedetect_finds_with_its_own_reader(film, detector):
    from scenedetect import AdaptiveDetector, ContentDetector, detect

    path, _ = film
    theirs = {
        "content": ContentDetector(threshold=20, min_scene_len=30),
        "adaptive": AdaptiveDetector(adaptive_threshold=20, min_scene_len=30, window_width=3),
    }
    expected = [
        (first.get_frames(), end.get_frames())
        for first, end in detect(str(path), theirs[detector], start_in_scene=True)
    ]
    options = {"threshold": 20, "min_scene_frames": 30, "window_frames": 3}
    assert scenes_of(path, detector=detector, **options) == expected


def test_threshold_and_shortest_scene_decide(film):
    path, expected = film
    assert scenes_of(path, threshold=250) == [(0, 100)]
    assert scenes_of(path, min_scene_frames=2 * FRAMES) == [(0, 100)]
    assert scenes_of(path, min_scene_frames=FRAMES) == expected


def test_defaults_are_those_of_pyscenedetect():
    from scenedetect import AdaptiveDetector, ContentDetector

    assert vars(scene_detection._detector(SceneOptions())).keys() == vars(ContentDetector()).keys()
    for ours, theirs in (("content", ContentDetector()), ("adaptive", AdaptiveDetector())):
        mine = scene_detection._detector(SceneOptions(detector=ours))
        for name, value in vars(theirs).items():
            if isinstance(value, int | float | tuple):
                assert vars(mine)[name] == value, name


def test_frames_of_every_size_and_folders_of_frames_are_read(tmp_path):
    flat = list(flat_frames(20, width=640, height=360))
    frames = [*flat, *(255 - frame // 8 for frame in flat)]
    assert scenes_of(write_video(tmp_path / "wide.mp4", frames)) == [(0, 20), (20, 40)]
    (tmp_path / "frames").mkdir()
    for number, frame in enumerate(frames):
        cv2.imwrite(str(tmp_path / "frames" / f"{number}.png"), frame)
    assert scenes_of(tmp_path / "frames") == [(0, 20), (20, 40)]


def test_list_is_that_of_pyscenedetect_below_what_it_was_made_from(film, tmp_path):
    path, expected = film
    listed = tmp_path / "film-Scenes.csv"
    write_scenes(path, listed, key=KEY, options=SceneOptions(), default_fps=25)
    spans = [(round(first * 1000 / 30), round(end * 1000 / 30)) for first, end in expected]
    assert read_scenes(listed) == read_detected(listed, KEY) == spans
    lines = listed.read_text().splitlines()
    assert lines[1].startswith("Scene Number,Start Frame,Start Timecode,Start Time (seconds),End")
    assert lines[3].startswith("2,21,00:00:00.667,0.667,40,00:00:01.333,1.333,20,")
    assert read_header(listed)["frames"] == 100
    with pytest.raises(SceneListError, match=r"changed since .*film-Scenes.csv was written"):
        read_detected(listed, {**KEY, "version": 2})
    with pytest.raises(SceneListError, match="have not been detected"):
        read_detected(tmp_path / "none-Scenes.csv", KEY)


def test_broken_videos_get_a_list_that_says_why(tmp_path):
    write = {"key": KEY, "options": SceneOptions(), "default_fps": 25}
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    listed = tmp_path / "bad-Scenes.csv"
    write_scenes(tmp_path / "bad.mp4", listed, **write)
    assert read_detected(listed, KEY) is None
    assert "it is not a video file" in read_header(listed)["error"]
    with pytest.raises(UnreadableVideoError):
        scenes_of(tmp_path / "bad.mp4")
    half = write_video(tmp_path / "half.avi", flat_frames(60), codec="MJPG")
    cut(half, 0.5)
    write_scenes(half, listed, **write)
    ((first, end),) = read_detected(listed, KEY)
    assert first == 0
    assert 400 < end < 2000
    assert "it breaks off: about" in read_header(listed)["notes"]


def test_a_video_that_changes_while_it_is_read_gets_no_list(film, tmp_path, monkeypatch):
    path = shutil.copy(film[0], tmp_path / "film.mp4")

    def changing(*arguments, **options):
        path.write_bytes(path.read_bytes() + b"\0")
        return find_scenes(*arguments, **options)

    monkeypatch.setattr(scene_detection, "find_scenes", changing)
    write = {"key": KEY, "options": SceneOptions(), "default_fps": 25}
    with pytest.raises(RuntimeError, match="changed while it was read"):
        write_scenes(path, tmp_path / "x-Scenes.csv", **write)
    assert not list(tmp_path.glob("*Scenes*"))


# What is planned


@pytest.fixture
def films(tmp_path):
    """Two videos with a cut each, as a dataset that wants their scenes."""
    for name in ("a", "b"):
        folder = tmp_path / "films" / "happy" / name
        folder.mkdir(parents=True)
        frames = [np.where(frame > 140, np.uint8(255), frame) for frame in flat_frames(40)]
        write_video(folder / f"{name}.avi", frames, fps=10, codec="MJPG")
    segments = {"seconds": 60, "scenes": "detect"}
    adapter = {"adapter": "folders", "root": str(tmp_path / "films"), "classes": ["happy", "sad"]}
    config = {
        "results": str(tmp_path / "results"),
        "enabled": ["films"],
        "datasets": {
            "films": {**adapter, "segments": segments},
            "whole": adapter,
            "both": {"adapter": "joint", "datasets": ["films", "whole"]},
        },
    }
    return check_config(config)


def plan(config, name="films", *, version=1):
    found = {}
    for member, options in wanting_scenes(name, dataset_config(config, name)):
        scenes = {**config["scenes"], "version": version}
        found[member] = list(plan_scenes(member, options, scenes=scenes, seed=1, demo_root=None))
    return found


def look(tmp_path, clip_id):
    """Do what the job of a video does."""
    import find_scenes as script

    folder = tmp_path / "results" / "films"
    script.main(
        key=str(folder / "keys" / "scenes" / f"{clip_id}.json"),
        scenes=str(folder / "scenes" / f"{clip_id}-Scenes.csv"),
        options={},
        default_fps=25,
        video={},
    )


def divide(tmp_path, config):
    paths = sorted((tmp_path / "films").rglob("*.avi"))
    clips = [Clip(path.stem, str(path), i, 0, "happy") for i, path in enumerate(paths)]
    options = dataset_config(config, "films")["segments"]
    return [(clip.clip_id, clip.span_ms) for clip in split_clips(clips, options)]


def test_lists_of_videos_and_options_that_changed_are_not_used(films, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[2] / "scripts")
    with pytest.raises(ManifestError, match=r"(?s)2 problems.*a.avi: its scenes have not.*b.avi"):
        divide(tmp_path, films)
    assert plan(films) == plan(films, "both") == {"films": ["a", "b"]}
    look(tmp_path, "a")
    with pytest.raises(ManifestError, match=r"(?s)1 problem.*snakemake detect_scenes") as error:
        divide(tmp_path, films)
    assert "a.avi" not in str(error.value)
    look(tmp_path, "b")
    scenes = [(0, 2100), (2100, 4000)]
    assert divide(tmp_path, films) == [
        (f"{name}__{i:03d}", scene) for name in "ab" for i, scene in enumerate(scenes)
    ]
    # The same bytes with another date are the same video.
    video = tmp_path / "films" / "happy" / "a" / "a.avi"
    video.write_bytes(video.read_bytes())
    plan(films)
    assert len(divide(tmp_path, films)) == 4
    write_video(video, flat_frames(30), fps=10, codec="MJPG")
    plan(films)
    with pytest.raises(ManifestError, match=r"a.avi: it or the options have changed since"):
        divide(tmp_path, films)
    look(tmp_path, "a")
    assert divide(tmp_path, films)[:2] == [("a__000", (0, 3000)), ("b__000", (0, 2100))]
    plan(films, version=2)
    with pytest.raises(ManifestError, match="2 problems"):
        divide(tmp_path, films)


def test_a_stale_list_never_looks_newer_than_its_key(films, tmp_path):
    plan(films)
    folder = tmp_path / "results" / "films"
    listed, key = folder / "scenes" / "a-Scenes.csv", folder / "keys" / "scenes" / "a.json"
    listed.parent.mkdir()
    listed.write_text("Start Time (seconds),End Time (seconds)\n0,9\n")
    assert listed.stat().st_mtime_ns >= key.stat().st_mtime_ns
    plan(films)
    assert listed.stat().st_mtime_ns <= key.stat().st_mtime_ns


def test_missing_videos_have_no_scenes(films, tmp_path):
    table = tmp_path / "films" / "labels.csv"
    table.write_text("file_path,label\nhappy/a/a.avi,happy\ngone.avi,sad\n")
    options = films["datasets"]["films"]
    options |= {"adapter": "table", "table": "labels.csv", "missing_files": "flag"}
    assert plan(films) == {"films": ["a"]}


def test_options_are_checked():
    with pytest.raises(ConfigError, match=r"scenes.detector: found 'contnt'.*did you mean"):
        check_config({"scenes": {"detector": "contnt"}})
    with pytest.raises(ConfigError, match=r"scenes.threshold: found 0 .*expected a number above 0"):
        check_config({"scenes": {"threshold": 0}})
