"""Cuts between scenes, found by PySceneDetect in the frames that tracking reads as well.

PySceneDetect's own reader is not used: frames are numbered as `facewave.video.decode` decodes them.
Up to 0.6.7 the package `scenedetect` requires no OpenCV of its own, so that MediaPipe's is the only
one; later versions overwrite it (0.7) or require an older `click` than huggingface-hub (0.6.7.1).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.jobs.clip_errors import UnexpectedError
from facewave.storage.atomic import write_text
from facewave.storage.fingerprint import stat_text
from facewave.video.content import content_sha256
from facewave.video.decode import Limits, UnreadableVideoError, Video, check_clip, holes
from facewave.video.isolated import Read, read_here
from facewave.video.open import open_video
from facewave.video.scene_lists import SceneKey, format_scenes, header_line

_log = logging.getLogger("facewave")
_LOG_EVERY = 5.0  # seconds between two lines of the log
# The thresholds that PySceneDetect's documentation gives as defaults.
_THRESHOLDS = {"content": 27.0, "adaptive": 3.0}


@dataclass(frozen=True, kw_only=True)
class SceneOptions:
    """How cuts are found (config section `scenes`); the defaults are PySceneDetect's.

    Attributes:
        detector: `content` (fast cuts, `ContentDetector`) or `adaptive` (the same, compared with
            the neighbouring frames, `AdaptiveDetector`).
        threshold: score that a frame must reach; None for 27 (content) or 3 (adaptive).
        min_scene_frames: minimum number of frames of a scene.
        min_content: of `adaptive`, content score that a frame must reach as well.
        window_frames: of `adaptive`, number of frames before and after that are compared.
    """

    detector: str = "content"
    threshold: float | None = None
    min_scene_frames: int = 15
    min_content: float = 15.0
    window_frames: int = 2


@dataclass(frozen=True, kw_only=True)
class FoundScenes:
    """The scenes of a video.

    Attributes:
        scenes: ranges of frames (first, one past the last), which cover all decoded frames.
        times_ms: of all decoded frames.
        end_ms: of the last frame.
        notes: oddities of the video in words.
    """

    scenes: list[tuple[int, int]]
    times_ms: list[int]
    end_ms: int
    notes: str = ""


def write_scenes(
    path: Path,
    target: Path,
    *,
    key: SceneKey,
    options: SceneOptions,
    default_fps: float,
    read: Read = read_here,
) -> None:
    """Find the scenes of a video and write their list, whole or not at all.

    The list is the CSV file that PySceneDetect writes, below a comment that holds `key`. A video
    that cannot be read gets a list without scenes, with the reason in the comment.

    Args:
        path: a video or a folder of frames.
        target: the list.
        key: what the list depends on.
        options: see `SceneOptions`.
        default_fps: frames per second if the container names none.
        read: calls what opens the video, possibly in another process.

    Raises:
        RunFaultError, WorkerError: if the run or the machine failed.
        RuntimeError: if the file changed while it was read.
    """
    stat = stat_text(str(path))
    known: dict[str, Any] = {"key": key, "content_sha256": ""}
    try:
        check_clip(path)
        known["content_sha256"] = read(content_sha256, path=path)
        found = read(find_scenes, path=path, options=options, default_fps=default_fps)
    except (UnreadableVideoError, UnexpectedError) as error:
        _log.warning("%s: %s", path, error)
        write_text(target, header_line(known | {"error": str(error)}))
        return
    if stat_text(str(path)) != stat:
        raise RuntimeError(f"{path}: the file changed while it was read; run again")
    _log.info("%s: %d scenes", path, len(found.scenes))
    header = header_line(known | {"frames": len(found.times_ms), "notes": found.notes})
    table = format_scenes(found.scenes, found.times_ms, end_ms=found.end_ms)
    write_text(target, header + table)


def find_scenes(
    path: Path, *, options: SceneOptions, default_fps: float, limits: Limits | None = None
) -> FoundScenes:
    """Return the scenes of a video.

    Args:
        path: a video or a folder of frames.
        options: see `SceneOptions`.
        default_fps, limits: see `open_video`.

    Raises:
        UnreadableVideoError: if no frame of it can be decoded.
    """
    detector = _detector(options)
    cuts: set[int] = set()
    times: list[int] = []
    with _one_thread(), open_video(path, default_fps=default_fps, limits=limits) as video:
        for index, frame in enumerate(_small_frames(video, times)):
            cuts.update(detector.process_frame(index, frame))
        cuts.update(detector.post_process(video.frames_decoded - 1))
        starts = sorted({0} | {int(cut) for cut in cuts})
        return FoundScenes(
            scenes=list(zip(starts, [*starts[1:], len(times)], strict=True)),
            times_ms=times,
            end_ms=times[-1] + round(holes(np.array(times))[0] or 1000 / video.fps),
            notes="; ".join(video.notes),
        )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let OpenCV use one thread: the scheduler decides how many jobs run at once."""
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _detector(options: SceneOptions) -> Any:
    from scenedetect import AdaptiveDetector, ContentDetector

    threshold = _THRESHOLDS[options.detector] if options.threshold is None else options.threshold
    if options.detector == "adaptive":
        return AdaptiveDetector(
            adaptive_threshold=threshold,
            min_scene_len=options.min_scene_frames,
            min_content_val=options.min_content,
            window_width=options.window_frames,
        )
    return ContentDetector(threshold=threshold, min_scene_len=options.min_scene_frames)


def _small_frames(video: Video, times: list[int]) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames, BGR, at the size that `SceneManager` gives them: 256 pixels wide."""
    import cv2
    from scenedetect.scene_manager import compute_downscale_factor

    size, logged = None, time.monotonic()
    for frame in video.frames():
        image = frame.image
        times.append(frame.ms)
        if size is None:
            factor = compute_downscale_factor(image.shape[1])
            height, width = (max(1, round(side / factor)) for side in image.shape[:2])
            size = (width, height)
        if (image.shape[1], image.shape[0]) != size:
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        yield np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), np.uint8)
        if time.monotonic() - logged > _LOG_EVERY:
            logged = time.monotonic()
            _log.info("%d frames, %.0f s of the video", len(times), frame.ms / 1000)
