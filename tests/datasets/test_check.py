"""check_dataset: which adapter fits, what is missing, what cannot be used."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from facewave.datasets.adapters import ADAPTERS, adapter
from facewave.datasets.check import check_folder
from tests.datasets import release_trees as trees
from tests.datasets.release_trees import put, put_frames, put_text

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_dataset.py"
MADE = {
    "dfew": trees.dfew,
    "mafw": trees.mafw,
    "ferv39k": trees.ferv39k,
    "ravdess": trees.ravdess,
    "crema_d": trees.crema_d,
    "java_sed": trees.java_sed,
}


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("below", ["", "copied/twice"])
def test_each_layout_is_recognised_wherever_it_was_unpacked(tmp_path, name, below):
    MADE[name](tmp_path / below)
    check = check_folder(tmp_path)
    assert check.adapter == name
    # The trees hold empty clips, which is said.
    assert all("smaller than 1 KiB" in line or line.startswith("  ") for line in check.problems)
    assert f"fits: adapter {name}" in check.text


def test_counts_stand_beside_the_published_ones(tmp_path):
    text = check_folder(trees.dfew(tmp_path)).text
    assert "happy                          2      2,445  (-2,443)" in text
    assert "all                           18     11,697  (-11,679)" in text
    assert "left out: 2 clips with label 0" in text
    text = check_folder(trees.ferv39k(tmp_path / "b")).text
    assert "the train part" in text
    assert "all                           14      7,847  (-7,833)" in text


def test_missing_official_files_are_named(tmp_path):
    trees.dfew(tmp_path)
    (tmp_path / "EmoLabel_DataSplit" / "test(single-labeled)" / "set_4.csv").unlink()
    check = check_folder(tmp_path)
    assert (
        "MISSING EmoLabel_DataSplit/test(single-labeled)/set_4.csv: test part of fold 4"
        in check.text
    )
    assert any("set_4.csv: missing" in line for line in check.problems)
    assert "2,669" not in check.text  # nothing was read that could be counted
    assert "cannot be used as it is" in check.text


def test_labels_without_clips(tmp_path):
    trees.dfew_annotation(tmp_path)
    check = check_folder(tmp_path)
    assert check.adapter == "dfew"
    assert any("Clip/original/1.mp4: missing" in line for line in check.problems)


def test_clips_that_are_missing_or_pointers(tmp_path):
    trees.dfew(tmp_path)
    for clip in range(1, 19):
        put(tmp_path / "Clip" / "original" / f"{clip}.mp4", bytes(2000))
    put(tmp_path / "Clip" / "original" / "7.mp4", b"version https://git-lfs")
    (tmp_path / "Clip" / "original" / "3.mp4").unlink()
    check = check_folder(tmp_path)
    text = "\n".join(check.problems)
    assert f"1 of 18 clips have no file:\n  {tmp_path}/Clip/original/3.mp4" in text
    assert "3 files are smaller than 1 KiB: empty, or pointers of Git LFS" in text


def test_a_whole_release_ends_with_its_configuration(tmp_path):
    trees.java_sed(tmp_path)
    for path in tmp_path.rglob("*.mp4"):
        path.write_bytes(bytes(2000))
    check = check_folder(tmp_path)
    assert check.problems == []
    assert check.text.endswith(
        f"datasets:\n  java_sed:\n    adapter: java_sed\n    root: {tmp_path}\n"
    )


def test_a_part_of_the_actors_can_be_used(tmp_path):
    trees.ravdess(tmp_path)
    for path in tmp_path.rglob("*.mp4"):
        path.write_bytes(bytes(2000))
    check = check_folder(tmp_path)
    assert check.problems == []
    lacks = "21 official files are missing; 24 clips are there, 1,440 were published"
    assert f"can be used in part ({lacks}); in the configuration" in check.text
    assert "8 of 60 takes of speech" in check.text


def test_whole_pictures_of_ferv39k_alone(tmp_path):
    trees.ferv39k_lists(tmp_path)
    trees.ferv39k_frames(tmp_path, "3_ClipsforScenImages")
    check = check_folder(tmp_path)
    assert check.problems == []
    assert "absent  2_ClipsforFaceCrop/Action/Happy/0001: the face crops" in check.text
    assert "can be used in part (28 clips are there, 38,935 were published)" in check.text
    assert check.text.endswith(f"    root: {tmp_path}\n    crop: scene\n")


def test_lists_of_mafw_with_captions_alone(tmp_path):
    trees.mafw_lists(tmp_path, captions="only")
    trees.mafw_clips(tmp_path)
    text = check_folder(tmp_path).text
    assert "fits: adapter mafw" in text
    assert "(Train & Test Set/single/with_caption/set_1/test.txt)" in text


def test_clips_without_labels(tmp_path):
    trees.mafw_clips(tmp_path)
    check = check_folder(tmp_path)
    assert "33 clips are named by number, as in DFEW and MAFW; labels are missing:" in check.text
    assert "  MAFW: Labels/single-set.xlsx or Train & Test Set/" in check.text
    assert "no adapter fits" in check.problems[0]


def test_folders_raw_tables_and_tables(tmp_path):
    put(tmp_path / "a" / "happy" / "1.mp4", bytes(2000))
    put_frames(tmp_path / "a" / "Sadness" / "7")
    assert check_folder(tmp_path / "a").adapter == "folders"
    header = "1happy,2sad,3neutral,4angry,5surprise,6disgust,7fear,order,label,file_path"
    put_text(tmp_path / "b" / "raw.csv", [header, "9,0,1,0,0,0,0,1,1,x.mp4"])
    put(tmp_path / "b" / "x.mp4", bytes(2000))
    assert check_folder(tmp_path / "b").adapter == "raw_dfew_csv"
    put_text(tmp_path / "c" / "mine.csv", ["file_path,label", "x.mp4,sad"])
    check = check_folder(tmp_path / "c")
    assert (check.adapter, len(check.problems)) == (None, 1)
    assert "adapter table may fit: mine.csv" in check.text


def test_nothing_fits(tmp_path):
    check = check_folder(tmp_path / "none")
    assert "no such folder" in check.text
    put(tmp_path / "x.mp4")
    assert "no adapter fits" in check_folder(tmp_path).problems[0]


def run_script(root, folder):
    params = SimpleNamespace(root=None if root is None else str(root), text=folder / "text.txt")
    job = SimpleNamespace(params=params, log=[str(folder / "log.txt")])
    runpy.run_path(str(SCRIPT), init_globals={"snakemake": job}, run_name="__main__")


def test_the_script_prints_writes_and_fails(tmp_path, capsys):
    trees.ravdess(tmp_path / "r")
    for path in (tmp_path / "r").rglob("*.mp4"):
        path.write_bytes(bytes(2000))
    run_script(tmp_path / "r", tmp_path / "out")
    assert (tmp_path / "out" / "text.txt").read_text() == capsys.readouterr().out.removesuffix("\n")
    with pytest.raises(SystemExit, match="1"):
        run_script(tmp_path / "none", tmp_path / "out")
    assert "no such folder" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="1"):
        run_script(None, tmp_path / "out")
    assert "--config root=/path" in capsys.readouterr().out


@pytest.mark.parametrize("name", [n for n in ADAPTERS if hasattr(adapter(n), "RELEASE")])
def test_published_numbers_add_up(name):
    for published in adapter(name).RELEASE.published.values():
        for numbers in published:
            assert not numbers.per_class or sum(numbers.per_class.values()) == numbers.total
