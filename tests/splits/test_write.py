"""The Parquet files of a split: what is in the store is what models read."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facewave.face.channels import VIDEO, Channels
from facewave.features.encode_bucket import FEATURE_COLUMNS
from facewave.splits import write as module
from facewave.splits.read import read_split
from facewave.splits.write import (
    SplitBuildError,
    channels_of,
    iter_split_rows,
    read_feature_indexes,
)
from facewave.storage.atomic import write_text
from facewave.storage.store import DroppedIndexError, shard_path
from facewave.storage.tables import format_rows
from facewave.versions import SPLIT_VERSION
from tests.splits.split_dataset import CLASSES, SHAPES, Dataset


@pytest.fixture
def dataset(tmp_path):
    return Dataset(tmp_path)


def digest(path):
    return json.loads(pq.read_schema(path).metadata[b"facewave"])["data_sha256"]


class TestContent:
    def test_read_back_equals_the_store(self, dataset):
        outputs, parts = dataset.write(), dataset.parts()
        seen = []
        for part, path in outputs.items():
            for row in iter_split_rows(path):
                seen.append(row["clip_id"])
                assert parts[row["clip_id"]] == part
                for name, array in dataset.features[row["clip_id"]].items():
                    np.testing.assert_array_equal(row[name], array, strict=True)
        assert sorted(seen) == [clip.clip_id for clip in dataset.clips]

    def test_the_reader_of_models_agrees(self, dataset):
        outputs = dataset.write()
        table = read_split(outputs["train"], groups=list(SHAPES))
        clips = [c for c in dataset.clips if dataset.parts()[c.clip_id] == "train"]
        assert table.clip_ids == [clip.clip_id for clip in clips]
        assert table.labels.tolist() == [clip.label for clip in clips]
        assert table.valid.tolist() == [dataset.index[c.clip_id]["valid"] == "true" for c in clips]
        for name in SHAPES:
            expected = [dataset.features[clip.clip_id][name].ravel() for clip in clips]
            np.testing.assert_array_equal(table.groups[name], expected)
        assert (table.classes, table.shapes) == (tuple(CLASSES), SHAPES)

    def test_votes_become_shares(self, dataset):
        votes = {"c000": (6.0, 4.0), "c001": None, "c002": (0.5, 0.0), "c005": (0.0, 0.0)}
        dataset.clips = [
            replace(clip, label_distribution=votes.get(clip.clip_id)) for clip in dataset.clips
        ]
        path = dataset.write()["train"]
        kind = pq.read_schema(path).field("label_distribution")
        assert (kind.type, kind.nullable) == (pa.list_(pa.float32()), True)
        found = {row["clip_id"]: row["label_distribution"] for row in iter_split_rows(path)}
        assert found["c000"] == pytest.approx([0.6, 0.4])
        assert found["c002"] == [1.0, 0.0]
        assert [found[clip] for clip in ("c001", "c005", "c006")] == [None] * 3
        shares = read_split(path, groups=()).label_distributions
        np.testing.assert_allclose(shares[0], [0.6, 0.4], rtol=1e-6)
        assert np.isnan(shares[1]).all()

    def test_columns_of_a_row(self, dataset):
        row = next(iter_split_rows(dataset.write()["val"]))
        clip = dataset.clips[3]
        for name in (
            "clip_id",
            "file_path",
            "video_idx",
            "label",
            "actual",
            "subject",
            "take",
            "text",
        ):
            assert row[name] == getattr(clip, name)
        assert (row["valid"], row["reason"], row["feature_key"]) == (True, "", "03key")
        assert (row["frames"], row["detected"], row["longest_gap"]) == (30, 29, 1)
        assert row["detection_ratio"] == np.float32(29 / 30)
        assert (row["jitter"], row["mean_abs_yaw"]) == (0.25, 3.5)

    def test_an_invalid_clip_is_zeros_with_its_reason(self, dataset):
        rows = list(iter_split_rows(dataset.write()["test"]))
        assert [row["valid"] for row in rows] == [False] * 4
        for row in rows:
            assert row["reason"] == "no face in any of 30 frames"
            assert (row["jitter"], row["mean_abs_yaw"]) == (None, None)
            for name, shape in SHAPES.items():
                np.testing.assert_array_equal(row[name], np.zeros(shape, np.float32), strict=True)

    def test_a_clip_without_a_trajectory_needs_no_shard(self, dataset):
        shard_path(dataset.store, "features", dataset.index["c004"]["key"]).unlink()
        dataset.index["c004"]["key"] = ""
        assert next(iter_split_rows(dataset.write()["test"]))["feature_key"] == ""

    def test_schema(self, dataset):
        schema = pq.read_schema(dataset.write()["train"])
        # Raise SPLIT_VERSION when these change: existing splits are then made anew.
        assert SPLIT_VERSION == 3
        assert schema.names == [
            *("clip_id", "file_path", "video_idx", "label", "actual", "subject", "take", "source"),
            *("text", "start_ms", "end_ms", "label_distribution", "valid", "reason", "frames"),
            *("detected", "detection_ratio", "longest_gap", "jitter", "mean_abs_yaw"),
            *("feature_key", "landmarks", "blendshapes"),
        ]
        assert schema.field("landmarks").type == pa.list_(pa.float32(), 30)
        assert schema.field("blendshapes").type == pa.list_(pa.float32(), 8)
        assert schema.field("label").type == pa.int32()
        assert schema.field("valid").type == pa.bool_()
        assert not schema.field("clip_id").nullable
        assert schema.field("subject").nullable

    def test_metadata(self, dataset):
        path = dataset.write(features={"wavelet": {"layout": "segments"}}, fold=None)["train"]
        metadata = json.loads(pq.read_schema(path).metadata[b"facewave"])
        assert metadata.pop("data_sha256") == digest(path)
        assert metadata == {
            "classes": CLASSES,
            "shapes": {"landmarks": [2, 5, 3], "blendshapes": [2, 4]},
            "features": {"wavelet": {"layout": "segments"}},
            "fold": None,
        }

    def test_the_same_gives_the_same_bytes(self, dataset):
        first, second = dataset.write("one"), dataset.write("two")
        for part, path in first.items():
            assert path.read_bytes() == second[part].read_bytes()


class TestRowGroups:
    def sizes(self, path):
        with pq.ParquetFile(path) as file:
            groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
            assert {g.column(0).compression for g in groups} == {"ZSTD"}
            return [group.num_rows for group in groups]

    def test_by_number_of_clips(self, dataset, monkeypatch):
        monkeypatch.setattr(module, "_ROW_GROUP_CLIPS", 5)
        outputs = dataset.write()
        assert self.sizes(outputs["train"]) == [5, 5, 2]
        assert self.sizes(outputs["val"]) == [4]

    @pytest.mark.parametrize(("size", "expected"), [(4 * 38 * 4, [4, 4, 4]), (1, [1] * 12)])
    def test_by_bytes(self, dataset, monkeypatch, size, expected):
        monkeypatch.setattr(module, "_ROW_GROUP_BYTES", size)
        assert self.sizes(dataset.write()["train"]) == expected

    def test_no_more_clips_than_a_row_group_are_held(self, tmp_path, monkeypatch):
        dataset, held = Dataset(tmp_path, 60), []
        monkeypatch.setattr(module, "_ROW_GROUP_CLIPS", 4)
        flush = module._PartWriter.flush

        def counting(writer):
            held.append(max(len(writer.rows), *map(len, writer.arrays.values()), 0))
            flush(writer)
            assert not writer.rows
            assert not writer.arrays

        monkeypatch.setattr(module._PartWriter, "flush", counting)
        outputs = dataset.write()
        assert max(held) == 4
        rows = [row for path in outputs.values() for row in iter_split_rows(path, batch_clips=7)]
        assert len(rows) == 60
        for row in rows:
            expected = dataset.features[row["clip_id"]]["landmarks"]
            np.testing.assert_array_equal(row["landmarks"], expected)

    def test_a_part_without_clips(self, dataset):
        dataset.clips = dataset.clips[:3]
        outputs = dataset.write()
        assert list(iter_split_rows(outputs["test"])) == []
        assert len(read_split(outputs["test"], groups=list(SHAPES))) == 0


class TestDigest:
    def test_tells_what_changed(self, dataset):
        before = {part: digest(path) for part, path in dataset.write().items()}
        dataset.clips[3] = replace(dataset.clips[3], label=0)
        relabelled = {part: digest(path) for part, path in dataset.write().items()}
        assert {p for p in before if before[p] != relabelled[p]} == {"val"}
        dataset.index["c004"]["key"] = "other"
        recoded = {part: digest(path) for part, path in dataset.write().items()}
        assert {p for p in before if recoded[p] != relabelled[p]} == {"test"}

    def test_does_not_depend_on_where_the_files_lie(self, dataset):
        before = digest(dataset.write()["train"])
        dataset.clips = [replace(clip, file_path=f"/x/{clip.clip_id}") for clip in dataset.clips]
        assert digest(dataset.write()["train"]) == before

    def test_of_a_clip_that_went_to_another_part(self, dataset, monkeypatch):
        before = {part: digest(path) for part, path in dataset.write().items()}
        parts = {**dataset.parts(), "c000": "val"}
        monkeypatch.setattr(dataset, "parts", lambda: parts)
        after = {part: digest(path) for part, path in dataset.write().items()}
        assert {part for part in before if before[part] != after[part]} == {"train", "val"}


class TestDamage:
    @pytest.mark.parametrize("damage", ["cut", "gone"])
    def test_a_damaged_shard_drops_its_index_alone(self, dataset, damage):
        shard = shard_path(dataset.store, "features", "07key")
        indexes = [dataset.folder / f"{number}.tsv" for number in range(2)]
        for index in indexes:
            index.touch()
        if damage == "gone":
            shard.unlink()
        else:
            shard.write_bytes(shard.read_bytes()[:-60])
        with pytest.raises(DroppedIndexError, match=r"clip c007: .*07key.*same command again"):
            dataset.write()
        assert [index.exists() for index in indexes] == [True, False]
        assert list((dataset.folder / "splits").iterdir()) == []
        # Another fold's job meets the same damage.
        with pytest.raises(DroppedIndexError, match="clip c007"):
            dataset.write("fold-2")

    def test_an_error_keeps_the_earlier_files(self, dataset):
        before = {part: path.read_bytes() for part, path in dataset.write().items()}
        shard_path(dataset.store, "features", "12key").unlink()
        with pytest.raises(DroppedIndexError):
            dataset.write()
        folder = dataset.folder / "splits"
        assert {path.stem: path.read_bytes() for path in folder.iterdir()} == before

    def test_a_clip_that_is_in_no_index(self, dataset):
        for name in ("c001", "c002"):
            del dataset.index[name]
        message = r"2 clips of the manifest have no features \(c001, c002\); .*--forcerun track"
        with pytest.raises(SplitBuildError, match=message):
            dataset.write()
        assert not (dataset.folder / "splits").exists()


def test_indexes_of_all_buckets(dataset):
    rows = list(dataset.index.values())
    paths = [dataset.folder / "0.tsv", dataset.folder / "1.tsv"]
    for path, part in zip(paths, (rows[::2], rows[1::2]), strict=True):
        write_text(path, format_rows(FEATURE_COLUMNS, part))
    assert read_feature_indexes(paths) == dataset.index
    paths[1].unlink()
    with pytest.raises(DroppedIndexError, match=r"1\.tsv: no such index"):
        read_feature_indexes(paths)


def test_channels_are_those_of_all_clips(dataset):
    assert channels_of(dataset.index) == Channels("dlib_68", 2, False)
    assert channels_of({}) == VIDEO
    # A clip without a trajectory has no kind.
    dataset.index["c003"] = {**dataset.index["c003"], "key": "", "channels": ""}
    assert channels_of(dataset.index) == Channels("dlib_68", 2, False)
    dataset.index["c002"] = {**dataset.index["c002"], "channels": str(VIDEO)}
    with pytest.raises(SplitBuildError, match=r"18 clips such as c000; .*1 clips such as c002"):
        channels_of(dataset.index)
