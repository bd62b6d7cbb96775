"""Renderer of the demo dataset: clips of a public-domain portrait that is warped into expressions.

The portrait is ``skimage.data.astronaut``: the astronaut Eileen Collins, a work of NASA, in the
public domain. What comes out is synthetic, and a caption in the corner of each frame says so.

Each frame needs one spline, from where the points of the face are to where they rest, evaluated
on a coarse grid, and one resampling of the subject's image. Opened lips uncover a second layer
behind them that is fixed to the skull.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TypeAlias, cast

import cv2
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from facewave.demo.acting import Performance, perform, random_stream
from facewave.demo.points import Array, smooth_step
from facewave.demo.recipe import DemoClip
from facewave.demo.subject import DENSE, LIP_RING, MOUTH_DARK, Subject, make_subject
from facewave.demo.warp import (
    MARGIN,
    Floats,
    Image,
    blend,
    cell_centres,
    ellipse_radius,
    fetch,
    mix,
    pixel_map,
    polygon_mask,
    soften,
    spline_shifts,
    stretch,
)
from facewave.storage.atomic import atomic_path

Noise: TypeAlias = npt.NDArray[np.int16]

LEAST_SIZE = 64
FOURCC = "mp4v"

# Samples along a side of the grid on which a frame's spline is evaluated.
_GRID = 80
# Ellipses (centre x, y, half axes): where expressions have faded to nothing, what moves with the
# head, and what sticks out and so shifts against the rest when the head turns.
_STILL = (0.495, 0.49, 0.28, 0.33)
_MOVING = (0.495, 0.42, 0.36, 0.40)
_BULGE = (0.4935, 0.47, 0.16, 0.21)
# The head rolls about this point.
_NECK = (0.495, 0.70)
# Top, bottom, left and right of the part of a frame in which the mouth is always found.
_AROUND_MOUTH = (0.46, 0.80, 0.30, 0.70)
# Crops of one field of noise, this many pixels apart at most, stand for fresh noise.
_NOISE_SLACK = 32


def render_clip(clip: DemoClip, path: Path, *, size: int, fps: float, seed: int) -> int:
    """Render a clip into a video file; the same arguments give the same bytes.

    Args:
        clip: what to render.
        path: the file to write, ending in ``.mp4``; it appears whole or not at all.
        size: width and height in pixels, even, at least :data:`LEAST_SIZE`.
        fps: frames per second, 1 to 240.
        seed: seed of all random choices.

    Returns:
        The number of frames: 2 to 4 seconds of them.

    Raises:
        ValueError: `size` or `fps` is out of range, or `path` has another suffix.
        RuntimeError: this build of OpenCV cannot encode the video, or not all of it was written.
    """
    _check_options(path, size=size, fps=fps)
    with _one_thread(), atomic_path(path) as temporary:
        frames = 0
        writer = _open_writer(temporary, size=size, fps=fps)
        try:
            for frame in clip_frames(clip, size=size, fps=fps, seed=seed):
                writer.write(frame)
                frames += 1
        finally:
            writer.release()
        _check_written(temporary, frames)
    return frames


def clip_frames(clip: DemoClip, *, size: int, fps: float, seed: int) -> Iterator[Image]:
    """Draw a clip frame by frame, as :func:`render_clip` encodes it: (size, size, 3) uint8 BGR."""
    subject = make_subject(clip.subject, size=size, seed=seed)
    performance = perform(clip, subject.rest, fps=fps, seed=seed)
    noise = _noise_field(random_stream(seed, clip.clip_id, "noise"), size)
    for index in range(len(performance.points)):
        frame = draw_frame(subject, performance, index, size=size)
        yield _add_caption(cv2.add(frame, _crop_noise(noise, index, size), dtype=cv2.CV_8U))


def draw_frame(subject: Subject, performance: Performance, index: int, *, size: int) -> Image:
    """Draw frame `index` of a performance, without noise and caption.

    Returns:
        (size, size, 3) uint8 BGR.
    """
    points = DENSE @ performance.points[index]
    head = _undo_head_pose(performance.pose[index])
    unmoved = cell_centres(_GRID, 0.0, 1.0) + head
    face = spline_shifts(points, DENSE @ subject.rest, unmoved, _STILL)
    folds, frown = performance.lines[index]
    skin = mix(mix(subject.skin, subject.folds, folds), subject.frown, frown)
    frame = fetch(skin, _frame_map(head + face, size))
    _draw_mouth(frame, subject.mouth, points[LIP_RING], head)
    frame = cv2.convertScaleAbs(frame, alpha=performance.gain[index])
    return cast(Image, cv2.flip(frame, 1) if subject.mirrored else frame)


def _draw_mouth(frame: Image, mouth: Image, ring: Array, head: Floats) -> None:
    """Lay the image of the mouth's inside into the opening between the lips, in place."""
    size = len(frame)
    top, bottom, left, right = (round(edge * size) for edge in _AROUND_MOUTH)
    window = np.s_[top:bottom, left:right]
    behind = _frame_map(head, size)[window]
    opening = fetch(polygon_mask(ring, size), behind)
    # Light reaches the teeth only where the lips are well apart; a thin gap is a dark line.
    light = stretch(soften(opening, 0.006 * size), 0.25, 0.65)
    inside = blend(np.full_like(frame[window], MOUTH_DARK), fetch(mouth, behind), light)
    frame[window] = blend(frame[window], inside, opening)


def _frame_map(shifts: Floats, size: int) -> Floats:
    return pixel_map(shifts, size=size, side=size, first=MARGIN * size)


def _undo_head_pose(pose: Array) -> Floats:
    """Shift from each cell of the frame back to the unmoved head: (G, G, 2) float32."""
    x, y, roll, scale, yaw, pitch = pose
    places, moving, bulge = _head_model()
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]]) / scale
    unmoved = (places - np.add(_NECK, (x, y))) @ turn + _NECK
    shift = moving * (unmoved - places) - bulge * np.array([yaw, pitch])
    return cast(Floats, shift.astype(np.float32))


@cache
def _head_model() -> tuple[Floats, Floats, Floats]:
    """Cell centres (G, G, 2), how far each moves with the head and sticks out (G, G, 1)."""
    places = cell_centres(_GRID, 0.0, 1.0)
    moving = 1 - smooth_step((ellipse_radius(places, _MOVING) - 0.85) / 0.5)
    bulge = np.exp(-np.square(ellipse_radius(places, _BULGE)))
    return places, moving[..., None], bulge[..., None]


def _noise_field(stream: np.random.Generator, size: int) -> Noise:
    side = size + _NOISE_SLACK
    return np.rint(stream.normal(0, 1.5, (side, side, 3))).astype(np.int16)


def _crop_noise(field: Noise, index: int, size: int) -> Noise:
    left, top = 7 * index % _NOISE_SLACK, 13 * index % _NOISE_SLACK
    return field[top : top + size, left : left + size]


def _add_caption(frame: Image) -> Image:
    size = len(frame)
    place = (round(0.02 * size), round(0.98 * size))
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(frame, "synthetic", place, font, size / 700, (230, 230, 230), 1, cv2.LINE_AA)
    return frame


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep the libraries to one thread while a clip is rendered.

    Schedulers count on it, sums come out the same on any number of cores, and systems of 200
    equations are solved many times faster than by threads that wait for each other.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        cv2.setNumThreads(threads)


def _check_options(path: Path, *, size: int, fps: float) -> None:
    if size < LEAST_SIZE or size % 2:
        raise ValueError(f"demo: size must be even and at least {LEAST_SIZE}, not {size}")
    if not 1 <= fps <= 240:
        raise ValueError(f"demo: fps must be from 1 to 240, not {fps}")
    if Path(path).suffix != ".mp4":
        raise ValueError(f"demo: clips are .mp4 files, not {Path(path).name}")


def _open_writer(path: Path, *, size: int, fps: float) -> cv2.VideoWriter:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*FOURCC), fps, (size, size))
    if not writer.isOpened():
        raise RuntimeError(
            f"demo: OpenCV {cv2.__version__} cannot write {FOURCC} video to {path.parent}; "
            "check that the folder can be written to and that OpenCV was built with FFmpeg "
            "(the wheels opencv-python and opencv-contrib-python are)"
        )
    return writer


def _check_written(path: Path, frames: int) -> None:
    """Raise where the file holds fewer frames: OpenCV's writer does not report a full disk."""
    capture = cv2.VideoCapture(str(path))
    held = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
    capture.release()
    if held != frames:
        raise RuntimeError(f"demo: {held} of {frames} frames were written; is the disk full?")
