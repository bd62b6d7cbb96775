"""The followed face in a whole video: over a cut, each window follows its own."""

import numpy as np

from facewave.overlay.followed import followed_first, open_followed, shown_name, video_rows
from facewave.overlay.timeline import read_timelines
from facewave.storage.store import read_shard, write_shard
from facewave.tracking.trajectory import open_trajectory
from tests.overlay.overlay_files import timeline_text
from tests.overlay.overlay_files import write_shard as write_face_shard
from tests.tracking.track_shards import write_people_shard


def two_people(path):
    """Write a shard of 40 frames in 4 s: one person in the first 25, another in the rest."""
    times = (100 * np.arange(40)).tolist()
    arrays, metadata = read_shard(write_face_shard(path, times=times))
    arrays["person"] = np.repeat([0, 1], [25, 15]).astype("<i4")
    arrays["cuts"] = np.array([25], "<i4")
    path.unlink()
    write_shard(path, arrays, metadata)
    return path


def timeline(folder, *windows):
    rows = [("v", "primary", start, end, "sad", (0, 0, 1), "sad", "yes") for start, end in windows]
    (folder / "timeline.csv").write_text(timeline_text(rows), encoding="utf-8")
    return read_timelines(folder / "timeline.csv")["v"][0]


def test_without_windows_it_is_the_person_of_the_whole_video(tmp_path):
    clip = open_followed(two_people(tmp_path / "t.npz"), None)
    assert np.flatnonzero(clip.detected).tolist() == list(range(25))


def test_each_window_follows_its_own_person(tmp_path):
    shard = two_people(tmp_path / "t.npz")
    # Middles at 1, 2 and 3 s: the second window holds both people, the first one for longer.
    clip = open_followed(shard, timeline(tmp_path, (0, 2), (1, 3), (2, 4)))
    assert open_trajectory(shard, span_ms=(1000, 3000)).rows[0] >= 0
    # Until 2.5 s the first two windows are shown, from then on the third, of the other person.
    assert clip.rows.tolist() == list(range(40))


def test_frames_of_no_window_have_the_person_of_the_video(tmp_path):
    clip = open_followed(two_people(tmp_path / "t.npz"), timeline(tmp_path, (3.0, 3.5)))
    expected = [*range(25), *[-1] * 5, *range(30, 35), *[-1] * 5]
    assert clip.rows.tolist() == expected


def test_rows_of_an_index_by_video():
    rows = [
        {"clip_id": "a__0000", "end_ms": "4000"},
        {"clip_id": "a__0001", "end_ms": "5000"},
        {"clip_id": "b__c", "end_ms": ""},
    ]
    assert video_rows(rows) == {"a": rows[0], "b__c": rows[2]}


def test_a_person_with_a_number_is_followed_through_the_whole_video(tmp_path):
    shard = together(tmp_path / "t.npz")
    rows = [("v", person, 0, 3, "sad", (0, 0, 1), "sad", "yes") for person in ("0", "1")]
    (tmp_path / "timeline.csv").write_text(timeline_text(rows), encoding="utf-8")
    first, second = followed_first(shard, read_timelines(tmp_path / "timeline.csv")["v"])
    # Person 1 is nearer to the middle.
    assert (first.person, second.person) == ("1", "0")
    for timeline, number in ((first, 1), (second, 0)):
        given = open_followed(shard, timeline)
        assert given.rows.tolist() == open_trajectory(shard, person=number).rows.tolist()
    assert [shown_name(name) for name in ("primary", "2", "Ann")] == [
        "followed face", "person 2", "Ann"
    ]  # fmt: skip


def together(path):
    boxes = [(0.05, 0.2, 0.25, 0.6), (0.45, 0.2, 0.65, 0.6)]
    return write_people_shard(path, np.ones((2, 75), bool), boxes, lively=(0, 1))
