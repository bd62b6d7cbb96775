"""Small artefacts of a dataset for tests of the report; everything but the tracking is real."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from facewave.config.check import check_config
from facewave.evaluation.clip_table import write_clip_table
from facewave.evaluation.confusions import (
    ConfusedClasses,
    ConfusedClip,
    find_confused_classes,
    find_confused_clips,
)
from facewave.evaluation.evaluate import Fold, evaluate_folds
from facewave.evaluation.predictions import Predictions, write_predictions
from facewave.features.encode_bucket import encode_bucket
from facewave.features.groups import WaveletOptions, feature_shapes
from facewave.features.quality import QualityOptions
from facewave.manifest.clips import Clip, write_manifest
from facewave.report.clips import ReportClip
from facewave.report.page import ReportFiles, ReportSettings
from facewave.splits.partition import PARTS
from facewave.splits.write import read_feature_indexes, write_splits
from facewave.storage.atomic import write_json, write_text
from facewave.storage.store import shard_path
from facewave.storage.tables import format_rows, write_rows
from facewave.tracking.frame_pictures import FramePictures
from facewave.tracking.track_index import TRACK_COLUMNS
from tests.tracking.track_shards import write_track_shard
from tests.video.media import flat_frames, write_video

FRAMES = 24
HOSTILE = "<script>alert('x')</script>"
CLASSES = ("calm", 'a<b>&"$x_1$')
# Options of the MLP without fusion.
PLAIN = {"fusion": None}
CONFIG = {
    "seed": 7,
    "results": HOSTILE,
    "enabled": ["tiny"],
    "datasets": {"tiny": {"adapter": "table", "root": "/data", "table": "labels.csv"}},
    "landmarker": {"sha256": "c0ffee00" * 8},
    "quality": {"trim_ends": False},
    "mlp": PLAIN,
}


class Artefacts(NamedTuple):
    """The arguments of `write_report` less the outputs."""

    files: ReportFiles
    settings: ReportSettings


@dataclass(frozen=True, kw_only=True)
class Case:
    """A clip to make: frames with a face, what the file is, notes of the tracking."""

    clip_id: str
    label: int
    subject: str
    detected: range | list[int]
    file: str = "video"
    notes: str = ""
    part: str = "train"


def cases():
    """Return clips of every kind: six good ones, then those that a person should look at."""
    whole = range(FRAMES)
    good = [
        Case(clip_id=f"good{i}", label=i % 2, subject=f"s{i // 2}", detected=whole, part=part)
        for i, part in enumerate(["train", "train", "val", "val", "test", "test"])
    ]
    return [
        *good,
        Case(clip_id="noted", label=0, subject="s0", detected=whole, notes="variable frame rate"),
        Case(clip_id="noface", label=1, subject="s0", detected=[]),
        Case(clip_id="half", label=0, subject="s0", detected=range(10, 22)),
        Case(clip_id="garbage", label=1, subject=HOSTILE, detected=[], file="garbage"),
        Case(clip_id="gone", label=0, subject="s0", detected=[], file="missing"),
        Case(clip_id="lost", label=0, subject="s2", detected=[], part="test"),
    ]


def track_arrays(case, *, seed):
    """Return the frames with a face, and a still face whose mouth and brows move."""
    rng = np.random.default_rng(seed)
    found = np.zeros(FRAMES, bool)
    found[list(case.detected)] = True
    landmarks = np.repeat(rng.uniform(0.4, 0.6, (1, 478, 3)), FRAMES, axis=0).astype(np.float32)
    landmarks[:, 14, 1] += 0.05 * np.sin(np.arange(FRAMES) / 4)
    blendshapes = np.full((FRAMES, 52), 0.1, np.float32)
    for column, size in ((25, 0.8), (44, 0.5), (45, 0.5)):
        blendshapes[:, column] += size * (seed % 3) * np.linspace(0, 0.3, FRAMES)
    transform = np.repeat(np.eye(4, dtype=np.float32)[np.newaxis], FRAMES, axis=0)
    return found, {"landmarks": landmarks, "blendshapes": blendshapes, "transform": transform}


def build(folder, *, folds=("80-10-10",), layout="segments"):
    """Write all artefacts of a dataset and return them.

    With several folds every fold has the same parts but for one test clip of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = cases()
    clips = [
        Clip(
            clip_id=case.clip_id,
            file_path=str(_video(folder, case)),
            video_idx=i,
            label=case.label,
            actual=CLASSES[case.label],
            subject=case.subject,
        )
        for i, case in enumerate(made)
    ]
    write_manifest(clips, folder / "manifest.parquet", folder / "manifest.csv", metadata={})
    rows = [
        _track(folder, clip, case, seed=clip.video_idx)
        for clip, case in zip(clips, made, strict=True)
    ]
    track_index, feature_index = folder / "tracks.tsv", folder / "features.tsv"
    write_text(track_index, format_rows(TRACK_COLUMNS, rows))
    wavelet = WaveletOptions(layout=layout, coefficients=8)
    encode_bucket(
        track_index,
        index=feature_index,
        store=folder / "store",
        wavelet=wavelet,
        quality=QualityOptions(),
    )
    parts_of_fold = _parts(made, len(folds))
    splits = {}
    for fold, parts in zip(folds, parts_of_fold, strict=True):
        splits[fold] = {part: folder / "splits" / fold / f"{part}.parquet" for part in PARTS}
        write_splits(
            [clip for clip in clips if clip.clip_id in parts],
            read_feature_indexes([feature_index]),
            parts,
            outputs=splits[fold],
            store=folder / "store",
            shapes=feature_shapes(wavelet),
            metadata={"classes": list(CLASSES)},
        )
    metrics = folder / "metrics.json"
    answers = _answers(folds, made, parts_of_fold)
    write_json(metrics, evaluate_folds(answers))
    write_clip_table(folder / "predictions.csv", answers, {})
    confusions = {name: folder / f"confused_{name}.csv" for name in ("clips", "classes")}
    write_rows(confusions["clips"], ConfusedClip, find_confused_clips(answers))
    write_rows(confusions["classes"], ConfusedClasses, find_confused_classes(answers))
    files = ReportFiles(
        manifest=folder / "manifest.parquet",
        track_indexes=[track_index],
        feature_indexes=[feature_index],
        store=folder / "store",
        splits=splits,
        training={fold: write_training(folder / f"{fold}.csv", i) for i, fold in enumerate(folds)},
        answers={fold: write_answers(folder / f"{fold}.parquet") for fold in folds},
        scores=metrics,
        confused_clips=confusions["clips"],
        confused_classes=confusions["classes"],
        clip_table=folder / "predictions.csv",
        models={},
    )
    config = check_config(CONFIG | {"wavelet": {"layout": layout, "coefficients": 8}})
    return Artefacts(files, ReportSettings(dataset="tiny", config=config, commit="abc1234"))


def _video(folder, case):
    path = folder / f"{case.clip_id} {HOSTILE[:8]}.mp4"
    if case.file == "video":
        write_video(path, flat_frames(FRAMES))
    elif case.file == "garbage":
        path.write_bytes(b"no video" * 100)
    return path


def _track(folder, clip, case, *, seed):
    row = dict.fromkeys(TRACK_COLUMNS, 0) | {
        "clip_id": clip.clip_id,
        "file_path": clip.file_path,
        "key": "",
        "fingerprint": "f",
        "content_sha256": "c",
        "start_ms": None,
        "end_ms": None,
        "error": "the file is missing or cannot be read",
        "notes": case.notes,
    }
    if case.file == "garbage":
        return row | {"error": f"no video stream can be decoded {HOSTILE}"}
    if case.file != "video":
        return row
    key = f"{seed:02d}" + "0" * 62
    facts = {"width": 64, "height": 48, "fps": 25.0}
    facts |= dict.fromkeys(("frames", "frames_decoded", "frames_announced"), FRAMES)
    found, arrays = track_arrays(case, seed=seed)
    shard = shard_path(folder / "store", "tracks", key)
    pictures = FramePictures()
    for frame, image in enumerate(flat_frames(FRAMES)):
        pictures.see(frame, 40 * frame, image, face=bool(found[frame]))
    arrays |= pictures.arrays()
    write_track_shard(shard, found, arrays=arrays, notes=case.notes, **facts)
    detected = len(case.detected)
    return row | facts | {"key": key, "error": "", "detected": detected, "max_faces_seen": 1}


def _parts(made, folds):
    """Return the parts by clip of every fold; test clips are divided over several folds."""
    tests = [case.clip_id for case in made if case.part == "test"]
    return [
        {case.clip_id: case.part for case in made if case.clip_id not in tests}
        | dict.fromkeys(tests[fold::folds], "test")
        for fold in range(folds)
    ]


def _answers(folds, made, parts_of_fold):
    by_id = {case.clip_id: case for case in made}
    answers = []
    for name, parts in zip(folds, parts_of_fold, strict=True):
        tested = [clip_id for clip_id, part in parts.items() if part == "test"]
        labels = np.array([by_id[clip_id].label for clip_id in tested])
        test = Predictions(
            clip_ids=tested,
            parts=["test"] * len(tested),
            labels=labels,
            predicted=np.zeros(len(tested), np.int64),
            valid=np.array([bool(len(by_id[clip_id].detected)) for clip_id in tested]),
            probabilities=np.ones((len(tested), 2), np.float32),
            classes=CLASSES,
            metadata={},
        )
        answers.append(Fold(name=name, test=test, train_labels=np.array([1, 1, 0])))
    return answers


def write_training(path, fold):
    """Write `metrics.csv` of four epochs, of which the third is the best."""
    rows = ["epoch,train_loss,val_loss,train_uar,val_uar,val_war,learning_rate"]
    scores = [0.25, 0.75, 0.75, 0.5]
    for epoch, uar in enumerate(scores, start=1):
        rows.append(f"{epoch},{1 / epoch},{1.5 / epoch + fold},{uar / 2},{uar},{uar},0.001")
    Path(path).write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def training_record(mlp, *, epochs=3, temperature=1.0):
    """Return what a checkpoint says of a training with these options (section `mlp`)."""
    options = dict(mlp)
    if options["fusion"]:
        options["fusion"] = {**options["fusion"], "projection": 192}
    return {
        "options": options,
        "epochs": epochs,
        "seed": 0,
        "temperature": temperature,
        "directions": None,
        "class_frequencies": [0.5, 0.5],
    }


def write_answers(path, record=None):
    """Write predictions of one clip, which say how their model was trained."""
    record = record or training_record(check_config({"mlp": PLAIN})["mlp"])
    test = Predictions(
        clip_ids=["x"],
        parts=["test"],
        labels=np.zeros(1, np.int64),
        predicted=np.zeros(1, np.int64),
        valid=np.ones(1, bool),
        probabilities=np.ones((1, 2), np.float32),
        classes=CLASSES,
        metadata={"training": record},
    )
    write_predictions(path, test)
    return path


def report_clip(number, *, reason="", notes="", **changes):
    """Return a good clip of 100 frames, but for what is given."""
    values = {
        "clip_id": f"c{number}",
        "file_path": f"c{number}.mp4",
        "label": "happy",
        "subject": None,
        "valid": not reason,
        "reason": reason,
        "frames": 100,
        "frames_announced": 100,
        "detected": 100,
        "coverage": 1.0,
        "detection_ratio": 1.0,
        "longest_gap": 0,
        "longest_gap_seconds": 0.0,
        "trimmed_start": 0.0,
        "trimmed_end": 0.0,
        "changes": 0,
        "cuts": 0,
        "jitter": 0.01,
        "mean_abs_yaw": 2.0,
        "width": 64,
        "height": 48,
        "fps": 25.0,
        "max_faces_seen": 1,
        "notes": notes,
        "track_key": "t",
        "feature_key": "f",
    }
    return ReportClip(**(values | changes))
