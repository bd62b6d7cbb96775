"""Pictures to MediaPipe's C library and results back, without its Python classes in between.

Those hand each call to a thread and make an object of each landmark; tests compare the numbers.
Whatever is made here has one user, so it needs no thread that keeps calls apart.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")


class DirectCalls:
    """Calls of one kind of MediaPipe task."""

    def __init__(self, task: str, result: type[ctypes.Structure]) -> None:
        """Load the library.

        Args:
            task: what the names of its functions begin with, such as `MpFaceLandmarker`; one has
                been made with MediaPipe's own class, which declares the functions' arguments.
            result: MediaPipe's structure for results of the task.
        """
        from mediapipe.tasks.python.core.mediapipe_c_bindings import load_raw_library
        from mediapipe.tasks.python.core.mediapipe_c_utils import handle_status
        from mediapipe.tasks.python.vision.core import image

        self._task, self._result = task, result
        self._handle_status, self._srgb = handle_status, int(image.ImageFormat.SRGB)
        self._library: Any = load_raw_library(image._CTYPES_SIGNATURES)

    def detect(
        self,
        function: str,
        handle: ctypes.c_void_p,
        frame: NDArray[np.uint8],
        *time: int,
        read: Callable[[Any], T],
    ) -> T:
        """Return what `read` makes of the result for a picture; the result is gone afterwards.

        Args:
            function: `DetectForVideo` or `DetectImage`.
            handle: of the task.
            frame: uint8 (height, width, 3), RGB, contiguous.
            time: milliseconds, of a video's frames only.
            read: gets the structure.

        Raises:
            RuntimeError, ValueError: if MediaPipe fails.
        """
        library, task = self._library, self._task
        picture, result = ctypes.c_void_p(), self._result()
        height, width, _ = frame.shape
        pixels = ctypes.cast(frame.ctypes.data, ctypes.POINTER(ctypes.c_uint8))
        shape = (self._srgb, width, height, pixels, frame.size)
        self._checked(library.MpImageCreateFromUint8Data, *shape, ctypes.byref(picture))
        try:
            call = getattr(library, task + function)
            self._checked(call, handle, picture, None, *time, ctypes.byref(result))
            return read(result)
        finally:
            getattr(library, f"{task}CloseResult")(ctypes.byref(result))
            library.MpImageFree(picture)

    def _checked(self, function: Any, *arguments: Any) -> None:
        """Call a function of the C library; raise what it complains of."""
        message = ctypes.c_char_p()
        status = function(*arguments, ctypes.byref(message))
        if status:
            try:
                self._handle_status(status, message)
            finally:
                self._library.MpErrorFree(message)
