"""Java-SED: the file names say everything."""

from collections import Counter

import pytest

from facewave.splits.leaks import SplitClip
from facewave.splits.partition import LEAVE_ONE_SUBJECT_OUT, SplitOptions, assign_parts, fold_names
from tests.datasets import release_trees as trees
from tests.datasets.release_trees import problems, read


class TestJavaSed:
    def test_fields(self, tmp_path):
        clips = {c.clip_id: c for c in read("java_sed", trees.java_sed(tmp_path))}
        assert len(clips) == 12
        clip = clips["02-01-06_01"]
        assert (clip.actual, clip.subject, clip.take) == ("angry", "02", "01-06_01")
        assert "disgust" not in {clip.actual for clip in clips.values()}
        assert clips["01-01-05_01"].label == 5

    def test_no_clips(self, tmp_path):
        assert "01-03-04_02.mp4: no clip named like this" in problems("java_sed", tmp_path)
        assert "no such folder" in problems("java_sed", tmp_path / "none")

    def test_the_120_real_clips(self, real_clips):
        root = real_clips / "java_sed"
        if not root.is_dir():
            pytest.skip(f"no Java-SED clips in {root}")
        clips = read("java_sed", root)
        assert len(clips) == 120
        assert set(Counter(clip.actual for clip in clips).values()) == {20}
        labels = (root / "labels.csv").read_text(encoding="utf-8").splitlines()[1:]
        known = {line.split(",")[0]: line.split(",")[1:3] for line in labels}
        for clip in clips:
            assert known[clip.file_path.removeprefix(f"{root}/")] == [clip.actual, clip.subject]
        split = [SplitClip(c.clip_id, c.label, c.subject, take=c.take) for c in clips]
        for fold in fold_names(LEAVE_ONE_SUBJECT_OUT, {clip.subject for clip in clips}):
            options = SplitOptions(protocol=LEAVE_ONE_SUBJECT_OUT)
            parts = assign_parts(split, fold=fold, options=options)
            assert Counter(parts.values()) == {"train": 72, "val": 24, "test": 24}
