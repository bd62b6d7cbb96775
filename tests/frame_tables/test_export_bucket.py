"""Tables of frames of a bucket: what is written, what is kept, what is removed."""

import json

import numpy as np
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

from facewave.frame_tables.export_bucket import FRAME_COLUMNS, export_bucket, list_frames
from facewave.frame_tables.options import FrameTableOptions
from facewave.storage.atomic import write_text
from facewave.storage.store import DroppedIndexError, shard_path
from facewave.storage.tables import format_rows, iter_rows
from facewave.tracking.track_index import TRACK_COLUMNS
from tests.frame_tables.posed_face import in_space, landmarks, write_faces
from tests.tracking.track_shards import write_people_shard

KEYS = {"a": "aa" * 32, "b": "bb" * 32}


class Bucket:
    """A bucket of clips of six frames; in the third is no face."""

    def __init__(self, folder):
        self.folder, self.store = folder, folder / "store"
        places = [(0, 0, 600 + 10 * n) for n in range(6)]
        faces = [landmarks(in_space(np.zeros(3), np.array(p, float))) for p in places]
        found = np.arange(6) != 2
        for key in KEYS.values():
            write_faces(shard_path(self.store, "tracks", key), faces, detected=found)
        self.index({"a": {}, "b": {}})

    def index(self, clips, *, name="0000"):
        rows = [
            dict.fromkeys(TRACK_COLUMNS, "") | {"clip_id": c, "key": KEYS.get(c, "")} | more
            for c, more in clips.items()
        ]
        write_text(self.folder / f"tracks/{name}.tsv", format_rows(TRACK_COLUMNS, rows))

    def export(self, *, name="0000", **options):
        export_bucket(
            self.folder / f"tracks/{name}.tsv",
            index=self.folder / f"frames/{name}.tsv",
            folder=self.folder / "frames",
            store=self.store,
            options=FrameTableOptions(**options),
        )
        rows = iter_rows(self.folder / f"frames/{name}.tsv", FRAME_COLUMNS)
        return {row["clip_id"]: row for row in rows}

    def files(self):
        found = (self.folder / "frames").iterdir()
        return {p.name: p.stat().st_mtime_ns for p in found if p.suffix not in (".tsv", ".journal")}

    def list(self):
        indexes = sorted((self.folder / "frames").glob("*.tsv"))
        return list_frames(indexes, self.folder / "frames.csv", folder=self.folder / "frames")


@pytest.fixture
def bucket(tmp_path):
    return Bucket(tmp_path)


def test_a_row_per_frame_under_the_name_of_the_clip(bucket):
    rows = bucket.export(points="pixels")
    assert rows["a"]["file"] == "a.csv"
    assert (rows["a"]["frames"], rows["a"]["detected"], rows["a"]["reason"]) == ("6", "5", "")
    text = (bucket.folder / "frames/a.csv").read_text().splitlines()
    assert text[0].startswith("frame,time,detected,face_count,eye_distance,jitter,width,height,yaw")
    assert text[3].startswith("2,0.08,0,0,,,640,480,,")
    table = pc.read_csv(bucket.folder / "frames/a.csv")
    assert table.num_rows == 6
    assert table["time"].to_pylist() == [0.0, 0.04, 0.08, 0.12, 0.16, 0.2]
    clip = landmarks(in_space(np.zeros(3), np.array([0.0, 0.0, 610.0])))
    points = [[table[f"{axis}_{n}_px"][1].as_py() for axis in "xyz"] for n in (0, 300)]
    np.testing.assert_allclose(points, clip[[0, 300]] * [640, 480, 640], rtol=1e-6)
    assert table["blink"].to_pylist() == [0] * 6


def test_only_missing_and_stale_tables_are_written(bucket):
    bucket.export()
    before = bucket.files()
    bucket.export()
    assert bucket.files() == before
    (bucket.folder / "frames/b.csv").write_text("mine")
    again = bucket.export()
    assert bucket.files()["a.csv"] == before["a.csv"]
    assert (bucket.folder / "frames/b.csv").read_text().count("\n") == 7
    assert again["b"]["frames"] == "6"
    # Another trajectory, and a clip that became a segment.
    bucket.index({"a": {"key": KEYS["b"]}, "b": {"start_ms": "40", "end_ms": "160"}})
    rows = bucket.export()
    assert bucket.files()["a.csv"] != before["a.csv"]
    assert rows["b"]["frames"] == "3"
    table = pc.read_csv(bucket.folder / "frames/b.csv")
    assert table["time"].to_pylist() == [0.04, 0.08, 0.12]


class TestEverybody:
    @pytest.fixture
    def crowd(self, bucket):
        """Clip `a`: person 1 is seen from the first to the last but for a gap, 0 in the middle."""
        seen = np.ones((3, 50), bool)
        seen[0, :10] = seen[0, 30:] = False
        seen[1, 40:45] = False
        seen[2] = np.arange(50) == 5
        boxes = [(0.4, 0.4, 0.6, 0.6), (0.7, 0.4, 0.9, 0.6), (0, 0, 0.1, 0.1)]
        shard = shard_path(bucket.store, "tracks", KEYS["a"])
        write_people_shard(shard, seen, boxes, lively=(0, 1, 2))
        return bucket

    def test_one_after_the_other_and_no_ghost(self, crowd):
        rows = crowd.export(people="all")
        assert (rows["a"]["people"], rows["b"]["people"]) == ("2", "1")
        assert (rows["a"]["frames"], rows["a"]["detected"]) == ("50", "45")
        table = pc.read_csv(crowd.folder / "frames/a.csv")
        assert table.column_names[:3] == ["person", "frame", "time"]
        assert table["person"].to_pylist() == [0] * 20 + [1] * 50
        assert table["frame"].to_pylist() == [*range(10, 30), *range(50)]
        assert table["time"].to_pylist() == [40 * f / 1000 for f in table["frame"].to_pylist()]
        assert sum(table["detected"].to_pylist()) == 20 + 45

    def test_the_one_who_is_followed_has_the_same_numbers(self, crowd):
        crowd.export(people="all")
        every = (crowd.folder / "frames/a.csv").read_text().splitlines()
        crowd.export()
        primary = (crowd.folder / "frames/a.csv").read_text().splitlines()
        assert ["person," + primary[0], *("1," + line for line in primary[1:])] == [
            every[0],
            *(line for line in every if line.startswith("1,")),
        ]

    def test_a_span_counts_from_its_beginning(self, crowd):
        crowd.index({"a": {"start_ms": "800", "end_ms": "1400"}})
        rows = crowd.export(people="all")
        assert rows["a"]["frames"] == "15"
        table = pc.read_csv(crowd.folder / "frames/a.csv")
        assert table["frame"].to_pylist() == [*range(10), *range(15)]
        assert table["time"][0].as_py() == 0.8

    def test_openface_names_them_face_id(self, crowd):
        crowd.export(people="all", format="openface")
        table = pc.read_csv(crowd.folder / "frames/a.csv")
        assert table["face_id"].to_pylist() == [0] * 20 + [1] * 50
        assert table["frame"][0].as_py() == 11
        assert "person" not in table.column_names

    def test_nobody(self, crowd):
        crowd.index({"a": {"start_ms": "1600", "end_ms": "1720"}})
        rows = crowd.export(people="all")
        assert (rows["a"]["people"], rows["a"]["frames"]) == ("0", "3")
        table = pc.read_csv(crowd.folder / "frames/a.csv")
        assert table["person"].to_pylist() == [-1] * 3


def test_a_killed_job_goes_on_at_the_clip(bucket, monkeypatch):
    bucket.export()
    before = bucket.files()
    (bucket.folder / "frames/0000.tsv").unlink()  # as Snakemake does before a job
    journal = bucket.folder / "frames/0000.journal"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text(lines[0] + lines[1][:20])
    bucket.export()
    assert bucket.files()["a.csv"] == before["a.csv"]
    assert bucket.files()["b.csv"] != before["b.csv"]


def test_tables_of_clips_that_are_gone_are_removed(bucket):
    bucket.export()
    (bucket.folder / "frames/notes.txt").write_text("mine")
    assert bucket.list() == 2
    bucket.index({"a": {}, "lost": {"error": "it is not a video file"}})
    rows = bucket.export(format="parquet")
    assert rows["lost"]["reason"] == "it is not a video file"
    assert bucket.list() == 1
    assert sorted(bucket.files()) == ["a.parquet", "notes.txt"]
    assert (bucket.folder / "frames.csv").read_text().splitlines() == [
        "clip_id,file,people,frames,detected,blinks,reason",
        "a,a.parquet,1,6,5,0,",
        "lost,,,,,,it is not a video file",
    ]


def test_a_clip_in_another_bucket_keeps_its_table(bucket):
    bucket.export()
    bucket.index({"a": {}})
    bucket.index({"b": {}}, name="0001")
    bucket.export()
    bucket.export(name="0001")
    assert bucket.list() == 2
    assert sorted(bucket.files()) == ["a.csv", "b.csv"]


def test_parquet_and_csv_hold_the_same(bucket):
    bucket.export(points="aligned")
    csv = pc.read_csv(bucket.folder / "frames/a.csv")
    bucket.export(points="aligned", format="parquet")
    parquet = pq.read_table(bucket.folder / "frames/a.parquet")
    assert parquet.column_names == csv.column_names
    assert parquet["yaw"].null_count == csv["yaw"].null_count == 1
    for name in ("yaw", "head_z", "X_17", "Z_467", "eye_openness_left"):
        one = np.array(csv[name].to_pylist(), float).astype(np.float32)
        np.testing.assert_array_equal(one, np.array(parquet[name].to_pylist(), np.float32))
    about = json.loads(parquet.schema.metadata[b"facewave"])
    assert (about["clip_id"], about["aligned_by"], about["width"]) == ("a", "transform", 640)


def test_a_damaged_trajectory_drops_its_index(bucket):
    shard_path(bucket.store, "tracks", KEYS["b"]).write_bytes(b"")
    with pytest.raises(DroppedIndexError, match="clip b"):
        bucket.export()
    assert not (bucket.folder / "tracks/0000.tsv").exists()
    assert list(bucket.files()) == ["a.csv"]
