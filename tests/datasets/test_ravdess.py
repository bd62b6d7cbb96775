"""RAVDESS: the file names say everything."""

from collections import Counter

import pytest

from tests.datasets import release_trees as trees
from tests.datasets.release_trees import notes, problems, put, read


class TestRavdess:
    def test_fields(self, tmp_path):
        clips = {c.clip_id: c for c in read("ravdess", trees.ravdess(tmp_path))}
        assert len(clips) == 3 * 8
        clip = clips["01-01-06-01-02-01-05"]
        assert (clip.actual, clip.subject, clip.fold) == ("fear", "05", "2")
        assert clip.take == "01-06-01-02-01"
        assert clip.text == "Dogs are sitting by the door"
        assert {clips[f"01-01-03-01-02-01-{actor:02d}"].fold for actor in (1, 2)} == {"1"}

    def test_sound_and_pictures_of_one_take_share_it(self, tmp_path):
        clips = read("ravdess", trees.ravdess(tmp_path), modality="both")
        assert len(clips) == 2 * 3 * 8
        assert set(Counter((c.subject, c.take) for c in clips).values()) == {2}

    def test_modality(self, tmp_path, caplog):
        trees.ravdess(tmp_path)
        (tmp_path / "Video_Speech_Actor_01/Actor_01/01-01-01-01-02-01-01.mp4").unlink()
        one = {clip.clip_id for clip in read("ravdess", tmp_path)}
        assert len(one) == 24
        assert {name for name in one if name.startswith("02")} == {"02-01-01-01-02-01-01"}
        assert len(read("ravdess", tmp_path, modality="av")) == 23
        assert len(read("ravdess", tmp_path, modality="video_only")) == 24
        assert "23 clips without sound, of takes that are there" in notes(
            caplog, "ravdess", tmp_path
        )

    def test_song_and_sound_alone(self, tmp_path, caplog):
        trees.ravdess(tmp_path, actors=(3,), channels=("01", "02"), modalities=("01", "03"))
        assert len(read("ravdess", tmp_path)) == 8
        assert len(read("ravdess", tmp_path, vocal="song")) == 8
        assert len(read("ravdess", tmp_path, vocal="both")) == 16
        assert "16 clips of modality 03: sound without" in notes(caplog, "ravdess", tmp_path)

    def test_seven_classes_leave_calm_out_or_merge_it(self, tmp_path):
        trees.ravdess(tmp_path)
        seven = Counter(clip.actual for clip in read("ravdess", tmp_path, classes_preset=7))
        assert "calm" not in seven
        merged = read("ravdess", tmp_path, classes_preset=7, class_map={"calm": "neutral"})
        assert Counter(clip.actual for clip in merged) == seven + Counter(neutral=3)

    def test_a_second_copy_is_left_out(self, tmp_path, caplog):
        trees.ravdess(tmp_path, actors=(1,))
        trees.ravdess(tmp_path / "copy", actors=(1,))
        assert "8 clips that are there twice" in notes(caplog, "ravdess", tmp_path)

    def test_nothing_to_use(self, tmp_path):
        put(tmp_path / "x.mp4")
        assert "found 0 clips named like 01-01-03-02-01-01-12.mp4" in problems("ravdess", tmp_path)
        put(tmp_path / "02-02-01-01-02-01-01.mp4")
        assert "found 1 clips" in problems("ravdess", tmp_path)

    def test_the_six_real_files(self, real_clips):
        root = real_clips / "ravdess"
        if not root.is_dir():
            pytest.skip(f"no RAVDESS clips in {root}")
        both = read("ravdess", root, modality="both")
        assert len(both) == 6
        takes = Counter(clip.take for clip in both)
        assert sorted(takes.values()) == [1, 1, 1, 1, 2]
        assert len(read("ravdess", root)) == 5
