"""Scenes on the command line: looked for in a film of real clips, then tracked."""

import shutil
from itertools import pairwise

import pyarrow.parquet as pq
import pytest

from facewave.storage.tables import iter_rows
from tests.datasets.joined_clips import join_clips
from tests.workflow.workflow import shards, snakemake, write_config, write_labels

pytestmark = pytest.mark.workflow

FRAMES = 24
# Lower than the default: these speakers sat in front of similar walls.
SCENES = {"threshold": 12}
TABLE = {
    "adapter": "table",
    "root": "videos",
    "table": "labels.csv",
    "segments": {"seconds": 3600, "scenes": "detect"},
}


def test_scenes_are_detected_and_tracked(tmp_path, landmarker_model, real_clips):
    videos, results = tmp_path / "videos", tmp_path / "results" / "small"
    videos.mkdir()
    shutil.copy2(landmarker_model, tmp_path / "model.task")
    acted = real_clips / "java_sed" / "clips"
    clips = [acted / f"0{speaker}-01-01_01.mp4" for speaker in (1, 2, 3)]
    starts, frames = join_clips(clips, videos / "film.mp4", frames=FRAMES)
    shutil.copy2(videos / "film.mp4", videos / "other.mp4")
    (videos / "bad.mp4").write_bytes(b"no video")
    rows = [("film.mp4", "happy", "s1"), ("bad.mp4", "happy", "s2"), ("other.mp4", "happy", "s3")]
    write_labels(tmp_path, rows)
    write_config(tmp_path, datasets={"small": TABLE}, buckets=1, scenes=SCENES)

    refused = snakemake(tmp_path, "features", check=False)
    assert refused.code != 0
    assert "Traceback (most recent" not in refused.output
    # The broken one is whole, whatever is found in it.
    assert "dataset small, segments: 2 problems" in refused.output
    assert "film.mp4: its scenes have not been detected" in refused.output
    assert "Run `snakemake detect_scenes`" in refused.output

    run = snakemake(tmp_path, "detect_scenes")
    assert run.jobs == {"find_scenes": 3, "list_scenes": 1, "detect_scenes": 1}
    assert "bad.mp4: it is not a video file that can be opened" in run.output
    assert "6 scenes in 3 videos: results/small/scenes.tsv" in run.output
    table = iter_rows(results / "scenes.tsv", ("clip_id", "scenes", "error"))
    assert [(row["clip_id"], row["scenes"]) for row in table] == [
        ("film", "3"),
        ("bad", "0"),
        ("other", "3"),
    ]

    snakemake(tmp_path, "features")
    manifest = pq.read_table(results / "manifest.parquet").to_pylist()
    ends = [round(1000 * frame / 30) for frame in (*starts, frames)]
    ranges = list(pairwise(ends))
    assert len(ranges) == 3
    found = [(row["clip_id"], row["start_ms"], row["end_ms"]) for row in manifest]
    assert found == [
        *((f"film__{i:03d}", *scene) for i, scene in enumerate(ranges)),
        ("bad", None, None),
        *((f"other__{i:03d}", *scene) for i, scene in enumerate(ranges)),
    ]
    columns = ("clip_id", "valid", "frames", "reason")
    features = {row["clip_id"]: row for row in iter_rows(results / "features/0000.tsv", columns)}
    assert all(
        features[name]["valid"] == "true" and features[name]["frames"] == str(FRAMES)
        for name, start, _ in found
        if start is not None
    )
    assert "it is not a video file" in features["bad"]["reason"]
    # Both films hold the same bytes, and each is tracked once; the other one is the broken one.
    assert len(shards(tmp_path, "tracks")) == 2

    # Another film under the same name: only its list is stale.
    join_clips(clips[:2], videos / "film.mp4", frames=FRAMES)
    refused = snakemake(tmp_path, "features", check=False)
    assert "segments: 1 problem" in refused.output
    assert "film.mp4: it or the options have changed since" in refused.output
    refused = snakemake(tmp_path, "-n", "cross_validate", check=False)
    assert "Run `snakemake detect_scenes`" in refused.output
    planned = snakemake(tmp_path, "-n", "detect_scenes")
    assert planned.jobs == {"find_scenes": 1, "list_scenes": 1, "detect_scenes": 1}


def test_nobody_asks_for_scenes(tmp_path):
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "clip.mp4").write_bytes(b"a clip")
    write_labels(tmp_path, [("clip.mp4", "happy", "s1")])
    write_config(tmp_path)
    refused = snakemake(tmp_path, "detect_scenes", check=False)
    assert "no enabled dataset uses it" in refused.output
    assert refused.code != 0
