"""A small dataset for zero-shot models: real mp4 files, trajectories, a split; a job."""

import csv
import io
from pathlib import Path

import numpy as np

from facewave.config.check import check_config
from facewave.evaluation.predictions import read_predictions
from facewave.manifest.clips import Clip, write_manifest
from facewave.storage.atomic import write_text
from facewave.storage.store import file_sha256, shard_path
from facewave.storage.tables import format_rows
from facewave.tracking.track_index import TRACK_COLUMNS
from facewave.vlm.plan import zero_shot_params
from facewave.vlm.zero_shot.models import find_model
from facewave.vlm.zero_shot.run import ZeroShot, zero_shot
from tests.features.shards import write_trajectory
from tests.splits.split_files import write_split
from tests.video.media import face_frames, write_video

CLASSES = ("neutral", "happy", "sad")
FRAMES = 6
SHAPES = {"landmarks": (2, 478, 3), "blendshapes": (2, 52)}


def dataset(folder: Path, count: int, *, untracked=(), classes=CLASSES, **columns) -> Path:
    """Write `count` clips, of classes in turn, each with a video of its own."""
    (folder / "videos").mkdir(parents=True)
    labels = np.arange(count) % len(classes)
    clips, rows = [], []
    for index, label in enumerate(labels):
        clip_id = f"{folder.name}{index}"
        path = folder / "videos" / f"{clip_id}.mp4"
        frames = face_frames(FRAMES, width=96, height=96, side=80 - index)
        write_video(path, frames)
        more = {name: values[index] for name, values in columns.items()}
        clips.append(Clip(clip_id, str(path), index, int(label), classes[label], **more))
        known = {"clip_id": clip_id, "key": f"{folder.name}-key{index}", "frames": FRAMES}
        known |= {"fps": 25.0, "content_sha256": file_sha256(path)}
        if index in untracked:
            known |= {"key": "", "frames": 0, "content_sha256": ""}
        else:
            store = folder.parent / "store"
            write_trajectory(shard_path(store, "tracks", known["key"]), FRAMES)
        rows.append(dict.fromkeys(TRACK_COLUMNS, "") | known)
    write_manifest(clips, folder / "manifest.parquet", folder / "manifest.csv", metadata={})
    write_text(folder / "tracks.tsv", format_rows(TRACK_COLUMNS, rows))
    random = np.random.default_rng(0)
    split = {"clip_id": [clip.clip_id for clip in clips], "label": labels}
    split["valid"] = np.array([index not in untracked for index in range(count)])
    for name, shape in SHAPES.items():
        split[name] = random.uniform(size=(count, int(np.prod(shape)))).astype(np.float32)
    write_split(folder / "test.parquet", split, classes=classes, shapes=SHAPES)
    return folder


TINY = {"qwen": {"model": "tiny-random-qwen", "frames": 3}}
TINY["pali"] = {"model": "tiny-random", "frames": 2}


def job(files: Path, target: Path, *, name="qwen", seed=5, **changes) -> ZeroShot:
    given = {"models": TINY, "enabled": list(TINY), "dtype": "float32", "max_pixels": 3136}
    config = {"zero_shot": {**given, "batch_size": 3, **changes}}
    section = check_config(config)["zero_shot"]
    return ZeroShot(
        manifest=str(files / "manifest.parquet"),
        tracks=[str(files / "tracks.tsv")],
        store=str(files.parent / "store"),
        test=str(files / "test.parquet"),
        predictions=str(target / "predictions.parquet"),
        answers=str(target / "answers.csv"),
        index=str(target / "keys.tsv"),
        options=zero_shot_params(section, name),
        default_fps=25.0,
        seed=seed,
        version=1,
    )


def run(task, fake=None):
    find = find_model if fake is None else lambda *_, **__: ("qwen", fake)
    zero_shot(task, threads=1, gpus=0, find=find)
    rows = list(csv.DictReader(io.StringIO(Path(task.answers).read_text(encoding="utf-8"))))
    return read_predictions(task.predictions), rows
