"""Splits as NumPy files of dicts."""

from dataclasses import replace

import numpy as np
import pytest

from facewave.splits.export_npy import export_npy
from tests.splits.split_dataset import Dataset


@pytest.fixture
def dataset(tmp_path):
    return Dataset(tmp_path)


class TestExportNpy:
    def test_array_of_dicts(self, dataset, tmp_path):
        split, target = dataset.write()["train"], tmp_path / "new" / "train.npy"
        assert export_npy(split, target) == 12
        rows = np.load(target, allow_pickle=True)
        assert rows.shape == (12,)
        for row, clip in zip(rows, [c for c in dataset.clips if c.video_idx % 5 < 3], strict=True):
            assert list(row) == ["clip_id", "file_path", "landmarks", "blendshapes"]
            assert row["clip_id"] == clip.clip_id
            assert row["file_path"] == clip.file_path
            for name, array in dataset.features[clip.clip_id].items():
                np.testing.assert_array_equal(row[name], array, strict=True)

    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_few_clips_stay_an_array_of_dicts(self, tmp_path, count):
        dataset = Dataset(tmp_path, count)
        export_npy(dataset.write()["train"], tmp_path / "a.npy")
        rows = np.load(tmp_path / "a.npy", allow_pickle=True)
        assert rows.shape == (count,)
        assert isinstance(rows[0], dict)

    def test_no_clip(self, dataset, tmp_path):
        dataset.clips = dataset.clips[:1]
        assert export_npy(dataset.write()["test"], tmp_path / "a.npy") == 0
        assert np.load(tmp_path / "a.npy", allow_pickle=True).shape == (0,)

    def test_segments_of_a_video_can_be_told_apart(self, dataset, tmp_path):
        dataset.clips = [
            replace(
                clip,
                file_path="talk.mp4",
                start_ms=100 * clip.video_idx,
                end_ms=100 * clip.video_idx + 100,
            )
            for clip in dataset.clips
        ]
        export_npy(dataset.write()["val"], tmp_path / "a.npy")
        rows = np.load(tmp_path / "a.npy", allow_pickle=True)
        assert {row["file_path"] for row in rows} == {"talk.mp4"}
        assert [(row["clip_id"], row["start_ms"], row["end_ms"]) for row in rows] == [
            ("c003", 300, 400),
            ("c008", 800, 900),
            ("c013", 1300, 1400),
            ("c018", 1800, 1900),
        ]
        export_npy(Dataset(tmp_path / "whole", 4).write()["val"], tmp_path / "b.npy")
        whole = np.load(tmp_path / "b.npy", allow_pickle=True)
        assert [sorted(row) for row in whole] == [
            ["blendshapes", "clip_id", "file_path", "landmarks"]
        ]

    def test_needs_pickle(self, dataset, tmp_path):
        export_npy(dataset.write()["val"], tmp_path / "a.npy")
        with pytest.raises(ValueError, match="allow_pickle=False"):
            np.load(tmp_path / "a.npy")
