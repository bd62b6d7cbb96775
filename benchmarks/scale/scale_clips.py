"""Made-up clips of a few bytes for `scale.py`, changes to them, and pretended results.

Pretended results are those of a first run that never took place: the indexes of all buckets are
written directly, without shards, and Snakemake is told that they are its own (`--touch`). With
100,000 clips that saves an hour of jobs. If an event changes a clip, its whole bucket is still
computed, because its shards are missing.
"""

import csv
import os
from dataclasses import asdict
from pathlib import Path

import yaml

from benchmarks.scale.made_up_tracker import NOTE, ROOT, made_up_clip
from facewave.config.check import check_config
from facewave.config.schema import load_yaml
from facewave.face.channels import VIDEO
from facewave.features.encode_bucket import FEATURE_COLUMNS, feature_key
from facewave.features.groups import FaceOptions, WaveletOptions
from facewave.features.quality import Quality, QualityOptions
from facewave.planning.project import coded
from facewave.storage.atomic import write_text
from facewave.storage.buckets import read_key_file
from facewave.storage.frame_files import clip_sha256
from facewave.storage.tables import format_rows
from facewave.tracking.landmarker import LandmarkerOptions
from facewave.tracking.track_bucket import TrackOptions, track_key
from facewave.tracking.track_index import TRACK_COLUMNS

CLASSES = ["neutral", "happy", "sad", "angry", "surprise", "disgust", "fear"]
CLIPS_PER_FOLDER = 1000
CLIPS_PER_SUBJECT = 20

_TRACKED = {
    "width": 100, "height": 100, "fps": 25.0, "frames": 2, "frames_announced": 2, "detected": 2,
    "frames_decoded": 2, "max_faces_seen": 1, "error": "", "notes": NOTE,
}  # fmt: skip
_QUALITY = Quality(valid=True, reason="", frames=2, detected=2, coverage=1.0, detection_ratio=1.0)
_JUDGED = {**asdict(_QUALITY), "channels": str(VIDEO), "notes": NOTE}


def clip_path(number: int) -> str:
    """Return a clip's path below the folder of all clips."""
    return f"{number // CLIPS_PER_FOLDER:04d}/{number:07d}.clip"


def write_clip(
    work: Path, number: int, *, frames: int = 0, version: int = 0, seconds: float = 0.0
) -> None:
    """Write a clip's bytes; they differ between versions.

    With `frames` the clip is a folder of that many files; another version replaces the first one.
    """
    path = work / "clips" / clip_path(number)
    content = made_up_clip(f"{number} version {version}", seconds=seconds)
    if not frames:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return
    path.mkdir(parents=True, exist_ok=True)
    # Not overwritten in place: the folder itself must change.
    (path / _frame(0)).unlink(missing_ok=True)
    (path / _frame(0)).write_bytes(content)
    for frame in range(1, 1 if version else frames):
        (path / _frame(frame)).write_bytes(b"frame %d" % frame)


def _frame(number: int) -> str:
    return f"{number:05d}.jpg"


def write_labels(work: Path, numbers: list[int]) -> None:
    """Write the label table of these clips."""
    with (work / "clips" / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file_path", "label", "subject"])
        writer.writerows(
            (clip_path(i), CLASSES[i % len(CLASSES)], f"s{i // CLIPS_PER_SUBJECT}") for i in numbers
        )


def touch(work: Path, number: int) -> None:
    """Give a clip, a file or a folder, a new date."""
    os.utime(work / "clips" / clip_path(number))


def make_corpus(
    work: Path, clips: int, *, model: Path, frames: int = 0, seconds: float = 0.0
) -> None:
    """Write clips, label table and configuration (`config.yaml`) into an empty folder."""
    for number in range(clips):
        write_clip(work, number, frames=frames, seconds=seconds)
    write_labels(work, list(range(clips)))
    (work / "config.yaml").write_text(yaml.safe_dump(small_config(model)))


def small_config(model: Path) -> dict[str, object]:
    """Return a configuration whose codes and model are as small as possible."""
    return {
        "enabled": ["scale"],
        "datasets": {
            "scale": {
                "adapter": "table",
                "root": "clips",
                "table": "labels.csv",
                "classes": CLASSES,
            }
        },
        "landmarker": {"model": str(model)},
        "quality": {"min_detected_frames": 1},
        "features": {"align": "none", "head_pose": False},
        "wavelet": {"coefficients": 1, "energy": False},
        "mlp": {
            "inputs": ["blendshapes"],
            "hidden": [8],
            "max_epochs": 1,
            "fusion": None,
            "batch_size": 512,
        },
    }


def write_indexes(work: Path) -> None:
    """Write the indexes of tracks and features of every bucket that has a key file."""
    config = check_config(load_yaml(ROOT / "config.yaml") | load_yaml(work / "config.yaml"))
    landmarker = config["landmarker"]
    names = LandmarkerOptions.__dataclass_fields__
    options = TrackOptions(
        LandmarkerOptions(**{name: landmarker[name] for name in names}),
        landmarker["default_fps"],
        landmarker["sha256"],
    )
    results = work / "results" / "scale"
    for path in sorted((results / "keys" / "tracks").glob("*.tsv")):
        tracked, judged = [], []
        for row in read_key_file(path):
            content = clip_sha256(work / row.file_path)
            key = track_key(content, fps=options.default_fps, options=options)
            tracked.append(
                {
                    "clip_id": row.clip_id,
                    "file_path": row.relative_path,
                    "key": key,
                    "fingerprint": row.fingerprint,
                    "content_sha256": content,
                    "start_ms": None,
                    "end_ms": None,
                    **_TRACKED,
                }
            )
            code = feature_key(
                key,
                wavelet=WaveletOptions(**config["wavelet"]),
                quality=QualityOptions(**config["quality"]),
                face=FaceOptions(**coded(config["features"])),
            )
            judged.append({"clip_id": row.clip_id, "key": code, "track_key": key, **_JUDGED})
        write_text(results / "tracks" / path.name, format_rows(TRACK_COLUMNS, tracked))
        write_text(results / "features" / path.name, format_rows(FEATURE_COLUMNS, judged))
