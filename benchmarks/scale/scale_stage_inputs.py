"""Made-up results of the stages up to the training, for `scale_stages.py`."""

import json
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scale_splits import CLASSES, ROOT, ROWS_PER_SUBJECT, default_config

sys.path.insert(0, str(ROOT))

FOLDS = 5
SHARDS, FRAMES = 50, 77
CLIPS_PER_INDEX = 195
# Clips of the second dataset that are copies of the first's, with a few bits changed.
COPIED = 0.05


def make_inputs(folder: Path, count: int) -> None:
    """Write manifest, indexes, shards, splits, predictions, curves and hashes."""
    import numpy as np

    random = np.random.default_rng(0)
    _write_clips(folder, count)
    keys = _write_shards(folder, random)
    _write_indexes(folder, count, keys, random)
    labels = np.arange(count) % len(CLASSES)
    valid = np.arange(count) % 10 != 0
    part = _fold_of(count)
    for fold in range(FOLDS):
        _write_fold(folder / f"fold-{fold + 1}", fold, labels, valid, part, random)
    _write_hashes(folder, count, random)


def _fold_of(count: int) -> Any:
    import numpy as np

    return np.arange(count) // ROWS_PER_SUBJECT % FOLDS


def _write_clips(folder: Path, count: int) -> None:
    from facewave.manifest.clips import Clip, write_manifest

    clips = [
        Clip(
            f"{i:07d}", f"clips/{i:07d}.mp4", i, i % len(CLASSES), CLASSES[i % len(CLASSES)],
            subject=f"s{i // ROWS_PER_SUBJECT}",
        )
        for i in range(count)
    ]  # fmt: skip
    write_manifest(clips, folder / "manifest.parquet", folder / "manifest.csv", metadata={})
    for name, half in (("one", clips[: count // 2]), ("two", clips[count // 2 :])):
        write_manifest(half, folder / f"{name}.parquet", folder / f"{name}.csv", metadata={})


def _write_shards(folder: Path, random: Any) -> list[tuple[str, str]]:
    """Write trajectories and codes that the report can draw; returns their keys."""
    import numpy as np

    from facewave.face.canonical_mesh import canonical_face
    from facewave.features.encode_clip import encode_clip
    from facewave.features.groups import FaceOptions, WaveletOptions
    from facewave.features.quality import QualityOptions
    from facewave.planning.project import coded
    from facewave.storage.store import content_key, shard_path, write_shard
    from facewave.tracking.track_video import POINTS, TrackSummary
    from facewave.tracking.trajectory import open_trajectory

    config, keys = default_config(), []
    face = canonical_face().points[:, :2] * [1, -1] / 40 + 0.5
    points = np.zeros((FRAMES, 478, 3), np.float32)
    summary = TrackSummary(640, 480, 25.0, FRAMES, FRAMES, FRAMES)
    for number in range(SHARDS):
        points[:, :468, :2] = face + 0.01 * random.random((FRAMES, 1, 2))
        arrays = {
            "timestamp_ms": np.arange(FRAMES) * 40,
            "face_count": np.ones(FRAMES, np.uint8),
            "frame": np.arange(FRAMES, dtype=np.int32),
            "person": np.zeros(FRAMES, np.int32),
            "cuts": np.zeros(0, np.int32),
            "box": np.full((FRAMES, 4), 0.5, np.float32),
            "landmarks": points,
            "blendshapes": random.random((FRAMES, 52), np.float32),
            "transform": np.tile(np.eye(4, dtype=np.float32), (FRAMES, 1, 1)),
        }
        key, code = content_key(track=number), content_key(code=number)
        track = shard_path(folder / "store", "tracks", key)
        write_shard(track, arrays, {**vars(summary), "points": POINTS})
        encode_clip(
            open_trajectory(track),
            shard_path(folder / "store", "features", code),
            wavelet=WaveletOptions(**config["wavelet"]),
            quality=QualityOptions(**config["quality"]),
            face=FaceOptions(**coded(config["features"])),
            provenance={},
        )
        keys.append((key, code))
    return keys


def _write_indexes(folder: Path, count: int, keys: list[tuple[str, str]], random: Any) -> None:
    from facewave.features.encode_bucket import FEATURE_COLUMNS
    from facewave.features.quality import Quality
    from facewave.storage.atomic import write_text
    from facewave.storage.tables import format_rows
    from facewave.tracking.track_index import TRACK_COLUMNS

    jitter = random.gamma(2.0, 0.01, count)
    for start in range(0, count, CLIPS_PER_INDEX):
        tracks, features = [], []
        for i in range(start, min(count, start + CLIPS_PER_INDEX)):
            key, code = keys[i % SHARDS]
            valid = i % 10 != 0
            seen = FRAMES if valid else i % 40
            notes = "variable frame rate" if i % 100 == 1 else ""
            row = {"clip_id": f"{i:07d}", "frames": FRAMES, "detected": seen, "notes": notes}
            tracks.append(
                row
                | {"file_path": f"clips/{i:07d}.mp4", "key": key, "fingerprint": f"stat:{i}"}
                | {"content_sha256": f"{i:064x}", "width": 640, "height": 480, "fps": 25.0}
                | dict.fromkeys(("frames_announced", "frames_decoded"), FRAMES)
                | {"max_faces_seen": 1, "error": "", "start_ms": None, "end_ms": None}
            )
            features.append(
                row
                | asdict(
                    Quality(
                        valid=valid,
                        reason="" if valid else f"face in {seen} of {FRAMES} frames",
                        frames=FRAMES,
                        detected=seen,
                        coverage=seen / FRAMES,
                        detection_ratio=seen / FRAMES,
                        longest_gap=FRAMES - seen,
                        jitter=jitter[i] if valid else math.nan,
                        mean_abs_yaw=4.56789,
                    )
                )
                | {"key": code if valid else "", "track_key": key}
            )
        name = f"{start // CLIPS_PER_INDEX:04d}.tsv"
        write_text(folder / "tracks" / name, format_rows(TRACK_COLUMNS, tracks))
        write_text(folder / "features" / name, format_rows(FEATURE_COLUMNS, features))


def _write_fold(
    folder: Path, fold: int, labels: Any, valid: Any, fold_of: Any, random: Any
) -> None:
    import numpy as np

    from facewave.evaluation.predictions import Predictions, write_predictions

    places = {
        "test": np.flatnonzero(fold_of == fold),
        "val": np.flatnonzero(fold_of == (fold + 1) % FOLDS),
    }
    places["train"] = np.flatnonzero((fold_of != fold) & (fold_of != (fold + 1) % FOLDS))
    folder.mkdir()
    for part, rows in places.items():
        _write_split(folder / f"{part}.parquet", rows, labels[rows], valid[rows])
    rows = np.concatenate([places["val"], places["test"]])
    predicted = np.where(random.random(rows.size) < 0.5, labels[rows], (labels[rows] + 1) % 7)
    answers = Predictions(
        clip_ids=[f"{i:07d}" for i in rows],
        parts=["val"] * len(places["val"]) + ["test"] * len(places["test"]),
        labels=labels[rows],
        predicted=predicted,
        valid=valid[rows],
        probabilities=random.dirichlet(np.ones(len(CLASSES)), rows.size).astype(np.float32),
        classes=tuple(CLASSES),
        metadata={"model": "made up", "seed": 0},
    )
    write_predictions(folder / "predictions.parquet", answers)
    curves = "epoch,train_loss,val_loss,train_uar,val_uar,val_war,learning_rate\n"
    curves += "".join(f"{i},{1 / i},{1 / i},0.5,0.5,0.5,0.001\n" for i in range(1, 61))
    (folder / "metrics.csv").write_text(curves)


def _write_split(path: Path, rows: Any, labels: Any, valid: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from facewave.splits.read import METADATA_KEY

    content = {"classes": CLASSES, "shapes": {"pose": [1, 1]}, "data_sha256": path.stem * 8}
    values = pa.array(valid.astype("float32"))
    table = pa.table(
        {
            "clip_id": [f"{i:07d}" for i in rows],
            "label": pa.array(labels, pa.int32()),
            "valid": pa.array(valid),
            "subject": [f"s{i // ROWS_PER_SUBJECT}" for i in rows],
            "pose": pa.FixedSizeListArray.from_arrays(values, 1),
        }
    )
    content_bytes = {METADATA_KEY: json.dumps(content).encode()}
    pq.write_table(table.replace_schema_metadata(content_bytes), path, row_group_size=1000)


def _write_hashes(folder: Path, count: int, random: Any) -> None:
    """Write hashes of three frames per clip; bits are as uneven as those of centred faces."""
    import numpy as np

    from facewave.splits.near_duplicates import HASH_COLUMNS
    from facewave.storage.atomic import write_text
    from facewave.storage.tables import format_rows

    often = random.beta(0.7, 0.7, 64)
    bits = random.random((count, 3, 64)) < often
    half = count // 2
    copied = np.flatnonzero(random.random(half) < COPIED)
    bits[half + copied] = bits[copied] ^ (random.random((copied.size, 3, 64)) < 0.02)
    hashes = np.packbits(bits, axis=-1)
    for name, numbers in (("one", range(half)), ("two", range(half, count))):
        rows = [
            {
                "clip_id": f"{i:07d}",
                "hashes": " ".join(frame.tobytes().hex() for frame in hashes[i]),
            }
            for i in numbers
        ]
        write_text(folder / f"hashes-{name}.tsv", format_rows(HASH_COLUMNS, rows))
