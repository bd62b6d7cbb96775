"""Packs: written from a store, read elsewhere."""

import json
import subprocess
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from facewave.datasets.load import load_clips
from facewave.landmark_tables.options import TrackTable
from facewave.landmark_tables.read import LandmarkTable
from facewave.manifest.clips import Clip, ManifestError, write_manifest
from facewave.packing.write import pack_salt, write_pack
from facewave.storage.buckets import KeyRow, key_file_text
from facewave.storage.packs import PackedTrack
from facewave.storage.store import read_shard, shard_path, write_shard
from facewave.storage.tables import iter_rows
from facewave.tracking.landmarker import LandmarkerOptions
from facewave.tracking.track_bucket import TrackOptions, track_bucket
from facewave.tracking.track_index import TRACK_COLUMNS
from facewave.tracking.track_table import write_table_track
from tests.landmark_tables.tracker_tables import OPENFACE_UNITS, faces_68, openface_text

CLASSES = ["happy", "sad"]
KEYS = ["a" * 64, "b" * 64]


@pytest.fixture
def made(tmp_path):
    """A store with two trajectories, the manifest of three clips and the index of two."""
    work = tmp_path / "made"
    work.mkdir()
    for number, key in enumerate(KEYS):
        flat, space = faces_68(12, seed=number)
        units = np.ones(len(OPENFACE_UNITS))
        rows = [(i + 1, 0, i / 25, 0.98, 1, flat[i], space[i], units) for i in range(12)]
        table = work / f"{number}.csv"
        table.write_text(openface_text(rows))
        shard = shard_path(work / "store", "tracks", key)
        options = TrackTable(size=(640, 480))
        read = LandmarkTable(table, options).rows(None)
        write_table_track(
            read,
            shard,
            options=options,
            fps=25.0,
            provenance={"content_sha256": "secret video", "table": {"clip": "anna"}},
        )
        arrays, metadata = read_shard(shard)
        arrays["thumbnails"] = np.full((1, 4, 5, 3), 7, np.uint8)
        arrays["thumbnail_frame"] = np.zeros(1, "<i4")
        write_shard(shard, arrays, metadata)
    clips = [
        Clip("anna_happy", "v/1.mp4", 0, 0, "happy", (0.5, 0.5), subject="anna", text="Hello"),
        Clip("anna_sad", "v/2.mp4", 1, 1, "sad", subject="anna", start_ms=40, end_ms=300),
        Clip("broken", "v/3.mp4", 2, 1, "sad", subject="ben"),
    ]
    write_manifest(clips, work / "manifest.parquet", None, metadata={})
    header = "clip_id\tkey\n"
    body = f"anna_happy\t{KEYS[0]}\nanna_sad\t{KEYS[1]}\nbroken\t\n"
    (work / "0000.tsv").write_text(header + body)
    return work, clips


def pack(work, target, salt=None):
    write_pack(
        target,
        dataset="small",
        classes=CLASSES,
        manifest=work / "manifest.parquet",
        indexes=[work / "0000.tsv"],
        splits={"official/fold-1": {"train": work / "manifest.parquet"}},
        store=work / "store",
        salt=salt,
    )
    folder = target.with_suffix("")
    with zipfile.ZipFile(target) as archive:
        archive.extractall(folder)
    return folder


def load(folder, classes=CLASSES):
    options = {"adapter": "packed", "root": str(folder)}
    return load_clips("small", options, classes=classes, seed=1, demo_root=folder)


def track(clips, work):
    rows = [
        KeyRow(c.clip_id, c.file_path, "sha256:x", c.fps_hint, c.span_ms, c.table) for c in clips
    ]
    work.mkdir(exist_ok=True)
    key = work / "key.tsv"
    key.write_text(key_file_text(rows, options={}))
    options = TrackOptions(LandmarkerOptions(), 25.0, "0" * 64)
    track_bucket(key, index=work / "i.tsv", store=work / "store", model=None, options=options)
    return {row["clip_id"]: row for row in iter_rows(work / "i.tsv", TRACK_COLUMNS)}


def test_rows_keys_and_trajectories_are_the_same_elsewhere(made, tmp_path):
    work, clips = made
    folder = pack(work, tmp_path / "p.zip")
    read = load(folder)
    assert [replace(clip, file_path="", table=None) for clip in read] == [
        replace(clip, file_path="") for clip in clips[:2]
    ]
    rows = track(read, tmp_path / "other")
    assert [rows[c.clip_id]["key"] for c in read] == KEYS
    assert rows["anna_sad"]["start_ms"] == "40"
    for key in KEYS:
        ours, here = (
            read_shard(shard_path(p, "tracks", key))
            for p in (work / "store", tmp_path / "other/store")
        )
        assert here[1] == ours[1]
        for name in ours[0].keys() - {"thumbnails", "thumbnail_frame"}:
            np.testing.assert_array_equal(here[0][name], ours[0][name])
        assert here[0]["thumbnails"].shape[0] == here[0]["thumbnail_frame"].shape[0] == 0


def test_it_can_be_verified_and_says_what_it_holds(made, tmp_path):
    work, _ = made
    folder = pack(work, tmp_path / "p.zip")
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, check=True)
    text = (folder / "README.md").read_text()
    assert "2 clips with a trajectory, 1 without one" in text
    assert "Landmarks can identify people" in text
    assert 'adapter: packed, root: /path/to/this/folder, classes: ["happy", "sad"]' in text
    parts = json.loads((folder / "splits/official/fold-1.json").read_text())
    assert parts == {"train": ["anna_happy", "anna_sad", "broken"]}


def test_equal_content_gives_equal_bytes(made, tmp_path):
    work, _ = made
    pack(work, tmp_path / "p.zip")
    pack(work, tmp_path / "q.zip")
    assert (tmp_path / "p.zip").read_bytes() == (tmp_path / "q.zip").read_bytes()


def test_hashed_names(made, tmp_path):
    work, _ = made
    salt = pack_salt(tmp_path / "salt.txt")
    assert pack_salt(tmp_path / "salt.txt") == salt
    folder = pack(work, tmp_path / "p.zip", salt)
    held = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for secret in (b"anna", b"Hello", b"v/1.mp4", b"broken", b"secret video"):
        assert secret not in held
    first, second = load(folder)
    assert first.subject == second.subject
    assert [c.actual for c in (first, second)] == CLASSES
    assert first.label_distribution == (0.5, 0.5)
    assert "table" in read_shard(folder / f"tracks/{KEYS[0]}.npz")[1]
    other = pack(work, tmp_path / "q.zip", b"another salt")
    assert load(other)[0].clip_id != first.clip_id


def test_an_altered_trajectory_is_flagged_and_an_altered_table_refused(made, tmp_path):
    work, _ = made
    folder = pack(work, tmp_path / "p.zip")
    clips = load(folder)
    shard = folder / f"tracks/{KEYS[0]}.npz"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    rows = track(clips, tmp_path / "other")
    assert "not as the pack lists it" in rows["anna_happy"]["error"]
    assert not shard_path(tmp_path / "other/store", "tracks", KEYS[0]).exists()
    assert rows["anna_sad"]["key"] == KEYS[1]
    (folder / "tracks.tsv").write_text(
        (folder / "tracks.tsv").read_text().replace("a" * 64, "c" * 64)
    )
    with pytest.raises(ManifestError, match=r"tracks.tsv: not as SHA256SUMS lists it"):
        load(folder)


def test_what_is_no_pack_or_of_other_classes(made, tmp_path):
    work, _ = made
    folder = pack(work, tmp_path / "p.zip")
    with pytest.raises(ManifestError, match=r"classes \['sad', 'happy'\]; expected \['happy'"):
        load(folder, ["sad", "happy"])
    with pytest.raises(ManifestError, match="Point `root` at the folder"):
        load(work)


def test_a_packed_track_is_no_table():
    track = PackedTrack("k", "s")
    assert PackedTrack.from_json(track.to_json()) == track
    assert PackedTrack.from_json(TrackTable(size=(3, 4)).to_json()) is None
