"""A folder for each class, a raw table in DFEW's form, code of one's own, several datasets."""

import re
from collections import Counter
from pathlib import Path

import pytest

from facewave.config.check import check_config, dataset_config
from facewave.config.errors import ConfigError
from facewave.datasets.load import load_clips
from facewave.datasets.registry import label_files
from facewave.manifest.clips import ManifestError
from tests.datasets import release_trees as trees
from tests.datasets.release_trees import notes, problems, put, put_frames, put_text, read

DOCS = Path(__file__).parents[2] / "docs" / "datasets.md"


@pytest.mark.parametrize(
    ("options", "classes"),
    [
        ({"adapter": "mafw"}, 11),
        ({"adapter": "mafw", "classes_preset": 7}, 7),
        ({"adapter": "mafw", "classes_preset": "compound"}, 32),
        ({"adapter": "mafw", "classes_preset": "compound-43"}, 43),
        ({"adapter": "ravdess"}, 8),
        ({"adapter": "crema_d"}, 6),
        ({"adapter": "crema_d", "classes": ["sad", "happy"]}, 2),
        ({"adapter": "folders"}, 7),
    ],
)
def test_class_lists_that_datasets_come_with(options, classes):
    config = {"enabled": ["d"], "datasets": {"d": {**options, "root": "/x"}}}
    full = dataset_config(check_config(config), "d")
    assert len(full["classes"]) == classes
    assert full == dataset_config(config, "d")


class TestFolders:
    def test_a_folder_for_each_class(self, tmp_path, caplog):
        for name in ("happy/b.mp4", "Happiness/x/b.mp4", "sad/c.MOV", "note.txt"):
            put(tmp_path / name)
        put_frames(tmp_path / "sad" / "clip7")
        put(tmp_path / "loose.mp4")
        clips = {
            clip.file_path[len(str(tmp_path)) + 1 :]: clip
            for clip in read("folders", tmp_path, fps=12)
        }
        assert {name: clip.actual for name, clip in clips.items()} == {
            "happy/b.mp4": "happy", "Happiness/x/b.mp4": "happy", "sad/c.MOV": "sad",
            "sad/clip7": "sad",
        }  # fmt: skip
        assert clips["sad/clip7"].fps_hint == 12
        assert clips["sad/c.MOV"].fps_hint is None
        assert len({clip.clip_id for clip in clips.values()}) == 4
        assert "1 clips that lie beside the folders" in notes(caplog, "folders", tmp_path)

    def test_parts_above_the_classes(self, tmp_path):
        for part in ("train", "Valid", "test"):
            put(tmp_path / part / "fear" / f"{part}1.mp4")
        clips = {clip.clip_id: clip for clip in read("folders", tmp_path)}
        assert {name: clip.split for name, clip in clips.items()} == {
            "train1": "train", "Valid1": "val", "test1": "test",
        }  # fmt: skip

    def test_pattern(self, tmp_path):
        put(tmp_path / "happy" / "S01_T3.mp4")
        put(tmp_path / "sad" / "S02_T1.mp4")
        pattern = r"(?P<subject>S\d+)_(?P<take>T\d)"
        first, second = read("folders", tmp_path, pattern=pattern)
        assert (first.subject, first.take, second.subject) == ("S01", "T3", "S02")
        put(tmp_path / "sad" / "odd.mp4")
        assert "sad/odd.mp4: does not fit pattern" in problems("folders", tmp_path, pattern=pattern)
        assert "no regular expression" in problems("folders", tmp_path, pattern="(")
        assert "no group such as" in problems("folders", tmp_path, pattern="x")

    def test_other_folders(self, tmp_path):
        put(tmp_path / "smile" / "a.mp4")
        put(tmp_path / "raw" / "b.mp4")
        words = problems("folders", tmp_path)
        assert "smile/a.mp4: label 'smile': unknown" in words
        assert "raw/b.mp4: label 'raw': unknown" in words
        (clip,) = read("folders", tmp_path, class_map={"smile": "happy", "raw": None})
        assert clip.actual == "happy"

    def test_no_clips(self, tmp_path):
        assert "found no clips" in problems("folders", tmp_path)


class TestRawTable:
    HEADER = "1happy,2sad,3neutral,4angry,5surprise,6disgust,7fear,order,label,file_path"
    ROWS = ("0,6,4,0,0,0,0,1,2,v/1.mp4", "0,2,8,0,0,0,0,2,3,v/2.mp4", "3,1,1,0,5,0,0,3,0,v/3.mp4")

    @pytest.mark.parametrize("table", [None, "raw.csv"])
    def test_rows_without_a_single_label_are_left_out(self, tmp_path, caplog, table):
        put_text(tmp_path / "raw.csv", [self.HEADER, *self.ROWS])
        for number in (1, 2, 3):
            put(tmp_path / "v" / f"{number}.mp4")
        first, second = read("raw_dfew_csv", tmp_path, table=table)
        assert (first.clip_id, first.actual, first.video_idx) == ("00001", "sad", 0)
        assert first.label_distribution == (4, 0, 6, 0, 0, 0, 0)
        assert second.actual == "neutral"
        assert "1 clips with label 0" in notes(caplog, "raw_dfew_csv", tmp_path)

    def test_what_is_wrong(self, tmp_path):
        assert "no .csv with the columns 1happy" in problems("raw_dfew_csv", tmp_path)
        put_text(tmp_path / "raw.csv", [self.HEADER.replace(",file_path", ""), "0,6,4,0,0,0,0,1,2"])
        assert "column file_path: missing" in problems("raw_dfew_csv", tmp_path, table="raw.csv")
        put_text(tmp_path / "raw.csv", [self.HEADER, self.ROWS[0], "0,6,4,0,0,0,0,4,8,x.mp4"])
        assert "raw.csv row 3: order '4', label '8'" in problems("raw_dfew_csv", tmp_path)
        put_text(tmp_path / "raw.csv", [self.HEADER, self.ROWS[0]])
        assert "raw.csv row 2: file_path 'v/1.mp4': no such file" in problems(
            "raw_dfew_csv", tmp_path
        )


class TestOwn:
    def test_the_example_of_the_docs(self, tmp_path):
        text = DOCS.read_text(encoding="utf-8")
        code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
        assert len(code.splitlines()) < 40
        module = tmp_path / "my_dataset.py"
        module.write_text(code, encoding="utf-8")
        put(tmp_path / "clips" / "a.mp4")
        put(tmp_path / "clips" / "b.mp4")
        put_text(tmp_path / "people.txt", ["a.mp4 anna glad", "b.mp4 bert gloomy"])
        options = {"words": {"glad": "happy", "gloomy": "sad"}}
        first, second = read("own", tmp_path, module=str(module), options=options)
        assert (first.actual, first.subject, second.actual) == ("happy", "anna", "sad")
        entry = {"adapter": "own", "root": str(tmp_path), "module": str(module), "options": options}
        assert label_files(entry) == [module, tmp_path / "people.txt"]

    def test_what_is_wrong(self, tmp_path):
        module = tmp_path / "mine.py"
        assert "no such Python file" in problems("own", tmp_path, module=str(module))
        module.write_text("x = 1\n")
        assert "has no function `load`" in problems("own", tmp_path, module=str(module))
        module.write_text("def load(options, *, classes, root):\n    return []\n")
        assert "load returned list, expected" in problems("own", tmp_path, module=str(module))


class TestJoint:
    def load(self, tmp_path, **options):
        datasets = {
            "films": {"adapter": "mafw", "root": str(trees.mafw(tmp_path / "mafw"))},
            "acted": {"adapter": "ravdess", "root": str(trees.ravdess(tmp_path / "ravdess"))},
            "both": {"adapter": "joint", "datasets": ["films", "acted"], **options},
        }
        config = check_config({"enabled": ["both"], "datasets": datasets})
        full = dataset_config(config, "both")
        clips = load_clips("both", full, classes=full["classes"], seed=1, demo_root=tmp_path)
        return full, clips

    def test_one_class_list(self, tmp_path):
        full, clips = self.load(tmp_path)
        assert full["classes"] == check_config({})["classes"]
        assert Counter(clip.clip_id.split("@")[0] for clip in clips) == {"films": 21, "acted": 21}
        assert [clip.video_idx for clip in clips] == list(range(42))
        first, last = clips[0], clips[-1]
        assert (first.clip_id, first.actual, first.fold) == ("films@00001", "angry", None)
        assert first.label_distribution[3] == pytest.approx(0.9)
        assert (last.subject, last.take) == ("acted@05", "acted@01-08-01-02-01")
        assert all(full["classes"][clip.label] == clip.actual for clip in clips)
        assert label_files(full)

    def test_class_map_and_folds(self, tmp_path):
        _, clips = self.load(
            tmp_path,
            classes=["good", "bad"],
            class_map={"happy": "good", "sad": "bad", "contempt": "bad", "calm": None},
            keep_folds=True,
        )
        assert Counter(clip.actual for clip in clips) == {"good": 6, "bad": 9}
        assert {clip.fold for clip in clips} == {"1", "2", "3", "4", "5"}

    def test_a_subset_of_the_whole_and_of_its_parts(self, tmp_path):
        _, clips = self.load(tmp_path, subset=10)
        assert len(clips) == 10
        assert len({clip.clip_id.split("@")[0] for clip in clips}) == 2

    def test_nothing_in_common(self, tmp_path):
        with pytest.raises(ManifestError, match="acted: none of its classes"):
            self.load(tmp_path, classes=["contempt", "anxiety"])

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"datasets": ["a", "x"]}, r"datasets\[1\]: found 'x' \(text\), expected a key of"),
            (
                {"datasets": ["a", "demo"]},
                r"datasets\[1\]: found 'demo' \(text\) with adapter demo",
            ),
            ({"datasets": ["a"]}, "datasets: found"),
            ({"datasets": ["a", "b"], "class_map": {"calm": "x"}}, r"class_map\.calm: found 'x'"),
        ],
    )
    def test_its_configuration(self, options, words):
        member = {"adapter": "folders", "root": "/x"}
        datasets = {"a": member, "b": member, "demo": {"adapter": "demo"}}
        datasets["j"] = {"adapter": "joint", **options}
        with pytest.raises(ConfigError, match=words):
            check_config({"enabled": ["j"], "datasets": datasets})
