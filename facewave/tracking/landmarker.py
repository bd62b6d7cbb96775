"""MediaPipe's FaceLandmarker in VIDEO mode, with its results as NumPy arrays.

Reference: https://ai.google.dev/edge/mediapipe/solutions/vision/face_landmarker
"""

from __future__ import annotations

import atexit
import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.tracking.boxes import face_boxes
from facewave.tracking.direct_calls import DirectCalls

N_LANDMARKS = 478
N_BLENDSHAPES = 52

# mediapipe.tasks.python.vision imports these to draw and to record sound, which tracking does not;
# together they take two thirds of its import time.
_UNUSED_IMPORTS = (
    "matplotlib",
    "matplotlib.pyplot",
    "mpl_toolkits",
    "mpl_toolkits.mplot3d",
    "sounddevice",
)

# Bytes in MediaPipe's C results: of a landmark, x, y and z first, and of a blendshape, index and
# score first.
_LANDMARK_BYTES, _BLENDSHAPE_BYTES = 40, 24

# A picture that shows nobody.
_NOTHING = np.zeros((32, 32, 3), np.uint8)


@dataclass(frozen=True)
class LandmarkerOptions:
    """Options that determine what is found in a clip (config section `landmarker`).

    Attributes:
        max_faces: most faces that are followed in a frame (`face_tracker`).
        min_detection_confidence, min_presence_confidence, min_tracking_confidence: MediaPipe's own.
        max_fps: every n-th frame is tracked, with the smallest n that gives at most so many frames
            per second; None: every frame.
        max_side: frames with a longer side, in pixels, are scaled down first; None: never.
    """

    max_faces: int = 4
    min_detection_confidence: float = 0.5
    min_presence_confidence: float = 0.5
    min_tracking_confidence: float = 0.5
    max_fps: float | None = None
    max_side: int | None = None

    def in_keys(self) -> dict[str, Any]:
        """Return the options that go into keys: without those that are None.

        A new option with the default None therefore leaves existing trajectories valid.
        """
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Faces:
    """All faces of one frame.

    Attributes:
        landmarks: float32 (n, 478, 3), normalised image coordinates; z is on the scale of x.
        blendshapes: float32 (n, 52), scores 0 to 1.
        transforms: float32 (n, 4, 4), canonical face to camera, in centimetres.
    """

    landmarks: NDArray[np.float32]
    blendshapes: NDArray[np.float32]
    transforms: NDArray[np.float32]

    def __len__(self) -> int:
        """Return the number of faces."""
        return len(self.landmarks)

    @cached_property
    def boxes(self) -> NDArray[np.float64]:
        """Boxes (n, 4) around the landmarks: x0, y0, x1, y1, normalised."""
        return face_boxes(self.landmarks)


def no_faces() -> Faces:
    """Return the faces of a frame that shows none."""
    return Faces(
        np.empty((0, N_LANDMARKS, 3), np.float32),
        np.empty((0, N_BLENDSHAPES), np.float32),
        np.empty((0, 4, 4), np.float32),
    )


class MissingSystemLibraryError(ImportError):
    """A shared library that MediaPipe or OpenCV links to is not installed."""


class LandmarkerError(Exception):
    """MediaPipe refuses the model file or the options."""


def _load_face_landmarker() -> ModuleType:
    stubs = [name for name in _UNUSED_IMPORTS if name not in sys.modules]
    sys.modules.update({name: ModuleType(name) for name in stubs})
    try:
        from mediapipe.tasks.python.vision import face_landmarker
    except (ImportError, OSError) as error:
        raise MissingSystemLibraryError(
            f"MediaPipe could not be loaded: {error}. It needs the system libraries libEGL.so.1, "
            "libGLESv2.so.2, libGL.so.1 and libglib-2.0.so.0; on Debian or Ubuntu: "
            "apt-get install libegl1 libgles2 libgl1 libglib2.0-0"
        ) from error
    finally:
        for name in stubs:
            sys.modules.pop(name, None)
    module: ModuleType = face_landmarker
    return module


class _Landmarker:
    """A FaceLandmarker and what calls it: `VIDEO` mode keeps state, `IMAGE` mode does not."""

    def __init__(self, model: Path, options: LandmarkerOptions, mode: str) -> None:
        api = _load_face_landmarker()
        from mediapipe.tasks.python.core.base_options import BaseOptions
        from mediapipe.tasks.python.vision.core.vision_task_running_mode import (
            VisionTaskRunningMode,
        )

        task_options = api.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(model)),
            running_mode=VisionTaskRunningMode[mode],
            num_faces=options.max_faces,
            min_face_detection_confidence=options.min_detection_confidence,
            min_face_presence_confidence=options.min_presence_confidence,
            min_tracking_confidence=options.min_tracking_confidence,
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
        )
        try:
            self._landmarker = api.FaceLandmarker.create_from_options(task_options)
        except (RuntimeError, ValueError, OSError) as error:
            raise LandmarkerError(f"{model}: no face landmarker: {error}") from error
        self._calls = DirectCalls("MpFaceLandmarker", api.MpFaceLandmarkerResultC)

    def _detect(self, function: str, frame: NDArray[np.uint8], *time: int) -> Faces:
        handle = self._landmarker._handle
        return self._calls.detect(function, handle, frame, *time, read=_read_result)

    def close(self) -> None:
        """Free the landmarker's memory."""
        self._landmarker.close()


class VideoLandmarker(_Landmarker):
    """A FaceLandmarker for one video at a time: VIDEO mode keeps state, which `restart` drops.

    Attributes:
        key: the same for landmarkers of which one can take the place of another.
    """

    def __init__(self, model: Path, options: LandmarkerOptions) -> None:
        """Load the model bundle at `model`.

        Raises:
            MissingSystemLibraryError: if MediaPipe's shared library cannot be loaded.
            LandmarkerError: if MediaPipe refuses the model file or the options.
        """
        self.key = _spare_key(model, options)
        super().__init__(model, options, "VIDEO")
        # MediaPipe takes a time of 0 for none: its filter would assume 30 frames per second.
        self._zero = self._now = 1

    def detect(self, frame: NDArray[np.uint8], timestamp_ms: int) -> Faces:
        """Find the faces of the next frame.

        Args:
            frame: uint8 (height, width, 3), RGB, contiguous.
            timestamp_ms: milliseconds, 0 or more, greater than in the previous call.

        Raises:
            RuntimeError, ValueError: if MediaPipe fails, or the time does not increase.
        """
        faces = self._detect("DetectForVideo", frame, self._zero + timestamp_ms)
        self._now = self._zero + timestamp_ms
        return faces

    def restart(self) -> bool:
        """Return whether it is as good as new: after a picture without a face it knows nothing.

        Every number is then what a new one would give (tested), for a third of the time.
        """
        self._zero = self._now + 1
        try:
            gone = len(self.detect(_NOTHING, 0)) == 0
        except (RuntimeError, ValueError):
            return False
        self._zero = self._now + 1
        return gone


class ImageLandmarker(_Landmarker):
    """A FaceLandmarker for pictures that have nothing to do with each other."""

    def __init__(self, model: Path, options: LandmarkerOptions) -> None:
        """Load the model bundle at `model`; raises what `VideoLandmarker` raises."""
        super().__init__(model, options, "IMAGE")

    def detect(self, frame: NDArray[np.uint8]) -> Faces:
        """Find the faces of a picture, uint8 (height, width, 3), RGB, contiguous.

        Raises:
            RuntimeError, ValueError: if MediaPipe fails.
        """
        return self._detect("DetectImage", frame)


# One of each model and options that was released and may be used again.
_spare: dict[tuple[Any, ...], VideoLandmarker] = {}


@atexit.register
def _free_spares() -> None:
    # Later MediaPipe's own modules are gone, and it complains.
    while _spare:
        _spare.popitem()[1].close()


def _spare_key(model: Path, options: LandmarkerOptions) -> tuple[Any, ...]:
    status = model.stat()
    return model, status.st_mtime_ns, status.st_size, options


def open_landmarker(model: Path, options: LandmarkerOptions) -> VideoLandmarker:
    """Return a landmarker for a video, used before or new; raises what `VideoLandmarker` raises."""
    spare = _spare.pop(_spare_key(model, options), None)
    if spare is not None:
        if spare.restart():
            return spare
        spare.close()
    return VideoLandmarker(model, options)


def release_landmarker(landmarker: VideoLandmarker) -> None:
    """Keep a landmarker for the next video, or close it if one like it is kept already."""
    if _spare.setdefault(landmarker.key, landmarker) is not landmarker:
        landmarker.close()


@contextmanager
def video_landmarker(model: Path, options: LandmarkerOptions) -> Iterator[VideoLandmarker]:
    """Open a landmarker for the block, then release it; raises what `VideoLandmarker` raises."""
    landmarker = open_landmarker(model, options)
    try:
        yield landmarker
    finally:
        release_landmarker(landmarker)


def blendshape_names() -> list[str]:
    """Return the 52 blendshape names in the model's order."""
    first, *rest = _load_face_landmarker().Blendshapes
    return ["_" + first.name.lower(), *(_camel(member.name) for member in rest)]


def _camel(name: str) -> str:
    head, *rest = name.lower().split("_")
    return head + "".join(word.capitalize() for word in rest)


def _read_result(result: Any) -> Faces:
    n = result.face_landmarks_count
    landmarks = np.empty((n, N_LANDMARKS, 3), np.float32)
    blendshapes = np.zeros((n, N_BLENDSHAPES), np.float32)
    transforms = np.empty((n, 4, 4), np.float32)
    for face in range(n):
        points = result.face_landmarks[face]
        raw = ctypes.string_at(points.landmarks, points.landmarks_count * _LANDMARK_BYTES)
        landmarks[face] = np.ndarray(
            (points.landmarks_count, 3), "<f4", raw, strides=(_LANDMARK_BYTES, 4)
        )
        scores = result.face_blendshapes[face]
        count, step = scores.categories_count, (_BLENDSHAPE_BYTES,)
        raw = ctypes.string_at(scores.categories, count * _BLENDSHAPE_BYTES)
        index = np.ndarray((count,), "<i4", raw, strides=step)
        blendshapes[face, index] = np.ndarray((count,), "<f4", raw, offset=4, strides=step)
        raw = ctypes.string_at(result.facial_transformation_matrixes[face].data, 64)
        transforms[face] = np.ndarray((4, 4), "<f4", raw, order="F")
    return Faces(landmarks, blendshapes, transforms)
