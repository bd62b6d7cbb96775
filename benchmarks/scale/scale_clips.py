"""Made-up clips for `scale.py`, a few bytes each, and what happens to them."""

import csv
import os
from pathlib import Path

import yaml

from benchmarks.scale.made_up_tracker import made_up_clip

CLASSES = ["neutral", "happy", "sad", "angry", "surprise", "disgust", "fear"]
CLIPS_PER_FOLDER = 1000
CLIPS_PER_SUBJECT = 20


def clip_path(number: int) -> str:
    """Return a clip's path below the folder of all clips."""
    return f"{number // CLIPS_PER_FOLDER:04d}/{number:07d}.clip"


def write_clip(
    work: Path, number: int, *, frames: int = 0, version: int = 0, seconds: float = 0.0
) -> None:
    """Write a clip's bytes; another version has other bytes.

    With `frames` the clip is a folder of so many files; another version replaces the first one.
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
    """Return a configuration whose codes and model are as small as they can be."""
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
