"""Opens a clip, whether it is a video file or a folder of frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facewave.video.decode import (
    HIGHEST_FPS,
    LOWEST_FPS,
    UnreadableVideoError,
    Video,
    check_clip,
    check_frame_rate,
)
from facewave.video.frame_count import shown_fraction


@contextmanager
def open_video(path: Path, *, default_fps: float) -> Iterator[Video]:
    """Open a video file, or a folder of frames, for reading its frames once, in order.

    Args:
        path: the file, or the folder.
        default_fps: frames per second (0.01 to 1000) if the container names none that is possible.

    Raises:
        UnreadableVideoError: if it is missing, empty, not a video or has no video stream.
        ValueError: if `default_fps` is out of range.
    """
    check_frame_rate(default_fps)
    check_clip(path)
    if path.is_dir():
        from facewave.video.frame_folder import open_frame_folder

        yield open_frame_folder(path, fps=default_fps)
        return
    import cv2

    # One thread: how many clips are decoded at once is the scheduler's decision.
    # An absolute path: FFmpeg takes what stands before a colon for the name of a protocol.
    capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    try:
        if not capture.isOpened():
            raise UnreadableVideoError("no video stream can be decoded")
        fps = float(capture.get(cv2.CAP_PROP_FPS))
        known = LOWEST_FPS <= fps < HIGHEST_FPS
        width, height = (
            int(capture.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        announced = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        announced = int(announced) if 0 < announced < 1e9 else 0
        shown = shown_fraction(path)
        yield Video(
            width=width,
            height=height,
            fps=fps if known else default_fps,
            fps_assumed=not known,
            frames_announced=announced if shown is None else round(announced * shown),
            _duration_ms=1000.0 * announced / fps if shown is None and 0 < fps < 1e9 else 0.0,
            _capture=capture,
        )
    finally:
        capture.release()
