"""Hundreds of made-up clips, tracked by the benchmark's worker: which jobs each event runs."""

import os
import shutil

import pytest

from benchmarks.scale.made_up_tracker import ENVIRONMENT, NOTE, made_up_clip
from facewave.jobs.clip_errors import WorkerError
from facewave.storage.buckets import KeyRow, key_file_text
from facewave.storage.store import file_sha256, read_shard, shard_path
from facewave.storage.tables import iter_rows
from facewave.tracking.landmarker import LandmarkerOptions
from facewave.tracking.track_bucket import TrackOptions, track_bucket
from facewave.tracking.track_index import TRACK_COLUMNS
from facewave.tracking.worker import IsolatedTracker
from facewave.video.isolated import isolated_reader
from tests.workflow.workflow import computed, shards, snakemake, write_config, write_labels

CLIPS, BUCKETS = 300, 4
SMALLEST = {
    "quality": {"min_detected_frames": 1},
    "features": {"align": "none", "head_pose": False},
    "wavelet": {"coefficients": 1, "energy": False},
    "mlp": {"inputs": ["blendshapes"], "fusion": {"mirror": False}},
}


def write_clip(work, number, name):
    (work / "videos" / f"{number:03d}.clip").write_bytes(made_up_clip(name))


@pytest.mark.slow
@pytest.mark.workflow
def test_jobs_after_each_event(tmp_path, landmarker_model, monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    work = tmp_path / "project"
    (work / "videos").mkdir(parents=True)
    shutil.copy2(landmarker_model, work / "model.task")
    for number in range(CLIPS):
        write_clip(work, number, f"clip {number}")
    write_labels(work, [(f"{i:03d}.clip", "happy", f"s{i // 10}") for i in range(CLIPS)])
    write_config(work, buckets=BUCKETS, **SMALLEST)

    assert snakemake(work, "--", "features").jobs == {
        "build_manifest": 1,
        "fetch_landmarker": 1,
        "track_faces": BUCKETS,
        "encode_features": BUCKETS,
        "list_quality": 1,
    }
    tracks = shards(work, "tracks")
    assert len(tracks) == CLIPS
    assert snakemake(work, "--", "features").jobs == {}

    os.utime(work / "videos" / "007.clip")
    assert snakemake(work, "--", "features").jobs == {}

    write_clip(work, 123, "another clip")
    changed = {"track_faces": 1, "encode_features": 1, "list_quality": 1}
    assert snakemake(work, "--", "features").jobs == changed
    assert len(computed(tracks, shards(work, "tracks"))) == 1


@pytest.fixture
def track(tmp_path):
    """Track files with the benchmark's worker; returns the rows of the index."""
    model = tmp_path / "model.task"
    model.write_bytes(b"a model")
    options = TrackOptions(LandmarkerOptions(), 25.0, file_sha256(model))

    def run(*paths):
        rows = [KeyRow(path.stem, str(path), "stat:1") for path in paths]
        (tmp_path / "key.tsv").write_text(key_file_text(rows, options={}))
        index = tmp_path / "index.tsv"
        worker = ENVIRONMENT["FACEWAVE_TRACKING_WORKER"]
        with isolated_reader(module=worker) as read:
            track_bucket(
                tmp_path / "key.tsv",
                index=index,
                store=tmp_path / "store",
                model=model,
                options=options,
                track=IsolatedTracker(read),
            )
        return list(iter_rows(index, TRACK_COLUMNS))

    return run


def test_made_up_trajectories_are_marked(track, tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.clip").write_bytes(made_up_clip(name, frames=3))
    one, two = track(tmp_path / "one.clip", tmp_path / "two.clip")
    assert one["notes"] == two["notes"] == NOTE
    arrays, metadata = read_shard(shard_path(tmp_path / "store", "tracks", one["key"]))
    other, _ = read_shard(shard_path(tmp_path / "store", "tracks", two["key"]))
    assert arrays["landmarks"].shape == (3, 478, 3)
    assert (arrays["landmarks"] != other["landmarks"]).any()
    assert metadata["notes"] == NOTE


def test_a_real_video_stops_the_job(track, tmp_path, face_clip):
    (tmp_path / "one.clip").write_bytes(made_up_clip("one"))
    with pytest.raises(WorkerError, match=r"face\.mp4: not a made-up clip; unset FACEWAVE_TRACK"):
        track(tmp_path / "one.clip", face_clip)
    assert not (tmp_path / "index.tsv").exists()
    assert not list((tmp_path / "store").rglob("*.npz"))
