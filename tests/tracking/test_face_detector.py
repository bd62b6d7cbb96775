"""Looks for faces, against MediaPipe's own API."""

import zipfile

import cv2
import numpy as np
import pytest

from facewave.tracking.face_detector import FaceDetector, shared_detector
from facewave.tracking.landmarker import LandmarkerError
from tests.video.media import beside, face_frames


@pytest.fixture
def pictures():
    """Two faces, one, none, and a picture that is turned, so that its rows are not contiguous."""
    (both,) = (
        cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) for frame in beside(face_frames(1), face_frames(1))
    )
    one = both[:, : both.shape[1] // 2]
    return [both, one, np.full_like(one, 90), both[:, ::-1]]


def test_equal_to_the_public_api_bit_for_bit(landmarker_model, pictures):
    import mediapipe as mp

    vision = mp.tasks.vision
    with zipfile.ZipFile(landmarker_model) as bundle:
        data = bundle.read("face_detector.tflite")
    options = vision.FaceDetectorOptions(base_options=mp.tasks.BaseOptions(model_asset_buffer=data))
    found = []
    with vision.FaceDetector.create_from_options(options) as detector:
        for picture in pictures:
            height, width = picture.shape[:2]
            image = mp.Image(mp.ImageFormat.SRGB, np.ascontiguousarray(picture))
            faces = detector.detect(image).detections
            found.append(
                [
                    (
                        box.origin_x / width,
                        box.origin_y / height,
                        (box.origin_x + box.width) / width,
                        (box.origin_y + box.height) / height,
                        face.categories[0].score,
                    )
                    for face in sorted(faces, key=lambda face: -face.categories[0].score)
                    for box in [face.bounding_box]
                ]
            )
    assert [len(faces) for faces in found] == [2, 1, 0, 2]
    ours = shared_detector(landmarker_model, 0.5)
    assert [list(map(tuple, ours.detect(picture))) for picture in pictures] == found


def test_a_bundle_without_a_detector(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.task", "w") as bundle:
        bundle.writestr("hand_detector.tflite", b"")
    with pytest.raises(LandmarkerError, match="no face detector"):
        FaceDetector(tmp_path / "other.task", 0.5)
