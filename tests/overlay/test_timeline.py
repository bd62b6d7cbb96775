"""Timelines: which window is shown when, and what is refused."""

import numpy as np
import pytest

from facewave.overlay.timeline import TimelineError, read_timelines
from tests.overlay.overlay_files import CLASSES, timeline_text

ROWS = [
    # In any order; windows of 4 s a second apart, a pause, and a last one.
    ("b", "1", 1.0, 5.0, "sad", (0.1, 0.2, 0.7), "sad", "yes"),
    ("b", "1", 0.0, 4.0, "angry", (0.6, 0.3, 0.1), "angry|glücklich", "no"),
    ("a", "1", 0.0, 2.0, "sad", (0.0, 0.1, 0.9), "sad", "yes"),
    ("b", "1", 2.0, 6.0, "", ("", "", ""), "", "no"),
    ("b", "1", 10.0, 14.0, "sad", (0.1, 0.2, 0.7), "sad", "yes"),
    ("b", "2", 0.0, 4.0, "sad", (0.1, 0.2, 0.7), "sad", "yes"),
]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "timeline.csv"
    path.write_text(timeline_text(ROWS), encoding="utf-8")
    return path


def test_rows_are_sorted_by_video_person_and_time(table):
    found = read_timelines(table)
    assert {video: [one.person for one in many] for video, many in found.items()} == {
        "b": ["1", "2"],
        "a": ["1"],
    }
    first = found["b"][0]
    assert first.classes == CLASSES
    assert first.start.tolist() == [0, 1, 2, 10]
    assert first.answers == ("angry", "sad", "", "sad")
    assert first.sets[0] == "angry|glücklich"
    assert first.trusted.tolist() == [False, True, False, True]
    assert first.probabilities[1].tolist() == [0.1, 0.2, 0.7]
    assert np.isnan(first.probabilities[2]).all()
    assert first.reasons[0] == "because"


def test_only_wanted_videos_are_read(table):
    assert list(read_timelines(table, videos={"a"})) == ["a"]


def test_a_moment_shows_the_window_with_the_nearest_middle(table):
    one = read_timelines(table)["b"][0]
    # Middles at 2, 3, 4 and 12 s; the third ends at 6, the fourth begins at 10.
    assert one.spans().tolist() == [[0, 2.5], [2.5, 3.5], [3.5, 6], [10, 14]]
    times = np.array([-0.1, 0, 2.4, 2.5, 3.4, 5.9, 6, 9.9, 10, 13.9, 14, 14.1])
    assert one.shown(times).tolist() == [-1, 0, 0, 1, 1, 2, -1, -1, 3, 3, 3, -1]
    assert one.shown_at(3.0) == 1


def test_missing_columns_are_named(tmp_path):
    path = tmp_path / "timeline.csv"
    path.write_text("video,person,start_seconds,answer,p_a\n", encoding="utf-8")
    with pytest.raises(TimelineError, match="no column end_seconds, prediction_set"):
        read_timelines(path)
    path.write_text("video,person,start_seconds,end_seconds,answer,prediction_set\n")
    with pytest.raises(TimelineError, match="probabilities of the classes"):
        read_timelines(path)


def test_a_cell_that_is_no_number_is_named_by_its_line(table):
    table.write_text(table.read_text().replace("b,1,1.0,5.0", "b,1,soon,5.0"))
    with pytest.raises(TimelineError, match="line 2"):
        read_timelines(table)
