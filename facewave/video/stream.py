"""The frames of one video stream: decoded, deinterlaced, upright, in time, and what became of all.

Whatever cannot be decoded is left out and counted, never passed on; lost frames show in the times
of the packets.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from facewave.jobs.signs_of_life import alive
from facewave.video.decode import (
    HIGHEST_FPS,
    LOWEST_FPS,
    RECODE,
    ROUNDED_MS,
    BeyondLimitsError,
    Frame,
    Limits,
    UnreadableVideoError,
    Video,
    has_times,
    holes,
    open_container,
    raise_for_machine,
    video_stream,
)
from facewave.video.images import (
    Image,
    decoder_pixels,
    fitted,
    rgb_converter,
    square_pixels,
    upright,
)

# The frame rate is variable if times between frames differ by more than this part of the median.
_VARIABLE_PART = 0.5
# Containers that break off fail at every read.
_MOST_ERRORS = 1000


@contextmanager
def open_file(path: Path, *, default_fps: float, limits: Limits) -> Iterator[Video]:
    """Open a video file for reading its frames once; see `facewave.video.open.open_video`."""
    with open_container(path) as container:
        stream = video_stream(container)
        _check_size(stream.width or 0, stream.height or 0, limits)
        fps, timed = float(stream.guessed_rate or stream.average_rate or 0), has_times(container)
        known = timed and LOWEST_FPS <= fps <= HIGHEST_FPS
        source = _Source(container, stream, limits, fallback_fps=default_fps)
        width, height = source.shown_size(stream.width or 0, stream.height or 0)
        yield Video(
            width=width,
            height=height,
            fps=fps if known else default_fps,
            fps_assumed=not timed,
            frames_announced=stream.frames or 0,
            _read=source.frames,
        )


def _check_size(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.max_pixels:
        raise BeyondLimitsError(
            f"its frames have {width} x {height} pixels, more than {limits.max_pixels:,} "
            "(video.max_pixels); scale it down, or allow more"
        )


@dataclass
class _Source:
    """Reads the frames of one stream once."""

    container: Any
    stream: Any
    limits: Limits
    fallback_fps: float
    errors: int = 0
    problem: str = ""
    packets: int = 0
    broken: int = 0
    cut_off: bool = False
    interlaced: bool = False
    sizes: dict[tuple[int, int], None] = field(default_factory=dict)
    zero: float | None = None
    last_ms: int = -1
    _shift: float = 0.0
    _to_rgb: Callable[[Any, int, int], Image] = field(default_factory=rgb_converter)
    _graph: Any = None
    _stored: tuple[int, int] = (0, 0)
    _full: tuple[int, int] = (0, 0)
    _packet_times: array[int] = field(default_factory=lambda: array("q"))
    _times: array[int] = field(default_factory=lambda: array("q"))

    def frames(self, video: Video, start_ms: float) -> Iterator[Frame]:
        """Yield the frames from near `start_ms` on; the video's facts are complete afterwards."""
        whole = not self._jump(start_ms)
        for raw in self._progressive(video):
            ms = self._time(raw, video)
            if ms / 1000.0 > self.limits.max_seconds:
                raise BeyondLimitsError(
                    f"it is longer than {self.limits.max_seconds:g} s (video.max_seconds); cut it, "
                    "or allow more"
                )
            video.frames_decoded += 1
            self._times.append(ms)
            yield Frame(ms, self._image(raw, video))
        if whole:
            self._conclude(video)

    def shown_size(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height with square pixels, before turning."""
        return square_pixels(width, height, self.stream.sample_aspect_ratio)

    def _jump(self, start_ms: float) -> bool:
        """Seek to a keyframe before `start_ms`, if that is worth it; return whether it was done."""
        import av

        start, clock = self.stream.start_time, self.stream.time_base
        if start_ms < 5000 or start is None or not clock:
            return False
        try:
            self.container.seek(int(start + (start_ms / 1000.0 - 1.0) / clock), stream=self.stream)
        except av.error.FFmpegError:
            return False
        self.zero = float(start * clock)
        return True

    def _decoded(self) -> Iterator[Any]:
        """Yield what FFmpeg decodes without an error; count what it does not."""
        import av

        context = self.stream.codec_context
        # How many clips are decoded at once is the scheduler's decision.
        context.thread_count = 1
        context.options = {"max_pixels": str(decoder_pixels(self.limits.max_pixels))}
        packets = self.container.demux(self.stream)
        # VP8 has packets that only help to decode others; bit 4 of the first byte says so.
        vp8 = context.name == "vp8"
        while self.errors < _MOST_ERRORS:
            try:
                packet = next(packets, None)
            except MemoryError:
                raise
            except (av.error.FFmpegError, ValueError) as error:
                self._count(error)
                self.cut_off = True
                continue
            alive()
            if packet is None:
                return
            if packet.size:
                self.cut_off = packet.is_corrupt
                if not packet.is_discard and (not vp8 or memoryview(packet)[0] >> 4 & 1):
                    self.packets += 1
                    if packet.pts is not None:
                        self._packet_times.append(packet.pts)
            try:
                frames = packet.decode()
            except (av.error.FFmpegError, ValueError) as error:
                self._count(error)
                continue
            for frame in frames:
                # A frame with parts that were guessed or never written.
                if frame.is_corrupt:
                    self.broken += 1
                else:
                    yield frame

    def _count(self, error: Exception) -> None:
        if isinstance(error, OSError):
            raise_for_machine(error)
        self.errors += 1
        self.problem = self.problem or getattr(error, "strerror", None) or str(error)

    def _progressive(self, video: Video) -> Iterator[Any]:
        """Yield decoded frames; those of interlaced pictures through a deinterlacer."""
        for frame in self._decoded():
            if frame.interlaced_frame and not self.interlaced:
                self.interlaced = True
                self._graph = _deinterlacer(self.stream)
                video.notes.append("interlaced: the lines of the second fields are interpolated")
            if self._graph is None:
                yield frame
            else:
                self._graph.vpush(frame)
                yield from _pull(self._graph)
        if self._graph is not None:
            self._graph.vpush(None)
            yield from _pull(self._graph)

    def _time(self, frame: Any, video: Video) -> int:
        """Return a frame's time in ms since the first one, greater than the one before."""
        step = 1.0 / video.fps
        expected = 0.0 if self.last_ms < 0 else self.last_ms / 1000.0 + step
        now = frame.time
        if now is None or not math.isfinite(now) or video.fps_assumed:
            if self.last_ms < 0:
                video.fps_assumed, video.fps = True, self.fallback_fps
                self.zero = 0.0
            # By the number of the frame: to add up rounded times would drift.
            return self._next_ms(1000.0 * (video.frames_decoded / video.fps))
        self.zero = now if self.zero is None else self.zero
        now -= self.zero
        if now - self._shift < expected - step - 1.0 and self.last_ms >= 0:
            # The clock was set back: parts that were joined. Time goes on.
            self._shift = now - expected
            video.notes.append("its clock is set back within the video: time goes on")
        if self._shift:
            now -= self._shift
        return self._next_ms(now * 1000.0)

    def _next_ms(self, ms: float) -> int:
        self.last_ms = max(self.last_ms + 1, round(ms))
        return self.last_ms

    def _image(self, frame: Any, video: Video) -> Image:
        size = (frame.width, frame.height)
        if size != self._stored:
            self._stored, self._full = size, self.shown_size(*size)
            _check_size(*self._full, self.limits)
        full = width, height = self._full
        if video.max_side is not None and max(full) > video.max_side:
            scale = video.max_side / max(full)
            width, height = (max(1, round(side * scale)) for side in full)
        image = upright(self._to_rgb(frame, width, height), frame)
        self.sizes.setdefault((image.shape[1], image.shape[0]))
        if video.frames_decoded == 1:
            turned = (image.shape[1] > image.shape[0]) != (width > height)
            video.width, video.height = full[::-1] if turned else full
        if len(self.sizes) == 1:
            return image
        first = next(iter(self.sizes))
        return fitted(image, width=first[0], height=first[1])

    def _conclude(self, video: Video) -> None:
        """Complete the facts of a video that was read to its end."""
        decoded, times = video.frames_decoded, np.asarray(self._times)
        if decoded == 0:
            codec = self.stream.codec_context
            raise UnreadableVideoError(
                f"none of its frames can be decoded (codec {codec.name}, {codec.codec.long_name}"
                f"{': ' + self.problem if self.problem else ''}); {RECODE}"
            )
        # Two packets may hold the two fields of one picture.
        pairs = self.interlaced and self.packets > 1.5 * (decoded + self.broken)
        held = self.packets // 2 if pairs else self.packets
        held_ms = np.sort(np.asarray(self._packet_times)) * float(self.stream.time_base) * 1000.0
        timed = len(held_ms) > 0.9 * self.packets and not (
            video.fps_assumed or self._shift or pairs
        )
        usual, lost = holes(held_ms if timed else times)
        at_end = self._missing_at_end(usual, float(held_ms[-1])) if timed else 0
        video.frames_announced = max(held, decoded + self.broken) + lost + at_end
        span = self.last_ms - int(times[0])
        # The true mean, unless it differs from the container's rate by the rounding of times only.
        if not video.fps_assumed and abs(1000.0 * (decoded - 1) / video.fps - span) > ROUNDED_MS:
            video.fps = 1000.0 * (decoded - 1) / span
        steps = np.diff(times)
        if decoded > 2 and np.ptp(steps) > max(_VARIABLE_PART * usual, 2 * ROUNDED_MS):
            video.variable_rate = True
            video.notes.append("variable frame rate")
        if len(self.sizes) > 1:
            video.notes.append("frames of several sizes: fitted to the first and padded")
        undecoded = max(held - decoded, self.broken)
        if undecoded > 0:
            video.notes.append(f"{undecoded} frames cannot be decoded and are left out")
        if lost:
            video.notes.append(f"holes in time: about {lost} frames are missing")
        if at_end:
            video.notes.append(f"it breaks off: about {at_end} frames are missing at its end")

    def _missing_at_end(self, usual: float, last_ms: float) -> int:
        """Return how many frames the stream announces after the last one that it holds."""
        end = _announced_end(self.container, self.stream, believe_container=self.cut_off)
        if end is None or usual <= 0:
            return 0
        missing = (end * 1000.0 - last_ms) / usual - 1.0
        return round(missing) if missing > 1.5 else 0


def _announced_end(container: Any, stream: Any, *, believe_container: bool) -> float | None:
    """Return the container's time in seconds at which the video stream says it ends.

    The duration of a container is that of its longest stream, possibly of sound: it is believed
    only where the file breaks off in the middle of a packet and nothing better is known.
    """
    start = stream.start_time or 0
    if container.format.name == "avi" and stream.frames and stream.guessed_rate:
        # Frames that were dropped while recording are counted and have a time, but no packet.
        return float(stream.frames / stream.guessed_rate)
    tag = _seconds(stream.metadata.get("DURATION", ""))
    if tag is not None:  # Matroska: the end of the stream's last packet
        return tag
    if stream.duration is not None:
        end: float = (start + stream.duration) * float(stream.time_base)
        return end
    if believe_container and container.duration is not None:
        return float(start * stream.time_base) + float(container.duration) / 1e6
    return None


def _seconds(clock: str) -> float | None:
    parts = clock.split(":")
    try:
        hours, minutes, seconds = (float(part) for part in parts)
    except ValueError:
        return None
    return 3600.0 * hours + 60.0 * minutes + seconds


def _deinterlacer(stream: Any) -> Any:
    """Return a filter graph that makes one frame of the two fields of an interlaced one."""
    import av

    graph = av.filter.Graph()
    graph.threads = 1
    graph.link_nodes(
        graph.add_buffer(template=stream),
        graph.add("bwdif", "mode=send_frame:deint=interlaced"),
        graph.add("buffersink"),
    ).configure()
    return graph


def _pull(graph: Any) -> Iterator[Any]:
    import av

    while True:
        try:
            yield graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
