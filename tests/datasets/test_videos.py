"""The videos of `predict`: files, folders, patterns and tables, none with a label."""

import pytest

from facewave.config.check import check_config
from facewave.datasets.load import load_clips
from facewave.datasets.videos import folder_of
from facewave.manifest.clips import ManifestError
from facewave.planning.predicted import predicted_videos


@pytest.fixture
def folder(tmp_path):
    for name in ("a.mp4", "b.MOV", "notes.txt", "deep/er/a.mkv", "happy/c.mp4"):
        path = tmp_path / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"video")
    return tmp_path / "videos"


def load(videos, **more):
    config = check_config({"predict": {"videos": str(videos), "window": None, **more}})
    ((name, options),) = predicted_videos(config).items()
    assert name == "predict/mine"
    return load_clips(name, options, classes=options["classes"], seed=1, demo_root=".")


def test_a_folder_whatever_its_folders_are_called(folder):
    clips = load(folder)
    assert [clip.clip_id for clip in clips] == ["a", "b", "deep__er__a", "c"]
    assert {clip.label for clip in clips} == {None}
    assert clips[2].file_path == str(folder / "deep/er/a.mkv")


def test_a_file(folder):
    assert [clip.clip_id for clip in load(folder / "happy/c.mp4")] == ["c"]


def test_a_pattern(folder):
    assert [clip.clip_id for clip in load(f"{folder}/*")] == ["a", "b"]
    assert [clip.clip_id for clip in load(f"{folder}/**/*.m*")] == ["a", "deep__er__a", "c"]
    assert folder_of(f"{folder}/*/er/*.mkv") == folder


def test_a_table_whose_labels_are_not_read(folder):
    table = folder / "list.csv"
    table.write_text("file_path,label,clip_id\nhappy/c.mp4,no such class,first\nnone.mp4,,second\n")
    first, second = load(table)
    assert (first.clip_id, first.label, first.missing) == ("first", None, False)
    assert (second.clip_id, second.missing) == ("second", True)


@pytest.mark.parametrize("videos", ["none.mp4", "empty", "empty/*.mp4"])
def test_what_is_not_there(tmp_path, videos):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ManifestError, match=r"Set predict\.videos to a video, a folder"):
        load(tmp_path / videos)


def test_no_videos_no_dataset():
    assert predicted_videos(check_config({})) == {}


@pytest.mark.parametrize(("step", "overlap"), [(1, 0.75), (4, 0), (6, -0.5)])
def test_windows_are_segments(folder, step, overlap):
    config = {"predict": {"videos": str(folder), "window": {"seconds": 4, "step": step}}}
    ((_, options),) = predicted_videos(check_config(config)).items()
    assert options["segments"] == {"seconds": 4, "overlap": pytest.approx(overlap)}
