"""A finished run: two videos with overlays, one that could not be read, hostile names."""

import json

import numpy as np

from facewave.face.blendshapes import BLENDSHAPES
from facewave.overlay.options import OverlayOptions
from facewave.overlay.overlay_bucket import overlay_bucket
from facewave.predict_page.write import RunFiles, write_pages
from facewave.storage.atomic import write_text
from facewave.storage.store import shard_path
from facewave.storage.tables import format_rows, write_csv
from facewave.tracking.track_index import TRACK_COLUMNS
from tests.overlay.overlay_files import write_clip, write_shard

HOSTILE = "</script><script>document.title='taken'</script>\u2028<b>"
CLASSES = ("angry", "happy" + HOSTILE, "sad")
SECONDS = 10
TIMES = list(range(0, 1000 * SECONDS, 100))
KEYS = {"first": "a" * 64, "second": "b" * 64}


def build(folder):
    """Write the tables, shards and overlays of a run, then its pages; return the files."""
    rows = []
    for video, key in KEYS.items():
        thumbnail = np.full((1, 40, 60, 3), 120, np.uint8)
        write_shard(
            shard_path(folder / "store", "tracks", key),
            times=TIMES,
            detected=detected(),
            blendshapes=shapes(),
            thumbnails=thumbnail,
            thumbnail_frame=np.array([3], "<i4"),
        )
        clip = write_clip(folder / f"{video}.mp4", TIMES, sound="aac")
        rows.append({"clip_id": f"{video}__0", "file_path": str(clip), "key": key, "end_ms": 4000})
    rows.append({"clip_id": "broken", "error": f"no video {HOSTILE}"})
    tracks = folder / "tracks/0000.tsv"
    empty = dict.fromkeys(TRACK_COLUMNS, "")
    write_text(tracks, format_rows(TRACK_COLUMNS, [empty | row for row in rows]))
    write_timeline(folder / "timeline.csv")
    write_predictions(folder / "predictions.csv", folder)
    summary = {"options": {"error_rate": 0.1}, "model": {"name": HOSTILE, "doubt": ""}}
    (folder / "predict.json").write_text(json.dumps(summary))
    overlay_bucket(
        tracks,
        folder / "timeline.csv",
        index=folder / "overlays/0000.tsv",
        folder=folder / "overlays",
        store=folder / "store",
        options=OverlayOptions(max_height=120),
        default_fps=25.0,
    )
    files = RunFiles(
        name="my & run",
        predictions=folder / "predictions.csv",
        timeline=folder / "timeline.csv",
        summary=folder / "predict.json",
        tracks=[tracks],
        overlays=[folder / "overlays/0000.tsv"],
        store=folder / "store",
    )
    write_pages(files, html=folder / "index.html")
    return files


def detected():
    """The face is lost from 6 to 8 s."""
    return np.array([not 6000 <= ms < 8000 for ms in TIMES])


def shapes():
    """A smile about 3 s, at its largest at 3.2 s, and another one from 9 s on."""
    values = np.zeros((len(TIMES), len(BLENDSHAPES)), np.float32)
    smile = np.interp(TIMES, [2500, 3200, 3900, 9000, 9300, 9900], [0, 0.9, 0, 0, 0.6, 0.6])
    values[:, [BLENDSHAPES.index(f"mouthSmile{side}") for side in ("Left", "Right")]] = smile[
        :, None
    ]
    return values


def write_timeline(path):
    rows = []
    for video in KEYS:
        for start in range(7):
            there = start < 3
            happy = 0.9 - 0.3 * start
            values = (0.05, happy, 0.95 - happy) if there else ("", "", "")
            answer = ("" if not there else CLASSES[1]) if happy > 0.45 else CLASSES[2] * there
            trusted = "yes" if start == 0 else "no"
            rows.append(
                [video, "primary", start, start + 4, answer, *values, answer, trusted, HOSTILE]
            )
    columns = ["video", "person", "start_seconds", "end_seconds", "answer"]
    tail = ["prediction_set", "trusted", "why"]
    write_csv(path, [*columns, *(f"p_{name}" for name in CLASSES), *tail], rows)


def write_predictions(path, folder):
    common = {"person": "primary", "calibrated": "no", "model": f"java {HOSTILE}"}
    rows = [
        {
            "video": "first", "answer": "angry", "p": (0.7, 0.1, 0.2), "prediction_set": "angry",
            "trusted": "yes", "why": "", "coverage": 0.8, "duration_seconds": 10,
        },
        {
            "video": "second", "answer": CLASSES[1], "p": (0.2, 0.5, 0.3),
            "prediction_set": f"{CLASSES[1]}|sad", "trusted": "no", "why": HOSTILE,
            "coverage": 0.9, "duration_seconds": 9,
        },
        {
            "video": "broken", "answer": "", "p": ("", "", ""), "prediction_set": "",
            "trusted": "no", "why": f"no video {HOSTILE}", "coverage": 0, "duration_seconds": 0,
        },
    ]  # fmt: skip
    columns = ["video", "path", "person", "answer", *(f"p_{name}" for name in CLASSES)]
    columns += ["prediction_set", "trusted", "why", "distance", "frames", "detected_frames"]
    columns += ["coverage", "duration_seconds", "calibrated", "model"]
    table = []
    for row in rows:
        row |= common | dict(zip((f"p_{name}" for name in CLASSES), row.pop("p"), strict=True))
        row |= {"path": str(folder / f"{HOSTILE}.mp4"), "distance": 40}
        row |= {"frames": 100, "detected_frames": round(100 * row["coverage"])}
        table.append([row[name] for name in columns])
    write_csv(path, columns, table)
