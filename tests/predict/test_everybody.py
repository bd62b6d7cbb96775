"""Everybody in a video is answered for as if they were alone in it."""

from pathlib import Path

import numpy as np
import pytest

from facewave.features.encode_bucket import encode_bucket
from facewave.features.groups import FaceOptions, WaveletOptions
from facewave.features.quality import QualityOptions
from facewave.mlp.train import TrainingJob, train_mlp
from facewave.predict.bucket import predict_bucket
from facewave.predict.everybody import windows_of_everybody
from facewave.predict.windows import read_windows
from facewave.splits.read import read_split
from facewave.storage.atomic import write_text
from facewave.storage.key_index import key_index, needed_keys
from facewave.storage.store import read_shard, shard_path, write_shard
from facewave.storage.tables import format_rows
from facewave.tracking.track_index import TRACK_COLUMNS
from tests.mlp.quick_training import INPUTS, PLAIN
from tests.predict.made_up_bucket import TRACKS, channels
from tests.predict.test_bucket import MEAN, job_of, loaded
from tests.splits.split_files import toy, write_split
from tests.tracking.track_shards import write_people_shard, write_track_shard

FEATURES = {
    "wavelet": {"layout": "segments", "coefficients": 2},
    "quality": {},
    "features": {"align": "none", "head_pose": False},
    "version": 5,
}
SHAPES = {"landmarks": (2, 478, 3), "blendshapes": (2, 52)}
FRAMES, PEOPLE = 200, 3
LEFT, RIGHT, MIDDLE = (0.05, 0.2, 0.25, 0.6), (0.6, 0.2, 0.8, 0.6), (0.4, 0.4, 0.5, 0.5)


def model(folder, rule):
    folder.mkdir()
    parts = []
    for name, n in (("train", 30), ("val", 15)):
        columns, random = toy(n), np.random.default_rng(n)
        for group, shape in SHAPES.items():
            columns[group] = random.uniform(size=(n, int(np.prod(shape)))).astype(np.float32)
        columns["subject"] = [f"{name}{i % 4}" for i in range(n)]
        path = write_split(
            folder / f"{name}.parquet",
            columns,
            shapes=SHAPES,
            features={**FEATURES, "channels": channels()},
            more={"tracks": TRACKS, "baseline": rule},
        )
        parts.append(read_split(path, groups=INPUTS))
    return loaded(train_mlp(*parts, TrainingJob(options=PLAIN, seed=1))[0])


def faces():
    """The second person is away for two seconds, the third is seen in one frame."""
    random = np.random.default_rng(3)
    seen = np.ones((PEOPLE, FRAMES), bool)
    seen[1, 100:150] = False
    seen[2] = np.arange(FRAMES) == 60
    landmarks = random.uniform(size=(PEOPLE, FRAMES, 478, 3)).astype(np.float32)
    blendshapes = random.uniform(size=(PEOPLE, FRAMES, 52)).astype(np.float32)
    return seen, landmarks, blendshapes


def windows_of(folder, shards, *, length=2000):
    """Encode windows of two seconds of some videos as the workflow does."""
    rows = [
        {**dict.fromkeys(TRACK_COLUMNS, ""), "clip_id": f"{video}__{start}", "key": shard.stem}
        | {"file_path": f"{video}.mp4", "start_ms": start, "end_ms": start + length}
        for video, shard in shards.items()
        for start in range(0, 40 * FRAMES, length)
    ]
    write_text(folder / "tracks.tsv", format_rows(TRACK_COLUMNS, rows))
    encode_bucket(
        folder / "tracks.tsv",
        index=folder / "features.tsv",
        store=folder / "store",
        wavelet=WaveletOptions(**FEATURES["wavelet"]),
        quality=QualityOptions(**FEATURES["quality"]),
        face=FaceOptions(**FEATURES["features"]),
    )
    return read_windows(folder / "tracks.tsv", folder / "features.tsv")


def shard(folder, letter):
    return shard_path(folder / "store", "tracks", letter * 64)


def write_together(folder):
    seen, landmarks, blendshapes = faces()
    path = write_people_shard(
        shard(folder, "a"), seen, [LEFT, RIGHT, MIDDLE], blendshapes=blendshapes
    )
    arrays, metadata = read_shard(path)
    arrays["landmarks"] = landmarks[arrays["person"], arrays["frame"]]
    path.unlink()
    write_shard(path, arrays, metadata)
    return path


def write_alone(folder, person, letter):
    seen, landmarks, blendshapes = faces()
    arrays = {"landmarks": landmarks[person], "blendshapes": blendshapes[person]}
    return write_track_shard(shard(folder, letter), seen[person], arrays=arrays)


def everybody(folder, windows):
    index = key_index(folder / "videos", "features", "people/0000")
    return windows_of_everybody(windows, store=folder / "store", features=FEATURES, index=index)


def content(row):
    """Return the cells of a row that do not name the video."""
    numbers = [getattr(row, name, None) for name in ("distance", "coverage", "start_seconds")]
    texts = (row.answer, list(row.prediction_set), row.trusted, getattr(row, "calibrated", ""))
    return [*numbers, *row.probabilities], texts


@pytest.mark.parametrize("rule", [None, MEAN], ids=["plain", "baseline"])
def test_each_is_answered_as_if_alone(tmp_path, rule):
    shards = {"both": write_together(tmp_path)}
    shards |= {f"alone{p}": write_alone(tmp_path, p, "bc"[p]) for p in (0, 1)}
    windows = everybody(tmp_path, windows_of(tmp_path, shards))
    job = job_of(model(tmp_path / "model", rule), tmp_path / "store", features=FEATURES)
    videos, timeline = predict_bucket(windows, job, enrolment=windows, scratch=tmp_path)
    # Nobody is seen for one frame only; who is the only one is person 0.
    assert [(row.video, row.person) for row in videos.rows] == [
        ("alone0", "0"), ("alone1", "0"), ("both", "0"), ("both", "1")
    ]  # fmt: skip
    for person in (0, 1):
        for rows in (videos.rows, timeline.rows):
            mine = [row for row in rows if (row.video, row.person) == ("both", str(person))]
            alone = [row for row in rows if row.video == f"alone{person}"]
            assert len(mine) == len(alone) == (1 if rows is videos.rows else 4)
            for one, other in zip(mine, alone, strict=True):
                (given, texts), (wanted, wanted_texts) = content(one), content(other)
                assert texts == wanted_texts
                given, wanted = np.array(given, float), np.array(wanted, float)
                np.testing.assert_allclose(given, wanted, atol=1e-6)
    away = [row for row in timeline.rows if row.video == "both" and not row.answer]
    assert [(row.person, row.start_seconds) for row in away] == [("1", 4.0)]
    assert away[0].why
    two = videos.rows[3]
    assert (two.frames, two.detected_frames, two.coverage) == (200, 150, 0.75)
    assert two.calibrated == ("yes, on 3 windows of the video" if rule else "no")


def test_what_was_coded_is_not_coded_again(tmp_path):
    windows = windows_of(tmp_path, {"both": write_together(tmp_path)})
    first = everybody(tmp_path, windows)
    made = {path: path.stat().st_mtime_ns for path in Path(tmp_path / "store").rglob("*.npz")}
    assert everybody(tmp_path, windows) == first
    assert {path: path.stat().st_mtime_ns for path in made} == made


def test_a_video_of_nobody_keeps_its_windows(tmp_path):
    nobody = write_track_shard(shard(tmp_path, "a"), np.zeros(FRAMES, bool))
    windows = windows_of(tmp_path, {"empty": nobody})
    assert everybody(tmp_path, windows) == windows
    assert not any(window.valid for window in windows)


def test_what_is_made_is_named_for_pruning_before_it_is_made(tmp_path, monkeypatch):
    windows = windows_of(tmp_path, {"both": write_together(tmp_path)})
    of_bucket = {window.features["key"] for window in windows}

    def fail(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("facewave.predict.everybody.encode_row", fail)
        with pytest.raises(KeyboardInterrupt):
            everybody(tmp_path, windows)
    named = needed_keys(tmp_path / "videos", "features")
    everybody(tmp_path, windows)
    coded = {path.stem for path in (tmp_path / "store/features").rglob("*.npz")}
    assert len(named) == 8
    assert coded - of_bucket == named
