"""Frames of clips with their landmarks."""

import base64

import cv2
import numpy as np

from facewave.report.thumbnails import make_thumbnail
from facewave.report.wavelet import wavelet_example
from facewave.storage.store import shard_path


def pixels(thumbnail):
    data = base64.b64decode(thumbnail.uri.partition(",")[2])
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).astype(int)


def test_picture_is_of_a_detected_frame_near_the_middle(clips, artefacts):
    # Detected are 10 to 21. The first faces in each half second, 10 and 13, are as far from the
    # middle as each other. `flat_frames` paints frame i with 40 + 5 i.
    picture = make_thumbnail(clips["half"], store=artefacts.files.store)
    assert (picture.frame, picture.landmarks) == (10, True)
    assert (picture.width, picture.height) == (220, 165)
    assert abs(np.median(pixels(picture)) - (40 + 5 * 10)) <= 3


def test_landmarks_are_drawn_where_they_are(clips, artefacts):
    image = pixels(make_thumbnail(clips["good0"], store=artefacts.files.store))
    blue = image[:, :, 0] - image[:, :, 2] > 30
    rows, columns = np.nonzero(blue)
    assert blue.sum() > 100
    assert rows.min() > 0.35 * 165
    assert rows.max() < 0.7 * 165
    assert columns.min() > 0.37 * 220
    assert columns.max() < 0.63 * 220


def test_clip_without_a_face_shows_its_middle_without_dots(clips, artefacts):
    picture = make_thumbnail(clips["noface"], store=artefacts.files.store)
    assert (picture.frame, picture.landmarks) == (13, False)
    assert np.ptp(pixels(picture), axis=2).max() < 20


def test_damaged_trajectory_is_said(clips, artefacts, tmp_path):
    clip = clips["good1"]
    shard = shard_path(artefacts.files.store, "tracks", clip.track_key)
    damaged = shard_path(tmp_path, "tracks", clip.track_key)
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(shard.read_bytes()[:2000])
    picture = make_thumbnail(clip, store=tmp_path)
    assert (picture.uri, picture.landmarks) == ("", False)
    assert "--forcerun track_faces" in picture.problem
    assert wavelet_example([clip], store=tmp_path) is None
