"""The landmarker's results as arrays, against MediaPipe's own API."""

import subprocess
import sys
from dataclasses import asdict

import cv2
import numpy as np
import pytest

from facewave.config.check import check_config
from facewave.tracking import landmarker as module
from facewave.tracking.landmarker import (
    N_BLENDSHAPES,
    N_LANDMARKS,
    LandmarkerError,
    LandmarkerOptions,
    VideoLandmarker,
    blendshape_names,
    video_landmarker,
)
from tests.video.media import beside, face_frames


def rgb(frames):
    return [cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) for frame in frames]


@pytest.fixture(scope="module")
def frames():
    """Two faces, then one, then none, then one again."""
    both = rgb(beside(face_frames(3), face_frames(3)))
    one = rgb(beside(face_frames(2), (np.full_like(f, 127) for f in face_frames(2))))
    return [*both, *one, np.full_like(both[0], 90), *one]


def public_results(model, options, frames):
    """Return MediaPipe's own results, made with its public names only."""
    import mediapipe as mp

    vision = mp.tasks.vision
    task_options = vision.FaceLandmarkerOptions(
        base_options=mp.tasks.BaseOptions(model_asset_path=str(model)),
        running_mode=vision.RunningMode.VIDEO,
        num_faces=options.max_faces,
        min_face_detection_confidence=options.min_detection_confidence,
        min_face_presence_confidence=options.min_presence_confidence,
        min_tracking_confidence=options.min_tracking_confidence,
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    with vision.FaceLandmarker.create_from_options(task_options) as landmarker:
        return [
            landmarker.detect_for_video(mp.Image(mp.ImageFormat.SRGB, frame), 40 * index + 1)
            for index, frame in enumerate(frames)
        ]


@pytest.mark.parametrize(("max_faces", "tracking"), [(1, 0.5), (2, 0.5), (3, 0.95)])
def test_equal_to_the_public_api_bit_for_bit(landmarker_model, frames, max_faces, tracking):
    options = LandmarkerOptions(max_faces, 0.4, 0.5, tracking)
    expected = public_results(landmarker_model, options, frames)
    counts = []
    with video_landmarker(landmarker_model, options) as landmarker:
        for index, (frame, result) in enumerate(zip(frames, expected, strict=True)):
            faces = landmarker.detect(frame, 40 * index)
            counts.append(len(faces))
            assert len(faces) == len(result.face_landmarks)
            for face in range(len(faces)):
                points = [(p.x, p.y, p.z) for p in result.face_landmarks[face]]
                np.testing.assert_array_equal(faces.landmarks[face], np.float32(points))
                scores = np.zeros(N_BLENDSHAPES, np.float32)
                for category in result.face_blendshapes[face]:
                    scores[category.index] = category.score
                np.testing.assert_array_equal(faces.blendshapes[face], scores)
                matrix = result.facial_transformation_matrixes[face]
                np.testing.assert_array_equal(faces.transforms[face], np.float32(matrix))
    assert counts[0] == min(max_faces, 2)
    assert counts[5] == 0 < counts[7]


def test_shapes_and_ranges(landmarker_model, frames):
    with video_landmarker(landmarker_model, LandmarkerOptions(max_faces=2)) as landmarker:
        faces = landmarker.detect(frames[0], 0)
        none = landmarker.detect(np.zeros_like(frames[0]), 40)
    assert faces.landmarks.shape == (2, N_LANDMARKS, 3)
    assert faces.blendshapes.shape == (2, N_BLENDSHAPES)
    assert faces.transforms.shape == (2, 4, 4)
    assert {a.dtype for a in vars(faces).values()} == {np.dtype(np.float32)}
    assert 0 <= faces.blendshapes.min() < 0.01 < 0.3 < faces.blendshapes.max() <= 1
    np.testing.assert_array_equal(faces.transforms[:, 3], [[0, 0, 0, 1]] * 2)
    assert (len(none), none.landmarks.shape) == (0, (0, N_LANDMARKS, 3))


def results(landmarker, pictures, *, step_ms=40):
    found = [landmarker.detect(picture, step_ms * i) for i, picture in enumerate(pictures)]
    return [array for faces in found for array in vars(faces).values()]


def assert_equal(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("max_faces", [1, 2])
def test_a_landmarker_that_was_used_before_gives_what_a_new_one_gives(
    landmarker_model, frames, max_faces
):
    options = LandmarkerOptions(max_faces, 0.41)
    smaller = [np.ascontiguousarray(frame[::2, ::2]) for frame in frames[::-1]]
    # The last picture of each but the third shows a face.
    videos = [frames[:5], smaller[:3], [np.zeros_like(frames[0])] * 2, frames[3:5], frames[3:5]]
    used = set()
    for number, video in enumerate(videos):
        new = VideoLandmarker(landmarker_model, options)
        expected = results(new, video, step_ms=30 + number)
        new.close()
        with video_landmarker(landmarker_model, options) as again:
            used.add(again)
            assert_equal(results(again, video, step_ms=30 + number), expected)
    assert len(used) == 1


def test_a_landmarker_that_cannot_start_again_is_not_used_again(
    landmarker_model, frames, monkeypatch
):
    options = LandmarkerOptions(1, 0.42)
    with video_landmarker(landmarker_model, options) as first:
        first.detect(frames[0], 0)
    # As if nothing could make it forget the face.
    monkeypatch.setattr(module, "_NOTHING", frames[0])
    with video_landmarker(landmarker_model, options) as second:
        assert second is not first
        assert second.detect(frames[1], 0)


def test_after_an_error_of_mediapipe_the_next_video_is_read(landmarker_model, frames):
    options = LandmarkerOptions(1, 0.43)
    for _ in range(2):
        with video_landmarker(landmarker_model, options) as tracker:
            tracker.detect(frames[0], 40)
            with pytest.raises(ValueError, match="monotonically increasing"):
                tracker.detect(frames[0], 40)


def test_every_result_and_picture_is_freed(landmarker_model, frames):
    calls = []

    class Spy:
        def __init__(self, library):
            self.library = library

        def __getattr__(self, name):
            calls.append(name)
            return getattr(self.library, name)

    landmarker = VideoLandmarker(landmarker_model, LandmarkerOptions())
    landmarker._calls._library = Spy(landmarker._calls._library)
    for index, frame in enumerate(frames[:3]):
        landmarker.detect(frame, 40 * index)
    with pytest.raises((ValueError, RuntimeError), match="timestamp"):
        landmarker.detect(frames[3], 0)
    landmarker.close()
    assert calls.count("MpFaceLandmarkerDetectForVideo") == 4
    assert calls.count("MpFaceLandmarkerCloseResult") == calls.count("MpImageFree") == 4
    assert calls.count("MpErrorFree") == 1


def test_blendshape_names_are_those_that_mediapipe_reports(landmarker_model, frames):
    (result,) = public_results(landmarker_model, LandmarkerOptions(), frames[3:4])
    categories = sorted(result.face_blendshapes[0], key=lambda category: category.index)
    assert [category.category_name for category in categories] == blendshape_names()
    assert len(set(blendshape_names())) == N_BLENDSHAPES
    assert blendshape_names()[:2] == ["_neutral", "browDownLeft"]


@pytest.mark.parametrize("timestamp", [40, 39])
def test_time_must_grow(landmarker_model, frames, timestamp):
    with video_landmarker(landmarker_model, LandmarkerOptions()) as landmarker:
        landmarker.detect(frames[0], 40)
        with pytest.raises(ValueError, match="monotonically increasing"):
            landmarker.detect(frames[0], timestamp)


@pytest.mark.parametrize("content", [b"no model" * 100, b""])
def test_a_model_that_mediapipe_refuses(tmp_path, content):
    (tmp_path / "m.task").write_bytes(content)
    with pytest.raises(LandmarkerError, match=r"m\.task: no face landmarker"):
        VideoLandmarker(tmp_path / "m.task", LandmarkerOptions())


def test_options_that_mediapipe_refuses(landmarker_model):
    with pytest.raises(LandmarkerError, match="min_detection_confidence"):
        VideoLandmarker(landmarker_model, LandmarkerOptions(min_presence_confidence=7.0))


def test_the_defaults_are_those_of_the_configuration():
    assert asdict(LandmarkerOptions()).items() <= check_config({})["landmarker"].items()


def test_what_is_left_out_of_mediapipe_can_still_be_imported():
    code = """
import sys
from dataclasses import asdict
from facewave.tracking.landmarker import blendshape_names
assert len(blendshape_names()) == 52
assert not {"matplotlib", "sounddevice"} & set(sys.modules)
import matplotlib.pyplot
assert matplotlib.pyplot.figure
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
