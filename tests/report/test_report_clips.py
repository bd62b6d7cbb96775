"""Pictures of clips and the example of a code in the report."""

import base64
from dataclasses import replace

import cv2
import numpy as np
import pytest

from facewave.report import figures
from facewave.report.clips import read_clips
from facewave.report.thumbnails import make_thumbnail
from facewave.report.wavelet import wavelet_example
from facewave.storage.store import shard_path
from tests.report.report_files import FRAMES, build


@pytest.fixture(scope="module")
def artefacts(report_artefacts):
    return report_artefacts


@pytest.fixture(scope="module")
def clips(artefacts):
    found = read_clips(
        artefacts["manifest"], artefacts["track_indexes"], artefacts["feature_indexes"]
    )
    return {clip.clip_id: clip for clip in found}


def pixels(thumbnail):
    data = base64.b64decode(thumbnail.uri.partition(",")[2])
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).astype(int)


def test_picture_is_of_the_detected_frame_nearest_to_the_middle(clips, artefacts):
    # Detected are 10 to 21, the middle is 11; `flat_frames` paints frame i with 40 + 5 i.
    picture = make_thumbnail(clips["half"], store=artefacts["store"])
    assert (picture.frame, picture.landmarks) == (11, True)
    assert (picture.width, picture.height) == (220, 165)
    assert abs(np.median(pixels(picture)) - (40 + 5 * 11)) <= 3


def test_landmarks_are_drawn_where_they_are(clips, artefacts):
    image = pixels(make_thumbnail(clips["good0"], store=artefacts["store"]))
    blue = image[:, :, 0] - image[:, :, 2] > 30
    rows, columns = np.nonzero(blue)
    assert blue.sum() > 100
    assert rows.min() > 0.35 * 165
    assert rows.max() < 0.7 * 165
    assert columns.min() > 0.37 * 220
    assert columns.max() < 0.63 * 220


def test_clip_without_a_face_shows_its_middle_without_dots(clips, artefacts):
    picture = make_thumbnail(clips["noface"], store=artefacts["store"])
    assert (picture.frame, picture.landmarks) == ((FRAMES - 1) // 2, False)
    assert np.ptp(pixels(picture), axis=2).max() < 20


def test_damaged_trajectory_costs_the_dots_only(clips, artefacts, tmp_path):
    clip = clips["good1"]
    shard = shard_path(artefacts["store"], "tracks", clip.track_key)
    damaged = shard_path(tmp_path, "tracks", clip.track_key)
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(shard.read_bytes()[:2000])
    picture = make_thumbnail(clip, store=tmp_path)
    assert picture.uri
    assert not picture.landmarks
    assert wavelet_example([clip], store=tmp_path) is None


def test_wavelet_example_shows_the_liveliest_clip_and_one_of_each_pair(clips, artefacts):
    example = wavelet_example(list(clips.values()), store=artefacts["store"])
    assert example.clip.clip_id in ("good2", "good5")
    assert [trace.name for trace in example.traces] == [
        "jawOpen",
        "mouthSmileLeft",
        "lower lip (landmark 14), y",
    ]
    assert example.clip_bytes == FRAMES * 1486 * 4
    assert example.code_bytes == 8 * 1486 * 4
    for trace in example.traces:
        assert trace.error < 0.1 * trace.span


def test_frames_that_a_code_has_lost_are_left_open(tmp_path):
    made = build(tmp_path, layout="paper")
    found = read_clips(made["manifest"], made["track_indexes"], made["feature_indexes"])
    example = wavelet_example(found, store=made["store"])
    [trace, *_] = example.traces
    # 24 frames are padded to 32 and held in 8 blocks of 4: all are known.
    assert np.isfinite(trace.rebuilt).all()
    lost = replace(trace, rebuilt=np.where(np.arange(FRAMES) < 16, trace.rebuilt, np.nan))
    assert figures.trajectory(example, lost).uri
    assert figures.code_bars(example, lost).uri
