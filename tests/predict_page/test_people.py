"""The page of a video in which everybody was answered for."""

import json
import re

import numpy as np

from facewave.predict_page.write import RunFiles, write_pages
from facewave.storage.atomic import write_text
from facewave.storage.store import shard_path
from facewave.storage.tables import format_rows, write_csv
from facewave.tracking.track_index import TRACK_COLUMNS
from tests.overlay.overlay_files import CLASSES, timeline_text
from tests.tracking.track_shards import write_people_shard

TAIL = (
    "prediction_set", "trusted", "why", "distance", "frames", "detected_frames", "coverage",
    "duration_seconds", "calibrated", "model",
)  # fmt: skip


def test_each_person_has_their_own_lines(tmp_path):
    seen = np.ones((2, 75), bool)
    seen[0, 25:50] = False
    shapes = np.random.default_rng(0).uniform(size=(2, 75, 52))
    boxes = [(0.05, 0.2, 0.25, 0.6), (0.45, 0.2, 0.65, 0.6)]
    shard = shard_path(tmp_path / "store", "tracks", "a" * 64)
    write_people_shard(shard, seen, boxes, blendshapes=shapes)
    row = dict.fromkeys(TRACK_COLUMNS, "") | {"clip_id": "v", "file_path": "v.mp4", "key": "a" * 64}
    write_text(tmp_path / "tracks.tsv", format_rows(TRACK_COLUMNS, [row]))
    windows = [("v", person, 0, 3, "sad", (0, 0, 1), "sad", "yes") for person in "01"]
    (tmp_path / "timeline.csv").write_text(timeline_text(windows), encoding="utf-8")
    columns = ["video", "path", "person", "answer", *(f"p_{name}" for name in CLASSES), *TAIL]
    end = ["sad", "yes", "", 5, 75]
    write_csv(
        tmp_path / "predictions.csv",
        columns,
        [
            ["v", "v.mp4", person, "sad", 0, 0, 1, *end, found, found / 75, 3, "no", "m"]
            for person, found in (("0", 50), ("1", 75))
        ],
    )
    (tmp_path / "predict.json").write_text("{}")
    files = RunFiles(
        name="mine",
        predictions=tmp_path / "predictions.csv",
        timeline=tmp_path / "timeline.csv",
        summary=tmp_path / "predict.json",
        tracks=[tmp_path / "tracks.tsv"],
        overlays=[],
        store=tmp_path / "store",
    )
    write_pages(files, html=tmp_path / "index.html")
    page = (tmp_path / "videos/v.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
    # Person 1 is nearer to the middle: the video follows them.
    first, second = data["persons"]
    assert (first["name"], second["name"]) == ("1", "0")
    assert data["face"] == [[0, 2.96]]
    assert second["lines"]["face"] == [[0, 1], [2, 2.96]]
    assert second["lines"]["shapes"].keys() == data["shapes"].keys()
    assert second["lines"]["shapes"]["jawOpen"] != data["shapes"]["jawOpen"]
    assert "in 75 of 75 frames" in page
    assert "Events of person 1" in page
