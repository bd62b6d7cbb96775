"""FERV39k: folders of frames, both forms of the lists, scenes."""

import pytest

from tests.datasets import release_trees as trees
from tests.datasets.release_trees import FERV39K, problems, put_text, read


def check(clips, root, folder="2_ClipsforFaceCrop"):
    found = {clip.clip_id: clip for clip in clips}
    assert set(found) == {"_".join(parts) for parts in FERV39K}
    for scene, emotion, number in FERV39K:
        clip = found[f"{scene}_{emotion}_{number}"]
        assert clip.file_path == f"{root}/{folder}/{scene}/{emotion}/{number}"
        assert clip.actual == emotion.lower()
        assert clip.split == ("train" if number == "0001" else "test")
        assert (clip.scene, clip.fold, clip.fps_hint) == (scene, None, None)


def test_the_official_layout(tmp_path):
    check(read("ferv39k", trees.ferv39k(tmp_path)), tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "{path},{number}",
        "{path} {number}",
        "/data/FERV39K/2_ClipsforFaceCrop/{path} 28 {number}",
        "{path}\t{emotion}",
        "{path}/ {emotion}",
    ],
)
def test_forms_of_the_lists(tmp_path, line):
    trees.ferv39k_lists(tmp_path, line=line)
    trees.ferv39k_frames(tmp_path)
    check(read("ferv39k", tmp_path), tmp_path)


def test_the_folder_of_crops_inside_another_and_a_header(tmp_path):
    trees.ferv39k_lists(tmp_path, folder="EmoLabel")
    for path in (tmp_path / "EmoLabel").iterdir():
        path.write_text("path label\n" + path.read_text())
    trees.ferv39k_frames(tmp_path, "2_ClipsforFaceCrop-002/2_ClipsforFaceCrop")
    folder = "2_ClipsforFaceCrop-002/2_ClipsforFaceCrop"
    check(read("ferv39k", tmp_path), tmp_path, folder)


def test_whole_pictures_in_place_of_faces(tmp_path):
    trees.ferv39k(tmp_path)
    trees.ferv39k_frames(tmp_path, "3_ClipsforScenImages")
    check(read("ferv39k", tmp_path), tmp_path)
    check(read("ferv39k", tmp_path, crop="scene"), tmp_path, "3_ClipsforScenImages")


def test_frame_rate(tmp_path):
    clips = read("ferv39k", trees.ferv39k(tmp_path), fps=30)
    assert {clip.fps_hint for clip in clips} == {30}


def test_a_missing_list_is_named(tmp_path):
    trees.ferv39k(tmp_path)
    (tmp_path / "4_setups" / "All_scenes" / "test_All.csv").unlink()
    words = problems("ferv39k", tmp_path)
    assert "4_setups/All_scenes/test_All.csv: missing" in words
    assert "train_All.csv" not in words


def test_missing_crops(tmp_path):
    trees.ferv39k_lists(tmp_path)
    words = problems("ferv39k", tmp_path)
    assert "2_ClipsforFaceCrop/<Scene>/<Emotion>/<0001>/*.jpg: no clip found" in words
    trees.ferv39k_frames(tmp_path)
    for path in (tmp_path / "2_ClipsforFaceCrop" / "Action" / "Sad" / "0002").iterdir():
        path.unlink()
    (tmp_path / "2_ClipsforFaceCrop" / "Action" / "Sad" / "0002").rmdir()
    words = problems("ferv39k", tmp_path)
    assert "test_All.csv line 6: file_path '2_ClipsforFaceCrop/Action/Sad/0002': no such" in words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Action/Happy/0001 Sad", "label 'Sad' of a clip in the folder Happy; expected Happy"),
        ("Action/Sad/0001,3", "label '3' of a clip in the folder Sad; expected Happy"),
        ("Action Happy", "'Action Happy'; expected `Action/Happy/0267 Happy`"),
        (
            "Action/Happy/0002 Happy",
            "clip Action/Happy/0002 is in 4_setups/All_scenes/train_All.csv",
        ),
        ("Action/Bored/0001 Bored", "label 'Bored': unknown"),
    ],
)
def test_bad_lines(tmp_path, line, words):
    trees.ferv39k_frames(tmp_path)
    trees.put_frames(tmp_path / "2_ClipsforFaceCrop" / "Action" / "Bored" / "0001")
    folder = tmp_path / "4_setups" / "All_scenes"
    put_text(folder / "train_All.csv", ["Action/Happy/0001 Happy", "Action/Happy/0002,3", line])
    put_text(folder / "test_All.csv", ["Action/Sad/0002 Sad"])
    assert words in problems("ferv39k", tmp_path)
