"""RAVDESS, CREMA-D, Java-SED: the file names say everything."""

from collections import Counter

import pytest

from facewave.datasets.adapters.crema_d import SENTENCES
from facewave.splits.leaks import SplitClip
from facewave.splits.partition import LEAVE_ONE_SUBJECT_OUT, SplitOptions, assign_parts, fold_names
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


class TestCremaD:
    def test_fields(self, tmp_path):
        clips = {c.clip_id: c for c in read("crema_d", trees.crema_d(tmp_path))}
        assert len(clips) == 4 * 12
        clip = clips["1019_IEO_HAP_HI"]
        assert (clip.actual, clip.subject, clip.take) == ("happy", "1019", "IEO_HAP_HI")
        assert clip.text == SENTENCES["IEO"]
        assert clip.file_path == f"{tmp_path}/VideoFlash/1019_IEO_HAP_HI.flv"
        folds = {clip.subject: clip.fold for clip in clips.values()}
        assert folds == {"1001": "1", "1018": "1", "1019": "2", "1091": "5"}

    @pytest.mark.parametrize(("votes", "angry"), [("voice", 1), ("face", 2), ("both", 3)])
    def test_votes(self, tmp_path, votes, angry):
        clips = read("crema_d", trees.crema_d(tmp_path), votes=votes)
        # neutral, happy, sad, angry, disgust, fear
        assert clips[0].label_distribution == (0, 10 - angry, 0, angry, 0, 0)

    def test_without_votes(self, tmp_path, caplog):
        trees.crema_d(tmp_path, votes=False)
        assert {clip.label_distribution for clip in read("crema_d", tmp_path)} == {None}
        assert "tabulatedVotes.csv is missing" in notes(caplog, "crema_d", tmp_path)
        assert "tabulatedVotes" not in notes(caplog, "crema_d", tmp_path, votes="none")

    def test_two_containers_of_a_clip(self, tmp_path, caplog):
        trees.crema_d(tmp_path)
        trees.crema_d(tmp_path, suffix="mp4")
        assert "48 clips that are there twice" in notes(caplog, "crema_d", tmp_path)

    def test_no_clips_and_a_pointer_of_git_lfs(self, tmp_path):
        assert "1001_DFA_ANG_XX.flv: no clip named like" in problems("crema_d", tmp_path)
        trees.crema_d(tmp_path, votes=False)
        pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
        put(tmp_path / "processedResults" / "tabulatedVotes.csv", pointer)
        assert "it is a Git LFS pointer" in problems("crema_d", tmp_path)


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
