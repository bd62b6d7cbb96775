"""One overlay: frame by frame from the video, drawn on and encoded, in constant memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facewave.face.blendshapes import BLENDSHAPES, without_side
from facewave.jobs.signs_of_life import alive
from facewave.overlay.encode import find_encoder, mp4_writer
from facewave.overlay.face_lines import draw_box, draw_contours, draw_mesh, draw_name
from facewave.overlay.followed import open_followed, shown_name
from facewave.overlay.options import OverlayOptions
from facewave.overlay.panel import Panel
from facewave.overlay.sound import open_sound
from facewave.overlay.timeline import Timeline
from facewave.storage.store import read_rows
from facewave.tracking.trajectory import Trajectory
from facewave.video.decode import Limits, UnreadableVideoError, Video
from facewave.video.images import Image
from facewave.video.open import open_video

# Smaller pictures are enlarged to this height (if the options admit it): text must be readable.
_LEAST_HEIGHT, _MOST_WIDTH = 480, 1280
_CHUNK = 256
# A frame that was not tracked shows the last tracked one before it, if that is not older than this.
_OLDEST_MS = 250
# Bars show what a face does; where it looks is left out, for it changes all the time.
_NOT_SHOWN = ("_neutral", "eyeLook")
_BINS = 64
_LOW, _HIGH = 0.05, 0.95


@dataclass(frozen=True, kw_only=True)
class OverlaySummary:
    """What was written.

    Attributes:
        frames: number of pictures.
        width, height: of them, pixels.
        seconds: time of the last one.
        sound: whether there is sound.
    """

    frames: int
    width: int
    height: int
    seconds: float
    sound: bool


@dataclass(frozen=True, kw_only=True)
class OverlayJob:
    """All that a child process needs to draw an overlay; plain values, since they travel as JSON.

    Attributes:
        target: the MP4 to write.
        shard: the trajectory shard of the video.
        person: name of the followed person in the tables.
        named: numbers of the persons whose faces get a name; none if people are not told apart.
        classes: names.
        windows: of the timeline, each [start, end, answer, set, trusted, *probabilities].
        options: see `OverlayOptions`.
        default_fps: frames per second where the file names no times.
    """

    target: Path
    shard: Path
    person: str
    named: list[str]
    classes: list[str]
    windows: list[list[Any]]
    options: OverlayOptions
    default_fps: float


def check_encoder(path: Path, job: OverlayJob, limits: Limits | None = None) -> None:
    """Look for the encoder before the first video: that it is missing is no video's doing.

    Raises:
        NoEncoderError: PyAV cannot encode H.264.
    """
    del path, job, limits
    find_encoder()


def render_overlay(path: Path, job: OverlayJob, limits: Limits | None = None) -> OverlaySummary:
    """Write the overlay of a video.

    Args:
        path: the video.
        job: see `OverlayJob`.
        limits: what the video may be at most.

    Raises:
        UnreadableVideoError: the video cannot be read.
        DamagedShardError: the trajectory shard is damaged.
        NoEncoderError: PyAV cannot encode H.264.
    """
    timeline, title = timeline_of(job), shown_name(job.person)
    clip = open_followed(job.shard, timeline)
    faces = _Faces(clip, moving_blendshapes(clip, job.options.blendshapes))
    with (
        open_video(path, default_fps=job.default_fps, limits=limits) as video,
        open_sound(path) as sound,
    ):
        _decode_smaller(video, job.options.max_height)
        frames = video.frames()
        first = next(frames, None)
        if first is None:
            raise UnreadableVideoError("none of its frames can be decoded")
        width, height = picture_size(*first.image.shape[1::-1], most=job.options.max_height)
        panel = Panel(height=height, timeline=timeline, shapes=faces.shape_names, title=title)
        size = (width + panel.width, height)
        count = ms = 0
        with mp4_writer(
            job.target, size=size, fps=video.fps, quality=job.options.quality, sound=sound
        ) as writer:
            for frame in chain([first], frames):
                alive()
                count, ms = count + 1, frame.ms
                face = faces.at(ms)
                picture = _resized(frame.image, width, height)
                _draw(picture, face, name=title, lines=job.options.face, named=job.named)
                beside = panel.draw(
                    window=timeline.shown_at(ms / 1000) if timeline else -1,
                    seconds=ms / 1000,
                    detected=face.points is not None,
                    shapes=face.shapes,
                )
                writer.write(np.concatenate([picture, beside], axis=1), ms)
            writer.finish(end_ms=ms + 1000 / video.fps)
    return OverlaySummary(
        frames=count, width=size[0], height=size[1], seconds=ms / 1000, sound=sound is not None
    )


def picture_size(width: int, height: int, *, most: int) -> tuple[int, int]:
    """Return the even size at which frames are shown, their shape kept.

    Args:
        width, height: of the frames.
        most: largest height; 0: that of the frames. Small frames are enlarged up to it, for the
            text beside them, but not above 480 pixels, and not beyond a width of 1280.
    """
    larger = max(1.0, min(_LEAST_HEIGHT / height, _MOST_WIDTH / width))
    scale = min(larger, most / height) if most else 1.0
    return (max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2)))


def timeline_of(job: OverlayJob) -> Timeline | None:
    """Return the timeline of a job; None if it has no windows."""
    if not job.windows:
        return None
    start, end, answers, sets, trusted = zip(*(window[:5] for window in job.windows), strict=True)
    values = [[np.nan if p is None else p for p in window[5:]] for window in job.windows]
    return Timeline(
        person=job.person,
        classes=tuple(job.classes),
        start=np.array(start, np.float64),
        end=np.array(end, np.float64),
        probabilities=np.array(values, np.float64),
        answers=answers,
        sets=sets,
        trusted=np.array(trusted, bool),
        reasons=("",) * len(answers),
    )


def windows_of(timeline: Timeline) -> list[list[Any]]:
    """Return the windows of a timeline as an `OverlayJob` has them."""
    return [
        [
            float(timeline.start[i]),
            float(timeline.end[i]),
            timeline.answers[i],
            timeline.sets[i],
            bool(timeline.trusted[i]),
            *(float(p) if np.isfinite(p) else None for p in timeline.probabilities[i]),
        ]
        for i in range(len(timeline))
    ]


def moving_blendshapes(clip: Trajectory, count: int) -> list[tuple[str, list[int]]]:
    """Return the blendshapes that move most in a clip: names without side, and their columns.

    What counts is the distance from the 5 % to the 95 % quantile of the mean of both sides, in
    steps of 1/64. Where the eyes look is left out.
    """
    if not clip.channels.blendshapes or not count:
        return []
    groups: dict[str, list[int]] = {}
    for column, name in enumerate(BLENDSHAPES):
        if not name.startswith(_NOT_SHOWN):
            groups.setdefault(without_side(name), []).append(column)
    counts = np.zeros((len(groups), _BINS), np.int64)
    for values in clip.iter("blendshapes"):
        seen = values[np.isfinite(values).all(axis=1)]
        for row, columns in enumerate(groups.values()):
            places = np.clip(seen[:, columns].mean(axis=1) * _BINS, 0, _BINS - 1).astype(int)
            counts[row] += np.bincount(places, minlength=_BINS)
    shares = np.cumsum(counts, axis=1) / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    spread = (shares < _HIGH).sum(axis=1) - (shares < _LOW).sum(axis=1)
    chosen = np.argsort(-spread, kind="stable")[:count]
    named = list(groups.items())
    return [named[i] for i in sorted(chosen.tolist())]


@dataclass(frozen=True, kw_only=True)
class _Face:
    """What is known of one frame; None: no face, or nothing known of it.

    Attributes:
        points, box, shapes: of the followed face.
        others, whose: boxes of the other faces, and the numbers of their persons.
    """

    points: NDArray[np.float32] | None = None
    box: NDArray[np.float32] | None = None
    shapes: NDArray[np.float32] | None = None
    others: NDArray[np.float32] | None = None
    whose: Sequence[int] = ()


class _Faces:
    """The faces of a video by time, asked for in order; a chunk of frames is held at a time."""

    def __init__(self, clip: Trajectory, shapes: list[tuple[str, list[int]]]) -> None:
        self._clip = clip
        self._times = clip.timestamp_ms
        self._columns = [columns for _, columns in shapes]
        self.shape_names = [name for name, _ in shapes]
        self._owners = read_rows(clip.shard, "frame", 0, 1 << 62)
        self._persons = read_rows(clip.shard, "person", 0, 1 << 62)
        self._start = -1
        self._chunk: dict[str, NDArray[np.float32]] = {}

    def at(self, ms: int) -> _Face:
        """Return the face in the frame at a time, or in the last one before it that was tracked."""
        # Times that were reached in other ways differ by rounding.
        frame = int(np.searchsorted(self._times, ms + 1, side="right")) - 1
        if frame < 0 or ms - self._times[frame] > _OLDEST_MS:
            return _Face()
        row = int(self._clip.rows[frame])
        others, whose = self._others(frame, row)
        if row < 0:
            return _Face(others=others, whose=whose)
        chunk, place = self._load(frame), frame % _CHUNK
        shapes = None
        if self._columns:
            values = chunk["blendshapes"][place]
            shapes = np.array([values[columns].mean() for columns in self._columns], np.float32)
        return _Face(
            points=chunk["landmarks"][place], box=chunk["box"][place], shapes=shapes,
            others=others, whose=whose,
        )  # fmt: skip

    def _others(self, frame: int, row: int) -> tuple[NDArray[np.float32], list[int]]:
        first, last = np.searchsorted(self._owners, [frame, frame + 1]).tolist()
        boxes = read_rows(self._clip.shard, "box", first, last)
        kept = np.arange(first, last) != row
        return boxes[kept], self._persons[first:last][kept].tolist()

    def _load(self, frame: int) -> dict[str, NDArray[np.float32]]:
        start = frame - frame % _CHUNK
        if start != self._start:
            rows = self._clip.rows[start : start + _CHUNK]
            names = ["landmarks", "box", *(["blendshapes"] if self._columns else [])]
            self._chunk = {name: self._clip.at(name, rows) for name in names}
            self._start = start
        return self._chunk


def _decode_smaller(video: Video, most: int) -> None:
    """Let frames be made smaller while they are decoded, for either way they may be turned."""
    short, long = sorted((video.width, video.height))
    if most and short > most:
        video.max_side = -(-long * most // short)


def _resized(image: Image, width: int, height: int) -> Image:
    """Return a copy of an image in another size, for drawing."""
    if image.shape[:2] == (height, width):
        return image.copy()
    smaller = width * height < image.shape[0] * image.shape[1]
    kind = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=kind), np.uint8)


def _draw(picture: Image, face: _Face, *, name: str, lines: str, named: Sequence[str]) -> None:
    width, size = max(1, round(picture.shape[0] / 480)), max(11, round(picture.shape[0] / 36))
    for box, person in zip(() if face.others is None else face.others, face.whose, strict=True):
        draw_box(picture, box, width=width, followed=False)
        if str(person) in named:
            draw_name(picture, box, shown_name(str(person)), size=size)
    if face.points is None or face.box is None:
        return
    if lines == "contours":
        draw_contours(picture, face.points, width=width)
    elif lines == "mesh":
        draw_mesh(picture, face.points)
    draw_box(picture, face.box, width=width, followed=True)
    draw_name(picture, face.box, name, size=size)
