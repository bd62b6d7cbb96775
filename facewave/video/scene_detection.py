"""Cuts between scenes, found by PySceneDetect in the frames that tracking reads as well.

PySceneDetect's own reader is not used: frames are numbered as `facewave.video.decode` decodes them.
Up to 0.6.7 the package `scenedetect` requires no OpenCV of its own, so that MediaPipe's is the only
one; later versions overwrite it (0.7) or require an older `click` than huggingface-hub (0.6.7.1).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.storage.atomic import atomic_path
from facewave.storage.fingerprint import stat_text
from facewave.storage.frame_files import clip_sha256
from facewave.video.decode import UnreadableVideoError, Video, check_clip
from facewave.video.open import open_video
from facewave.video.scene_lists import SceneKey, header_line

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
        fps: frames per second.
        frames_announced: number of frames that the container says it has; 0 if it does not say.
        notes: oddities of the video in words.
    """

    scenes: list[tuple[int, int]]
    fps: float
    frames_announced: int
    notes: str = ""


def write_scenes(
    path: Path, target: Path, *, key: SceneKey, options: SceneOptions, default_fps: float
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

    Raises:
        RuntimeError: if the file changed while it was read.
    """
    stat = stat_text(str(path))
    known: dict[str, Any] = {"key": key, "content_sha256": ""}
    try:
        check_clip(path)
        known["content_sha256"] = clip_sha256(path)
        found = find_scenes(path, options=options, default_fps=default_fps)
    except (UnreadableVideoError, OSError) as error:
        _log.warning("%s: %s", path, error)
        _write(target, header_line(known | {"error": str(error)}), [], fps=default_fps)
        return
    if stat_text(str(path)) != stat:
        raise RuntimeError(f"{path}: the file changed while it was read; run again")
    _log.info("%s: %d scenes", path, len(found.scenes))
    facts = {name: value for name, value in asdict(found).items() if name not in ("scenes", "fps")}
    _write(target, header_line(known | facts), found.scenes, fps=found.fps)


def find_scenes(path: Path, *, options: SceneOptions, default_fps: float) -> FoundScenes:
    """Return the scenes of a video.

    Args:
        path: a video or a folder of frames.
        options: see `SceneOptions`.
        default_fps: frames per second if the container names none.

    Raises:
        UnreadableVideoError: if no frame of it can be decoded.
    """
    detector = _detector(options)
    cuts: set[int] = set()
    with _one_thread(), open_video(path, default_fps=default_fps) as video:
        announced = video.frames_announced
        for index, frame in enumerate(_small_frames(video)):
            cuts.update(detector.process_frame(index, frame))
        if video.frames_decoded == 0:
            raise UnreadableVideoError("no frame can be decoded")
        cuts.update(detector.post_process(video.frames_decoded - 1))
        notes = list(video.notes)
        if video.frames_decoded < announced:
            notes.append(f"{video.frames_decoded} of {announced} frames can be decoded")
        starts = sorted({0} | {int(cut) for cut in cuts})
        return FoundScenes(
            scenes=list(zip(starts, [*starts[1:], video.frames_decoded], strict=True)),
            fps=video.fps,
            frames_announced=announced,
            notes="; ".join(notes),
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


def _small_frames(video: Video) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames, BGR, at the size that `SceneManager` gives them: 256 pixels wide."""
    import cv2
    from scenedetect.scene_manager import compute_downscale_factor

    size, logged = None, time.monotonic()
    for frame in video.frames():
        if size is None:
            factor = compute_downscale_factor(frame.shape[1])
            height, width = (max(1, round(side / factor)) for side in frame.shape[:2])
            size = (width, height)
        if (frame.shape[1], frame.shape[0]) != size:
            frame = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        yield np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), np.uint8)
        if time.monotonic() - logged > _LOG_EVERY:
            logged = time.monotonic()
            _log.info("%d of %d frames", video.frames_decoded, video.frames_announced)


def _write(target: Path, header: str, scenes: Sequence[tuple[int, int]], *, fps: float) -> None:
    from scenedetect import FrameTimecode
    from scenedetect.scene_manager import write_scene_list

    times = [tuple(FrameTimecode(frame, fps) for frame in scene) for scene in scenes]
    with (
        atomic_path(target) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        file.write(header)
        write_scene_list(file, times, include_cut_list=False)
