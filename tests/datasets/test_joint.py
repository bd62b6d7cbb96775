"""Several datasets as one."""

from collections import Counter

import pytest

from facewave.config.check import check_config, dataset_config
from facewave.config.errors import ConfigError
from facewave.datasets.joint import Member, join_clips
from facewave.datasets.load import load_clips
from facewave.manifest.clips import Clip, ManifestError
from tests.datasets import release_trees as trees


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

    def test_members_without_labels(self):
        clips = [Clip("a", "a.mp4", 0, None, None), Clip("b", "b.mp4", 1, 1, "happiness")]
        joined = join_clips({"m": Member(["sad", "happiness"], clips)}, classes=["happy", "sad"])
        assert [(clip.clip_id, clip.label, clip.actual) for clip in joined] == [
            ("m@a", None, None), ("m@b", 0, "happy"),
        ]  # fmt: skip

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
