"""The tables of a run, out of the parts of its buckets."""

import csv
import json

import pytest

from facewave.predict.join import join_parts
from facewave.predict.rows import RowBuffer, VideoRow, WindowRow, write_part

CLASSES = ("happy", "sad, or not")


@pytest.fixture
def joined(tmp_path):
    """Two buckets; names that are not in the order of letters."""
    answered = {"answer": "happy", "probabilities": [2 / 3, 1 / 3], "prediction_set": CLASSES}
    for bucket, names in enumerate((["clip10"], ["clip9", "clip1"])):
        videos, windows = RowBuffer(VideoRow, CLASSES), RowBuffer(WindowRow, CLASSES)
        for name in names:
            given = answered if name != "clip1" else {"why": 'no "face"'}
            videos.rows.append(VideoRow(video=name, path="a,b.mp4", person="primary", **given))
            for start in (4.0, 0.0):
                span = {"start_seconds": start, "end_seconds": start + 4}
                windows.rows.append(WindowRow(video=name, person="primary", **span, **given))
        write_part(tmp_path / f"{bucket}.videos.parquet", videos)
        write_part(tmp_path / f"{bucket}.windows.parquet", windows)
    join_parts(
        sorted(tmp_path.glob("*.videos.parquet")),
        sorted(tmp_path.glob("*.windows.parquet")),
        predictions=tmp_path / "predictions.csv",
        timeline=tmp_path / "timeline.csv",
        summary=tmp_path / "predict.json",
        description={"classes": list(CLASSES)},
    )
    return tmp_path


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_rows_are_in_the_order_in_which_people_count(joined):
    found = rows(joined / "predictions.csv")
    assert [row["video"] for row in found] == ["clip1", "clip9", "clip10"]
    nobody, somebody = found[:2]
    assert (nobody["answer"], nobody["p_happy"], nobody["why"]) == ("", "", 'no "face"')
    assert (somebody["p_happy"], somebody["p_sad, or not"]) == ("0.66666669", "0.33333334")
    assert somebody["prediction_set"] == "happy|sad, or not"
    assert (somebody["path"], somebody["trusted"], somebody["distance"]) == ("a,b.mp4", "no", "")
    timeline = rows(joined / "timeline.csv")
    assert [(row["video"], row["start_seconds"]) for row in timeline[:3]] == [
        ("clip1", "0"), ("clip1", "4"), ("clip9", "0")
    ]  # fmt: skip


def test_persons_are_in_the_order_of_their_numbers(tmp_path):
    for kind, name in ((VideoRow, "videos"), (WindowRow, "windows")):
        buffer = RowBuffer(kind, CLASSES)
        for person in ("10", "2", "0"):
            more = {"path": "v.mp4"} if kind is VideoRow else {"start_seconds": 0, "end_seconds": 4}
            buffer.rows.append(kind(video="v", person=person, **more))
        write_part(tmp_path / f"{name}.parquet", buffer)
    counts = join_parts(
        [tmp_path / "videos.parquet"],
        [tmp_path / "windows.parquet"],
        predictions=tmp_path / "predictions.csv",
        timeline=tmp_path / "timeline.csv",
        summary=tmp_path / "predict.json",
        description={},
    )
    assert (counts["videos"], counts["rows"]) == (1, 3)
    for name in ("predictions.csv", "timeline.csv"):
        assert [row["person"] for row in rows(tmp_path / name)] == ["0", "2", "10"]


def test_the_summary_counts(joined):
    summary = json.loads((joined / "predict.json").read_text())
    assert summary["classes"] == list(CLASSES)
    assert summary["counts"] == {
        "videos": 3, "rows": 3, "answered": 2, "trusted": 0, "windows": 6, "answers": {"happy": 2},
    }  # fmt: skip
