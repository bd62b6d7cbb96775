"""Train on some datasets, test on another: classes in common, and what is left out."""

import pytest

from facewave.datasets.joint import Member
from facewave.manifest.clips import Clip
from facewave.splits.cross_dataset import common_classes, cross_split, look_alikes
from facewave.splits.partition import SplitError, SplitOptions

OPTIONS = SplitOptions(val_fraction=0.25, seed=1)


def member(classes, labels, *, subjects=4):
    clips = [
        Clip(f"{i:02}", f"v/{i}.mp4", i, label, classes[label], subject=f"s{i % subjects}")
        for i, label in enumerate(labels)
    ]
    return Member(classes, clips)


A = member(["happiness", "sadness", "contempt", "calm"], [0, 1, 2, 3] * 6)
B = member(["calm", "sad", "happy", "fear"], [0, 1, 2] * 4)


def split(train=A, **options):
    return cross_split({"a": train}, ("b", B), options=OPTIONS, **options)


def test_the_classes_of_both_sides_in_the_words_of_the_tested_one():
    found = split()
    assert found.classes == ["calm", "sad", "happy"]
    named = {clip.clip_id: clip.actual for clip in found.clips}
    assert (named["02"], named["a@00"]) == ("happy", "happy")
    for clip in found.clips:
        assert found.classes[clip.label] == clip.actual
    assert [clip.video_idx for clip in found.clips] == list(range(len(found.clips)))


def test_every_clip_is_in_one_part_or_counted():
    found = split()
    tested = [c for c, part in found.parts.items() if part == "test"]
    assert tested == [clip.clip_id for clip in B.clips]
    assert {c for c, part in found.parts.items() if part != "test"} == {
        f"a@{clip.clip_id}" for clip in A.clips if clip.actual != "contempt"
    }
    assert found.left_out == {"a": {"class contempt": 6}, "b": {}}


def test_validation_clips_are_of_other_people_than_training_clips():
    found = split()
    people = {
        part: {c.subject for c in found.clips if found.parts[c.clip_id] == part}
        for part in ("train", "val", "test")
    }
    assert people["train"]
    assert people["val"]
    assert not people["train"] & people["val"]
    assert all(name.startswith("a@") for name in people["train"] | people["val"])
    assert people["test"] == {"s0", "s1", "s2", "s3"}


def test_a_class_map_for_both_sides():
    found = split(class_map={"calm": None, "contempt": "fear", "sad": "low", "sadness": "low"})
    assert found.classes == ["low", "happy"]
    assert found.left_out == {
        "a": {"class contempt": 6, "class calm": 6},
        "b": {"class calm": 4},
    }


def test_clips_that_both_sides_show_are_not_trained_on():
    contents = {"a@00": "x", "03": "x", "a@04": "y", "a@08": "y"}
    found = split(alike={"a@01"}, contents=contents)
    assert not {"a@00", "a@01"} & set(found.parts)
    assert {"a@04", "a@08", "03"} <= set(found.parts)
    assert found.left_out["a"] == {
        "class contempt": 6,
        "looks like a test clip": 1,
        "bytes of a test clip": 1,
    }


def test_too_few_classes_in_common():
    other = member(["joy", "anger"], [0, 1] * 4)
    with pytest.raises(SplitError, match=r"a and b have 1 classes .*map .* split\.class_map"):
        split(other)


def test_a_class_without_clips_is_none_in_common():
    assert common_classes(B, [A], {}) == ["calm", "sad", "happy"]
    assert common_classes(A, [B], {}) == ["happiness", "sadness", "calm"]


def test_look_alikes_of_the_tested_dataset():
    rows = [
        {"dataset_a": "a", "clip_a": "1", "dataset_b": "b", "clip_b": "2"},
        {"dataset_a": "b", "clip_a": "3", "dataset_b": "c", "clip_b": "4"},
        {"dataset_a": "a", "clip_a": "5", "dataset_b": "c", "clip_b": "6"},
    ]
    assert look_alikes(rows, train=["a", "c"], test="b") == {"a@1", "c@4"}
    assert look_alikes(rows, train=["b"], test="c") == {"b@3"}
