"""The trajectory of a clip by its name."""

import doctest
import subprocess
import sys

import numpy as np
import pytest

import facewave
from facewave.frame_tables import clip_tracks
from facewave.frame_tables.clip_tracks import ClipNotFoundError
from facewave.storage.atomic import write_text
from facewave.storage.store import shard_path
from facewave.storage.tables import format_rows
from facewave.tracking.track_index import TRACK_COLUMNS
from tests.frame_tables.posed_face import SIZE, in_space, landmarks, write_faces

KEY = "ab" * 32


@pytest.fixture
def results(tmp_path):
    """Two datasets; both have a clip `twin`, and one a segment."""
    folder = tmp_path / "results"
    face = landmarks(in_space(np.array([0.0, 0.4, 0.0]), np.array([0.0, 0.0, 600.0])))
    shard = shard_path(folder / "store", "tracks", KEY)
    write_faces(shard, [face] * 12, detected=np.arange(12) != 5)
    clips = {
        "demo": [
            ("s01_happy_t1", KEY, "", ""),
            ("twin", KEY, "", ""),
            ("twin__1", KEY, "40", "160"),
        ],
        "mine": [("twin", KEY, "", ""), ("broken", "", "", "")],
    }
    for name, rows in clips.items():
        cells = [
            dict.fromkeys(TRACK_COLUMNS, "")
            | {"clip_id": clip, "key": key, "start_ms": start, "end_ms": end}
            | {"file_path": f"{clip}.mp4", "error": "" if key else "it is not a video file"}
            for clip, key, start, end in rows
        ]
        write_text(folder / name / "tracks/0000.tsv", format_rows(TRACK_COLUMNS, cells))
    return folder


def test_what_a_clip_is(results):
    clip = facewave.tracks(results, "s01_happy_t1")
    assert (clip.dataset, clip.file_path, clip.points) == (
        "demo",
        "s01_happy_t1.mp4",
        "mediapipe_478",
    )
    assert (clip.width, clip.height, clip.fps) == (*SIZE, 25.0)
    assert clip.landmarks.shape == (12, 478, 3)
    assert clip.blendshapes.shape == (12, 52)
    assert clip.pose[0, 0] == pytest.approx(-np.degrees(0.4), abs=1)
    assert np.flatnonzero(~clip.detected).tolist() == [5]
    assert np.isnan(clip.landmarks[5]).all()
    assert np.isnan(clip.pose[5]).all()
    assert clip.action_units == {}


def test_a_segment_keeps_the_time_of_its_video(results):
    clip = facewave.tracks(str(results), "twin__1")
    assert clip.times.tolist() == [0.04, 0.08, 0.12]
    assert len(clip.landmarks) == 3


@pytest.mark.parametrize(
    ("clip", "dataset", "words"),
    [
        ("s01_hapy_t1", None, r"no clip 's01_hapy_t1' among the 5 .*did you mean 's01_happy_t1'"),
        ("twin", None, r"the datasets demo, mine have a clip 'twin' each: name one"),
        ("twin", "other", r"no tracked clips of dataset 'other'; there are demo, mine"),
        ("broken", None, r"clip 'broken' of mine was not tracked: it is not a video file"),
    ],
)
def test_what_cannot_be_found_is_said(results, clip, dataset, words):
    with pytest.raises(ClipNotFoundError, match=words):
        facewave.tracks(results, clip, dataset=dataset)
    assert facewave.tracks(results, "twin", dataset="mine").dataset == "mine"


def test_a_folder_without_results(tmp_path):
    with pytest.raises(ClipNotFoundError, match="no tracked clips; expected the folder"):
        facewave.tracks(tmp_path, "a")


def test_the_example(results, monkeypatch):
    monkeypatch.chdir(results.parent)
    found = doctest.testmod(clip_tracks)
    assert (found.attempted, found.failed) == (4, 0)


def test_the_package_loads_nothing_before_it_is_used():
    code = "import sys, facewave; assert 'tracks' in dir(facewave); print(len(sys.modules))"
    code += "; assert not {'numpy', 'cv2', 'facewave.tracking'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    with pytest.raises(AttributeError, match="no attribute 'trakcs'"):
        facewave.trakcs  # noqa: B018
