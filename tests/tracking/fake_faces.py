"""A landmarker that finds the faces it is told to find, for tests of what is done with them."""

from contextlib import contextmanager

import numpy as np

from facewave.tracking.landmarker import N_BLENDSHAPES, N_LANDMARKS, Faces
from facewave.tracking.second_look import NO_FACE, SecondLook

# Places on a unit square: the corners first, so that a face's box is exactly its square.
_PLACES = np.random.default_rng(7).random((N_LANDMARKS, 2))
_PLACES[:2] = (0, 0), (1, 1)


def faces_at(*squares):
    """Return faces that fill squares (x, y of the centre, side); blendshape 5 is the x."""
    landmarks = np.zeros((len(squares), N_LANDMARKS, 3), np.float32)
    blendshapes = np.zeros((len(squares), N_BLENDSHAPES), np.float32)
    for i, (x, y, side) in enumerate(squares):
        landmarks[i, :, :2] = (x, y) + (_PLACES - 0.5) * side
        blendshapes[i, 5] = x
    return Faces(landmarks, blendshapes, np.tile(np.eye(4, dtype=np.float32), (len(squares), 1, 1)))


class ScriptedLandmarker:
    """Finds in frame i what `script[i]` says: squares, or an exception to raise."""

    def __init__(self, script):
        self.script, self.times, self.shapes = script, [], []

    def detect(self, frame, timestamp_ms, *, cut=False):
        assert frame.dtype == np.uint8
        squares = self.script[len(self.times)]
        self.times.append(timestamp_ms)
        self.shapes.append(frame.shape)
        if isinstance(squares, BaseException):
            raise squares
        return faces_at(*squares)


def scripted(monkeypatch, script):
    """Let tracking use scripted landmarkers; returns the list of those that were opened."""
    opened = []

    @contextmanager
    def open_one(model, options):
        del model, options
        opened.append(ScriptedLandmarker(script))
        yield opened[-1]

    def nothing_closer(images, model, options):
        del images, model, options
        return SecondLook(None, NO_FACE, 0)

    monkeypatch.setattr("facewave.tracking.track_video.face_tracker", open_one)
    monkeypatch.setattr("facewave.tracking.track_video.choose_view", nothing_closer)
    return opened
