"""A bucket of made-up windows: indexes, feature shards, and the same clips as a part of a split."""

from pathlib import Path

from facewave.features.encode_bucket import FEATURE_COLUMNS
from facewave.mlp.model import TrainedMlp
from facewave.mlp.train import TrainingJob, train_mlp
from facewave.predict.windows import read_windows
from facewave.splits.read import read_split
from facewave.storage.atomic import write_text
from facewave.storage.store import content_key, shard_path, write_shard
from facewave.storage.tables import format_rows
from facewave.tracking.track_index import TRACK_COLUMNS
from tests.mlp.quick_training import INPUTS, PLAIN
from tests.splits.split_files import SHAPES, toy, write_split

FEATURES = {"wavelet": {"layout": "segments"}, "version": 5}
TRACKS = {"landmarker": {"max_faces": 4}, "model_sha256": "ab" * 32, "version": 2}


def channels() -> str:
    """Return how an index names what a video's trajectory holds."""
    from facewave.face.channels import VIDEO

    return str(VIDEO)


def part(folder: Path, name: str, n: int, *, seed: int, rule=None, subjects=None, **toy_options):
    """Write a part of a split and read it."""
    columns = toy(n, seed=seed, **toy_options)
    if subjects:
        columns["subject"] = [f"{subjects}{i % 4}" for i in range(n)]
    path = write_split(
        folder / f"{name}.parquet",
        columns,
        features={**FEATURES, "channels": channels()},
        more={"tracks": TRACKS, "baseline": rule},
    )
    return read_split(path, groups=INPUTS), columns


def train(folder: Path, *, seed=1, rule=None, options=PLAIN) -> TrainedMlp:
    """Train a small model."""
    folder.mkdir(exist_ok=True)
    (own, _), (val, _) = (
        part(folder, name, n, seed=number, rule=rule, subjects=name)
        for name, n, number in (("train", 60, seed), ("val", 30, seed + 50))
    )
    return train_mlp(own, val, TrainingJob(options=options, seed=seed))[0]


def write_windows(folder: Path, columns, *, windows_per_video: int):
    """Write a part's clips as windows of videos; `store` holds their shards.

    Returns:
        the windows, and the folder of the store
    """
    store, tracked, encoded = folder / "store", [], []
    for row, valid in enumerate(columns["valid"].tolist()):
        video, number = divmod(row, windows_per_video)
        clip_id = f"v{video:02}__{number:03}"
        key = content_key(row=row, folder=str(folder))
        arrays = {name: columns[name][row].reshape(shape) for name, shape in SHAPES.items()}
        write_shard(shard_path(store, "features", key), arrays, {})
        span = {"start_ms": 1000 * number, "end_ms": 1000 * number + 4000}
        tracked.append(
            {**dict.fromkeys(TRACK_COLUMNS, ""), "clip_id": clip_id, "file_path": f"v{video}.mp4"}
            | span
        )
        encoded.append(
            {**dict.fromkeys(FEATURE_COLUMNS, ""), "clip_id": clip_id, "key": key}
            | {"channels": channels(), "valid": valid, "reason": "" if valid else "nobody there"}
        )
    write_text(folder / "tracks.tsv", format_rows(TRACK_COLUMNS, tracked))
    write_text(folder / "features.tsv", format_rows(FEATURE_COLUMNS, encoded))
    return read_windows(folder / "tracks.tsv", folder / "features.tsv"), store
