"""MediaPipe's face detector alone, out of the landmarker's bundle: where faces are, no landmarks.

A look costs a third of a tracked frame, so that others than the one who is tracked can be looked
for now and then.
"""

from __future__ import annotations

import atexit
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.tracking.direct_calls import DirectCalls
from facewave.tracking.landmarker import LandmarkerError

_MEMBER = "face_detector.tflite"


class FaceDetector:
    """Finds the faces of single pictures; keeps no state, so one serves all clips of a process."""

    def __init__(self, model: Path, min_confidence: float) -> None:
        """Load the detector from the landmarker's bundle at `model`.

        Raises:
            LandmarkerError: if the bundle holds no detector, or MediaPipe refuses it.
        """
        from mediapipe.tasks.python.components.containers.detections_c import MpDetectionResultC
        from mediapipe.tasks.python.core.base_options import BaseOptions
        from mediapipe.tasks.python.vision import face_detector

        try:
            with zipfile.ZipFile(model) as bundle:
                data = bundle.read(_MEMBER)
            self._detector: Any = face_detector.FaceDetector.create_from_options(
                face_detector.FaceDetectorOptions(
                    base_options=BaseOptions(model_asset_buffer=data),
                    min_detection_confidence=min_confidence,
                )
            )
        except (zipfile.BadZipFile, KeyError, RuntimeError, ValueError, OSError) as error:
            raise LandmarkerError(f"{model}: no face detector: {error}") from error
        self._calls = DirectCalls("MpFaceDetector", MpDetectionResultC)

    def detect(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the faces, float64 (n, 5): x0, y0, x1, y1, normalised, and score; surest first.

        Args:
            image: uint8 (height, width, 3), RGB.

        Raises:
            RuntimeError, ValueError: if MediaPipe fails.
        """
        height, width = image.shape[:2]
        handle, picture = self._detector._handle, np.ascontiguousarray(image)
        rows = self._calls.detect("DetectImage", handle, picture, read=_read_result)
        rows[:, :4] /= width, height, width, height
        return rows[np.argsort(-rows[:, 4], kind="stable")]

    def abandon(self) -> None:
        """Leave the detector to the end of the process.

        MediaPipe's own clean-up wants a thread, which an interpreter that ends no longer gives: it
        would print a traceback.
        """
        self._detector._handle = None


def _read_result(result: Any) -> NDArray[np.float64]:
    """Return boxes in pixels and scores, (n, 5), in MediaPipe's order."""
    rows = np.empty((result.detections_count, 5))
    for row, face in zip(rows, result.detections[: len(rows)], strict=True):
        box = face.bounding_box
        row[:4] = box.left, box.top, box.right, box.bottom
        row[4] = face.categories[0].score
    return rows


@lru_cache(maxsize=1)
def shared_detector(model: Path, min_confidence: float) -> FaceDetector:
    """Return the process's detector: making one costs as much as tracking four frames.

    Raises what `FaceDetector` raises.
    """
    detector = FaceDetector(model, min_confidence)
    atexit.register(detector.abandon)
    return detector
