"""DFEW: the official layout, every variant that is met, and copies that are not whole."""

import pytest

from facewave.datasets.files.dfew_lists import WORDS
from tests.datasets import release_trees as trees
from tests.datasets.release_trees import (
    DFEW_FOLD,
    DFEW_LABEL,
    DFEW_SINGLE,
    notes,
    problems,
    put,
    put_text,
    read,
)

LABELS = {clip: WORDS[label - 1] for clip, label in DFEW_LABEL.items() if label}
FOLDS = {clip: str(fold) for clip, fold in DFEW_FOLD.items()}


def by_number(clips):
    return {int(clip.clip_id): clip for clip in clips}


def check(clips, *, folds=True, votes=True):
    """Compare what was read with what the tree holds."""
    found = by_number(clips)
    assert {number: clip.actual for number, clip in found.items()} == LABELS
    assert {n: clip.fold for n, clip in found.items()} == (FOLDS if folds else dict.fromkeys(FOLDS))
    assert all((clip.label_distribution is not None) == votes for clip in clips)
    return found


def test_the_official_layout(tmp_path, caplog):
    found = check(read("dfew", trees.dfew(tmp_path)))
    first = found[1]
    assert (first.clip_id, first.file_path) == ("00001", f"{tmp_path}/Clip/original/1.mp4")
    # 1happy has 8 votes and 2sad 2; the class list begins with neutral.
    assert first.label_distribution == (0, 8, 2, 0, 0, 0, 0)
    assert first.fps_hint is None
    words = notes(caplog, "dfew", tmp_path)
    assert "left out: 2 clips with label 0" in words
    assert "missing" not in words


def test_label_0_is_never_happy(tmp_path):
    clips = read("dfew", trees.dfew(tmp_path))
    assert not {"00015", "00016"} & {clip.clip_id for clip in clips}
    assert sum(clip.actual == "happy" for clip in clips) == 2


@pytest.mark.parametrize(
    "name",
    [
        "Clip/original/{clip:05d}.mp4",
        "part_{part}/{clip}.mp4",
        "Clip/original/part_{part}/{clip}.mp4",
        "DFEW/Clip/clip_224x224_avi/{clip:05d}.avi",
    ],
)
def test_places_and_names_of_the_clips(tmp_path, name):
    trees.dfew_annotation(tmp_path)
    trees.dfew_lists(tmp_path)
    trees.dfew_clips(tmp_path, name)
    found = check(read("dfew", tmp_path))
    assert found[11].file_path == f"{tmp_path}/{name.format(clip=11, part=2)}"


@pytest.mark.parametrize("name", ["Clip/clip_224x224/{clip:05d}", "clip_224x224_part_1/{clip:05d}"])
def test_folders_of_frames(tmp_path, name):
    trees.dfew_annotation(tmp_path)
    trees.dfew_lists(tmp_path)
    trees.dfew_frames(tmp_path, name)
    found = check(read("dfew", tmp_path, fps=30))
    assert found[3].file_path == f"{tmp_path}/{name.format(clip=3)}"
    assert found[3].fps_hint == 30


def test_originals_come_before_crops_and_media_chooses(tmp_path, caplog):
    trees.dfew(tmp_path)
    trees.dfew_frames(tmp_path)
    trees.dfew_clips(tmp_path, "Clip/clip_224x224_avi/{clip:05d}.avi")
    assert read("dfew", tmp_path)[0].file_path.endswith("original/1.mp4")
    assert "`media: frames` uses the others" in notes(caplog, "dfew", tmp_path)
    assert read("dfew", tmp_path, media="frames")[0].file_path.endswith("clip_224x224/00001")
    folder = read("dfew", tmp_path, media_folder="Clip/clip_224x224_avi")
    assert folder[0].file_path.endswith("clip_224x224_avi/00001.avi")


@pytest.mark.parametrize(
    "form",
    [
        {"header": "order,label"},
        {"line": "{clip:05d},{label}"},
        {"line": "{clip:05d},{label}", "base": 0},
        {"header": None, "line": "/data/DFEW/Clip/clip_224x224/{clip:05d} 84 {label}", "base": 0},
        {"header": None, "line": "{clip}\t{label}"},
        {"name": "label/single_{part}set_{fold}.csv"},
        {
            "name": "annotation/DFEW_set_{fold}_{part}.txt",
            "header": None,
            "line": "x/{clip:05d} 9 {label}",
        },
        {"name": "EmoLabel_DataSplit/{part}/set_{fold}.csv"},
    ],
    ids=str,
)
@pytest.mark.parametrize("annotation", ["xlsx", "csv", None])
def test_forms_of_the_lists(tmp_path, form, annotation):
    if annotation:
        trees.dfew_annotation(tmp_path, annotation)
    trees.dfew_lists(tmp_path, **form)
    trees.dfew_clips(tmp_path)
    check(read("dfew", tmp_path), votes=bool(annotation))


def test_without_lists_there_are_no_folds(tmp_path, caplog):
    trees.dfew_annotation(tmp_path)
    trees.dfew_clips(tmp_path)
    check(read("dfew", tmp_path), folds=False)
    assert "test(single-labeled)/set_1.csv and the other lists are missing" in notes(
        caplog, "dfew", tmp_path
    )


def test_only_the_test_lists(tmp_path, caplog):
    trees.dfew(tmp_path)
    for path in (tmp_path / "EmoLabel_DataSplit" / "train(single-labeled)").iterdir():
        path.unlink()
    check(read("dfew", tmp_path))
    assert "each fold trains on all other clips" in notes(caplog, "dfew", tmp_path)


def test_a_list_that_is_missing_is_named(tmp_path):
    trees.dfew(tmp_path)
    (tmp_path / "EmoLabel_DataSplit" / "test(single-labeled)" / "set_4.csv").unlink()
    words = problems("dfew", tmp_path)
    assert "EmoLabel_DataSplit/test(single-labeled)/set_4.csv: missing" in words
    assert "Copy the official lists again" in words


def test_a_list_copied_in_part_is_found_out(tmp_path):
    trees.dfew(tmp_path)
    path = tmp_path / "EmoLabel_DataSplit" / "train(single-labeled)" / "set_2.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-3]) + "\n")
    assert "train part of fold 2: 3 clips of the other folds' test parts" in problems(
        "dfew", tmp_path
    )


def test_folds_that_are_no_partition(tmp_path):
    trees.dfew(tmp_path)
    tests = tmp_path / "EmoLabel_DataSplit" / "test(single-labeled)"
    with (tests / "set_1.csv").open("a") as file:
        file.write("1,1\n")  # clip 1 is tested in fold 2
    words = problems("dfew", tmp_path)
    assert "set_2.csv line" in words
    assert "clip 1 is in the test part of fold 1 too; expected each clip in one test part" in words


def test_contradicting_labels(tmp_path):
    trees.dfew(tmp_path)
    path = tmp_path / "EmoLabel_DataSplit" / "test(single-labeled)" / "set_3.csv"
    path.write_text(path.read_text().replace("2,2", "2,5"))
    words = problems("dfew", tmp_path)
    assert "clip 2 has label sad, but surprise in" in words
    assert "clip 2 is surprise, but sad in the annotation" in words


def test_lists_that_count_from_0_or_hold_unlabelled_clips_are_not_guessed(tmp_path):
    put_text(tmp_path / "test" / "set_1.csv", ["video_name,label", "1,0", "2,2", "3,3"])
    put_text(tmp_path / "train" / "set_1.csv", ["video_name,label", "4,1"])
    for clip in range(1, 5):
        put(tmp_path / f"{clip}.mp4")
    words = problems("dfew", tmp_path)
    assert "label 0 beside [1, 2, 3]" in words
    assert "set label_base to 0 or 1" in words


def test_nothing_official(tmp_path):
    put(tmp_path / "Clip" / "original" / "1.mp4")
    words = problems("dfew", tmp_path)
    assert "Annotation/annotation.xlsx: missing" in words
    assert "check_dataset" in words


def test_no_clips(tmp_path):
    trees.dfew_annotation(tmp_path)
    trees.dfew_lists(tmp_path)
    assert "Clip/original/1.mp4 (or Clip/clip_224x224/00001/*.jpg): no clip" in problems(
        "dfew", tmp_path
    )


def test_missing_clips_are_all_named(tmp_path):
    trees.dfew(tmp_path)
    for clip in (3, 4):
        (tmp_path / "Clip" / "original" / f"{clip}.mp4").unlink()
    words = problems("dfew", tmp_path)
    assert "2 problems" in words
    assert "'Clip/original/3.mp4': no such file" in words
    flagged = by_number(read("dfew", tmp_path, missing_files="flag"))
    assert [number for number, clip in flagged.items() if clip.missing] == [3, 4]


def test_no_such_root(tmp_path):
    assert "none: no such folder" in problems("dfew", tmp_path / "none")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (["a,b", "1,2"], "no header with 1happy to 7fear, order and label"),
        (
            ["1happy,2sad,3neutral,4angry,5surprise,6disgust,7fear,order", "1,1,1,1,1,1,1,5"],
            "column label",
        ),
        (
            [
                "1happy,2sad,3neutral,4angry,5surprise,6disgust,7fear,order,label",
                "1,x,1,1,1,1,1,5,9",
            ],
            "annotation.csv row 2: order '5', label '9'; expected",
        ),
    ],
)
def test_a_wrong_annotation(tmp_path, content, words):
    trees.dfew_clips(tmp_path)
    put_text(tmp_path / "Annotation" / "annotation.csv", content)
    assert words in problems("dfew", tmp_path)


def test_a_workbook_that_was_copied_in_part(tmp_path):
    trees.dfew(tmp_path)
    path = tmp_path / "Annotation" / "annotation.xlsx"
    path.write_bytes(path.read_bytes()[:500])
    words = problems("dfew", tmp_path)
    assert "not a readable Excel workbook" in words
    assert "Copy it again" in words


def test_bad_lines_of_a_list(tmp_path):
    trees.dfew(tmp_path)
    path = tmp_path / "EmoLabel_DataSplit" / "test(single-labeled)" / "set_1.csv"
    path.write_text(path.read_text() + "x,y\n7\n")
    words = problems("dfew", tmp_path)
    assert "2 problems" in words
    assert "expected a clip and its label" in words


def test_fewer_classes(tmp_path, caplog):
    trees.dfew(tmp_path)
    clips = read("dfew", tmp_path, classes=["sadness", "happiness"], class_map={"fear": "sadness"})
    assert {clip.actual for clip in clips} == {"sadness", "happiness"}
    assert len(clips) == 2 + 2 + 2
    words = notes(caplog, "dfew", tmp_path, classes=["sadness", "happiness"])
    assert "left out: 3 clips labelled neutral, which is not in the class list" in words


def test_a_workbook_is_remembered(tmp_path, monkeypatch):
    from facewave.datasets.files import sheets
    from facewave.datasets.load import load_clips

    trees.dfew(tmp_path / "root")
    options = {"adapter": "dfew", "root": str(tmp_path / "root")}

    def load():
        return load_clips(
            "d", options, classes=list(WORDS), seed=1, demo_root=tmp_path, cache=tmp_path / "keys"
        )

    first = load()
    with monkeypatch.context() as patch:
        patch.setattr(sheets, "read_workbook", lambda path: pytest.fail("opened again"))
        assert load() == first
    trees.dfew_annotation(tmp_path / "root")  # written anew: other times
    (next((tmp_path / "keys").iterdir())).write_text("{")
    assert load() == first
    assert len(first) == len(DFEW_SINGLE)
