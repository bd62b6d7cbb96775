"""CREMA-D: file names and a table of votes."""

import pytest

from facewave.datasets.adapters.crema_d import SENTENCES
from tests.datasets import release_trees as trees
from tests.datasets.release_trees import notes, problems, put, read


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
