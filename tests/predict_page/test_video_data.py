"""The data of a page: that it can stand in a script, and that numbers come back out of it."""

import base64
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.predict_page.curves import Curves
from facewave.predict_page.events import Event
from facewave.predict_page.video_data import found_spans, script_json, video_data
from facewave.tracking.trajectory import open_trajectory
from tests.overlay.overlay_files import CLASSES, write_shard
from tests.overlay.test_timeline import ROWS, read_timelines, timeline_text


@settings(max_examples=40)
@given(st.recursive(st.text() | st.integers() | st.none(), st.lists, max_leaves=10))
def test_json_in_a_script_is_the_same_value_and_ends_no_script(value):
    text = str(script_json({"value": value}))
    assert json.loads(text) == {"value": value}
    assert text.isascii()
    assert not set("<>&") & set(text)


def test_json_has_no_nan():
    with pytest.raises(ValueError):
        script_json([float("nan")])


def test_spans_of_a_face():
    times = np.array([0, 100, 200, 300, 450], np.int64)
    seen = np.array([1, 1, 0, 0, 1], bool)
    assert found_spans(times, seen) == [[0, 0.2], [0.45, 0.45]]
    assert found_spans(times, ~seen) == [[0.2, 0.45]]
    assert found_spans(times[:0], seen[:0]) == []


def test_numbers_come_back(tmp_path):
    (tmp_path / "timeline.csv").write_text(timeline_text(ROWS), encoding="utf-8")
    clip = open_trajectory(write_shard(tmp_path / "t.npz"))
    pose = np.array([[1.26, -20, 90], [np.nan] * 3], np.float32)
    curves = Curves(step=0.1, pose=pose, shapes={"jawOpen": np.float32([0.25, np.nan])})
    data = video_data(
        clip,
        read_timelines(tmp_path / "timeline.csv")["b"],
        classes=CLASSES,
        curves=curves,
        events=[Event(ms=1500, kind="smile", size=0.5, text="smile (0.50)")],
    )
    data = json.loads(script_json(data))
    assert data["duration"] == 1.04
    angles = [np.frombuffer(base64.b64decode(text), "<i2").tolist() for text in data["pose"]]
    assert angles == [[13, -32768], [-200, -32768], [900, -32768]]
    assert base64.b64decode(data["shapes"]["jawOpen"]) == bytes([50, 255])
    assert data["events"] == [{"t": 1.5, "kind": "smile", "text": "smile (0.50)"}]
    first, second = data["persons"]
    assert (first["name"], second["name"]) == ("1", "2")
    assert first["spans"] == [[0, 2.5], [2.5, 3.5], [3.5, 6], [10, 14]]
    assert first["answer"] == [0, 2, -1, 2]
    assert first["set"] == [[0, 1], [2], [], [2]]
    assert first["p"] == [[600, 300, 100], [100, 200, 700], None, [100, 200, 700]]
    assert first["trusted"] == [0, 1, 0, 1]
    assert [first["reasons"][i] for i in first["why"]] == ["because"] * 4
