"""The manifest file: written, read back, and the same as its schema says."""

import csv
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from facewave.config.schema import load_yaml
from facewave.datasets.build_clips import CLIP_ID
from facewave.datasets.load import load_clips
from facewave.manifest.clips import (
    COLUMNS,
    Clip,
    ManifestError,
    manifest_schema,
    read_manifest,
    write_manifest,
)

ROW_SCHEMA = load_yaml(Path(__file__).parents[2] / "schemas" / "manifest.schema.yaml")
CLASSES = ["neutral", "happy", "sad"]

texts = st.none() | st.text(
    st.characters(exclude_categories=["C", "Z"], include_characters=" \t,;\"'\n|"), min_size=1
).map(str.strip).filter(bool)
clip_fields = st.fixed_dictionaries(
    {
        "label_distribution": st.none()
        | st.lists(st.floats(0, 10, width=32), max_size=4).map(tuple),
        "subject": texts,
        "take": texts,
        "fold": texts,
        "split": st.sampled_from([None, "train", "val", "test"]),
        "text": texts,
        "fps_hint": st.none() | st.floats(0.01, 1000),
    }
)


def clips_of(fields):
    return [
        Clip(f"c{i}", f"videos/c{i}.mp4", i, i % 3, CLASSES[i % 3], **field)
        for i, field in enumerate(fields)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("manifest")


def written(clips, folder, **metadata):
    write_manifest(clips, folder / "m.parquet", folder / "m.csv", metadata=metadata)
    return folder / "m.parquet"


def test_parquet_and_json_schema_name_the_same_columns_and_types():
    kinds = {"string": pa.string(), "integer": pa.int32(), "number": pa.float64()}
    assert tuple(ROW_SCHEMA["required"]) == COLUMNS == tuple(manifest_schema().names)
    assert tuple(ROW_SCHEMA["properties"]) == COLUMNS
    for name, part in ROW_SCHEMA["properties"].items():
        types = [part["type"]] if isinstance(part["type"], str) else part["type"]
        field = manifest_schema().field(name)
        assert field.type == kinds.get(types[0], pa.list_(pa.float32())), name
        assert field.nullable == ("null" in types), name
        assert part["description"].strip()


def test_row_schema_is_valid_and_knows_clip_ids():
    Draft202012Validator.check_schema(ROW_SCHEMA)
    assert ROW_SCHEMA["properties"]["clip_id"]["pattern"] == f"^{CLIP_ID.pattern}$"


@settings(max_examples=30, deadline=None)
@given(st.lists(clip_fields, max_size=5))
def test_clips_come_back_as_they_were(folder, fields):
    clips = clips_of(fields)
    path = written(clips, folder)
    assert read_manifest(path) == clips
    for row in pq.read_table(path).to_pylist():
        Draft202012Validator(ROW_SCHEMA).validate(row)


@settings(max_examples=30, deadline=None)
@given(st.lists(clip_fields, min_size=1, max_size=5))
def test_the_csv_is_a_table_that_can_be_loaded(folder, fields):
    clips = clips_of([{**field, "label_distribution": None} for field in fields])
    written(clips, folder)
    options = {"adapter": "table", "root": str(folder), "table": "m.csv"}
    loaded = load_clips(
        "again", options, classes=CLASSES, seed=0, demo_root=folder, check_files=False
    )
    expected = [(f"{folder}/{clip.file_path}", clip) for clip in clips]
    for found, (path, clip) in zip(loaded, expected, strict=True):
        assert found.file_path == path
        for name in set(COLUMNS) - {"file_path"}:
            wanted = getattr(clip, name)
            if name in ("subject", "take", "fold", "source") and wanted is not None:
                wanted = normalize("NFC", wanted)
            assert getattr(found, name) == wanted, name


def test_csv_has_blanks_for_null_and_votes(folder):
    clip = Clip("a", "a.mp4", 0, 1, "happy", label_distribution=(np.float32(0.5), 1, 0))
    written([clip, Clip("b", "b.mp4", 1, 0, "neutral")], folder)
    with (folder / "m.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["label_distribution"] == "0.5 1.0 0.0"
    assert rows[1] == {
        **dict.fromkeys(COLUMNS, ""), "clip_id": "b", "file_path": "b.mp4", "video_idx": "1",
        "label": "0", "actual": "neutral",
    }  # fmt: skip


def test_same_clips_same_bytes(tmp_path):
    clips = clips_of([{}, {"text": "a"}])
    first = written(clips, tmp_path / "1", b="2", a="1")
    second = written(clips, tmp_path / "2", a="1", b="2")
    assert first.read_bytes() == second.read_bytes()
    assert first.with_suffix(".csv").read_bytes() == second.with_suffix(".csv").read_bytes()


def test_metadata_comes_back(folder):
    path = written([], folder, classes='["neutral"]', dataset="démo")
    metadata = pq.read_schema(path).metadata
    assert metadata == {b"classes": b'["neutral"]', b"dataset": "démo".encode()}
    assert read_manifest(path) == []


def test_targets_and_what_holds_for_the_moment_are_not_written(folder):
    scored = {"targets": (("valence", 1.5),)}
    clip = Clip("a", "a.mp4", 0, 1, "happy", **scored, fingerprint="f", missing=True)
    path = written([clip], folder)
    assert pq.read_schema(path).names == list(COLUMNS)
    assert read_manifest(path) == [Clip("a", "a.mp4", 0, 1, "happy")]


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = written(clips_of([{}]), tmp_path)
    before = path.read_bytes()
    broken = Clip("a", "a.mp4", 0, None, "happy")
    with pytest.raises((pa.ArrowException, ValueError)):
        written([broken, Clip("b", "b.mp4", "x", 0, "happy")], tmp_path)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.csv", "m.parquet"]


def test_reading_says_what_is_wrong(tmp_path):
    path = tmp_path / "m.parquet"
    with pytest.raises(ManifestError, match="No such file"):
        read_manifest(path)
    path.write_bytes(b"PAR1 but no more")
    with pytest.raises(ManifestError, match=r"m\.parquet: 1 problem"):
        read_manifest(path)
    pq.write_table(pa.table({"clip_id": ["a"]}), path)
    with pytest.raises(ManifestError, match="found the columns clip_id, expected clip_id, file"):
        read_manifest(path)
    pq.write_table(pa.table({name: ["a"] for name in COLUMNS}), path)
    with pytest.raises(ManifestError, match="found the types"):
        read_manifest(path)


def test_the_message_shows_a_hundred_problems():
    error = ManifestError("x", [f"row {i}" for i in range(1234)], advice="Mend it.")
    lines = str(error).splitlines()
    assert lines[0] == "x: 1,234 problems"
    assert len(lines) == 103
    assert lines[-2:] == ["  and 1,134 more", "Mend it."]
    assert len(error.problems) == 1234
