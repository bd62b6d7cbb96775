"""Hundreds of clips, tracked by a stub: how many jobs run after which event."""

import os
import shutil

import pytest

from facewave.tracking.stub import made_up_clip
from tests.workflow.workflow import computed, shards, snakemake, write_config, write_labels

pytestmark = pytest.mark.workflow

CLIPS, BUCKETS = 300, 4
SMALLEST = {
    "quality": {"min_detected_frames": 1},
    "features": {"align": "none", "head_pose": False},
    "wavelet": {"coefficients": 1, "energy": False},
    "mlp": {"inputs": ["blendshapes"], "fusion": {"mirror": False}},
}


def write_clip(work, number, name):
    (work / "videos" / f"{number:03d}.clip").write_bytes(made_up_clip(name))


def test_jobs_after_each_event(tmp_path, landmarker_model):
    work = tmp_path / "project"
    (work / "videos").mkdir(parents=True)
    shutil.copy2(landmarker_model, work / "model.task")
    for number in range(CLIPS):
        write_clip(work, number, f"clip {number}")
    write_labels(work, [(f"{i:03d}.clip", "happy", f"s{i // 10}") for i in range(CLIPS)])
    write_config(work, buckets=BUCKETS, landmarker={"stub": True}, **SMALLEST)

    assert snakemake(work, "--", "features").jobs == {
        "build_manifest": 1,
        "fetch_landmarker": 1,
        "track_faces": BUCKETS,
        "encode_features": BUCKETS,
    }
    tracks = shards(work, "tracks")
    assert len(tracks) == CLIPS
    assert snakemake(work, "--", "features").jobs == {}

    os.utime(work / "videos" / "007.clip")
    assert snakemake(work, "--", "features").jobs == {}

    write_clip(work, 123, "another clip")
    assert snakemake(work, "--", "features").jobs == {"track_faces": 1, "encode_features": 1}
    assert len(computed(tracks, shards(work, "tracks"))) == 1
