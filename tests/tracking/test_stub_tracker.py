"""The stubbed tracker of the benchmark: its results are marked, and no real video gets any."""

from dataclasses import replace

import pytest

from facewave.storage.buckets import KeyRow, key_file_text
from facewave.storage.store import file_sha256, read_shard, shard_path
from facewave.storage.tables import iter_rows
from facewave.tracking.landmarker import LandmarkerOptions
from facewave.tracking.stub import NOTE, NotMadeUpError, made_up_clip
from facewave.tracking.track_bucket import TRACK_COLUMNS, TrackOptions, track_bucket, track_key


@pytest.fixture
def track(tmp_path):
    """Track files with the stub; returns the rows of the index."""
    model = tmp_path / "model.task"
    model.write_bytes(b"a model")
    options = TrackOptions(LandmarkerOptions(), 25.0, file_sha256(model), stub=True)

    def run(*paths):
        rows = [KeyRow(path.stem, str(path), "stat:1") for path in paths]
        (tmp_path / "key.tsv").write_text(key_file_text(rows, options={}))
        index = tmp_path / "index.tsv"
        track_bucket(
            tmp_path / "key.tsv",
            index=index,
            store=tmp_path / "store",
            model=model,
            options=options,
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
    with pytest.raises(NotMadeUpError, match=r"face\.mp4: landmarker\.stub takes only .* take"):
        track(tmp_path / "one.clip", face_clip)
    assert not (tmp_path / "index.tsv").exists()


def test_real_and_made_up_trajectories_have_different_keys():
    options = TrackOptions.from_params(
        {"landmarker": {}, "default_fps": 25, "model_sha256": "0" * 64, "version": 1}
    )
    assert not options.stub
    assert track_key("1" * 64, fps=25, options=options) != track_key(
        "1" * 64, fps=25, options=replace(options, stub=True)
    )
