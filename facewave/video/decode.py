"""Decoding of video files with PyAV: every frame upright, with square pixels, at its true time.

PyAV was chosen over OpenCV's reader, which leaves display matrices that mirror, the shape of pixels
and the times of frames to its caller, and hands out uninitialised memory for interlaced pictures;
docs/performance.md compares their speed. OpenCV only draws and resizes.
"""

from __future__ import annotations

import errno
import math
import stat
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.jobs.signs_of_life import alive
from facewave.video.images import (
    Image,
    decoder_pixels,
    fitted,
    rgb_converter,
    square_pixels,
    upright,
)

# Containers with frames of their own, by the names of FFmpeg's demuxers. Playlists (hls, dash,
# concat) are not among them: they make FFmpeg open other files and addresses.
CONTAINERS = (
    "asf,av1,avi,dv,flv,gif,h264,hevc,ivf,jpeg_pipe,m4v,matroska,mjpeg,mov,mpeg,mpegts,mpegvideo,"
    "mxf,nut,obu,ogg,rm,vc1,wtv,yuv4mpegpipe"
)
OPEN_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}

# MediaPipe's clock counts milliseconds: 1000 frames per second are the maximum.
LOWEST_FPS, HIGHEST_FPS = 0.01, 1000.0

# The frame rate is variable if times between frames differ by more than this part of the median.
_VARIABLE_PART = 0.5
# Rates up to a hundredth above count as the same (30 and 29.97), and times as rounded to 1 ms.
_SAME_RATE, _ROUNDED_MS = 0.01, 1.0
# A step in time is a hole, in which frames are lost, if it is longer than both: a recording of
# variable rate doubles or trebles its steps, and stands still for a moment.
_HOLE_STEPS, _HOLE_SECONDS = 4.0, 0.25
# Errors of the machine, not of a path or of a file's content.
_OF_THE_MACHINE = (
    *(errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.ENODEV, errno.ENXIO),
    *(errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENOTCONN),
    *(errno.ECONNREFUSED, errno.ECONNRESET),
)
# Containers that break off fail at every read.
_MOST_ERRORS = 1000
_RECODE = "`ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4` writes one that can be read"


class UnreadableVideoError(Exception):
    """A file holds no video that can be decoded; the message says why."""


class DecoderIOError(OSError):
    """FFmpeg reports an I/O error: the machine's fault, or damage in a file that can be read."""


class BeyondLimitsError(UnreadableVideoError):
    """A video is larger or longer than `Limits` admit: with others it may be readable."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a video may be at most: more is refused before it is decoded (config section `video`).

    Attributes:
        max_pixels: of a frame, width times height; the default admits 8K (7680 x 4320).
        max_seconds: length.
    """

    max_pixels: int = 36_000_000
    max_seconds: float = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of a video.

    Attributes:
        ms: time since the first frame of the video in ms, greater than that of the frame before.
        image: uint8 (height, width, 3) RGB.
    """

    ms: int
    image: Image


@dataclass
class Video:
    """An open video. What is not known before the last frame says so.

    Attributes:
        width, height: pixels of the frames, upright and with square pixels.
        fps: frames per second, as the container guesses; after the last frame the true mean.
        fps_assumed: whether the default was used, since the file names no times.
        max_side: largest longer side, in pixels, of the frames that are yielded; None: all pixels.
        max_fps: highest rate of the frames that are yielded; None: all frames.
        frames_decoded: frames decoded so far, yielded or not.
        frames_announced: frames that the video stream holds, decodable or not, those that are
            missing at its end included; known after the last frame, an estimate before (0: none).
        variable_rate: whether the times between frames differ; known after the last frame.
        notes: oddities in words, complete after the last frame.
    """

    width: int
    height: int
    fps: float
    fps_assumed: bool
    frames_announced: int
    max_side: int | None = None
    max_fps: float | None = None
    frames_decoded: int = 0
    variable_rate: bool = False
    notes: list[str] = field(default_factory=list)
    _read: Callable[[Video, float], Iterator[Frame]] = field(
        default=lambda video, start: iter(()), repr=False
    )

    def frames(self, *, start_ms: float = 0.0, end_ms: float = math.inf) -> Iterator[Frame]:
        """Yield the frames with `start_ms` <= time < `end_ms`, in order.

        From a later start the container is asked to jump near to it; its times then count from
        where the stream says that it starts.
        """
        least = 0.0 if self.max_fps is None else self._least_ms(self.max_fps)
        last = -math.inf
        for frame in self._read(self, start_ms):
            if frame.ms >= end_ms:
                return
            if frame.ms >= start_ms and frame.ms - last >= least:
                last = frame.ms
                yield frame

    def scaled(self, image: Image) -> Image:
        """Return an image with a longer side of at most `max_side`."""
        if self.max_side is None or max(image.shape[:2]) <= self.max_side:
            return image
        scale = self.max_side / max(image.shape[:2])
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        return fitted(image, width=width, height=height)

    def _least_ms(self, max_fps: float) -> float:
        """Return the least time between frames; of a steady video every n-th, n the smallest."""
        check_frame_rate(max_fps)
        every = max(1, math.ceil(self.fps / max_fps - _SAME_RATE))
        rounded = 1000.0 / max_fps * (1 - _SAME_RATE) - 1.5 * _ROUNDED_MS
        return max((every - 0.5) * 1000.0 / self.fps, rounded)


def check_frame_rate(fps: float) -> None:
    """Raise ValueError unless a clip can have this many frames per second."""
    if not LOWEST_FPS <= fps <= HIGHEST_FPS:
        raise ValueError(f"{fps:g} frames per second: must be {LOWEST_FPS:g} to {HIGHEST_FPS:g}")


def check_clip(path: Path) -> None:
    """Raise UnreadableVideoError unless `path` is a folder, or a file with readable content.

    Raises:
        OSError: if the machine fails to read it.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            return
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableVideoError("it is not a regular file")
        with path.open("rb") as file:
            file.read(1)
    except FileNotFoundError:
        raise UnreadableVideoError("the file is missing") from None
    except OSError as error:
        raise_for_machine(error)
        raise UnreadableVideoError(f"the file cannot be read: {error.strerror}") from None
    if status.st_size == 0:
        raise UnreadableVideoError("the file is empty (0 bytes)")


def holes(ms: NDArray[Any], *, usual: float | None = None) -> tuple[float, int]:
    """Return the usual step between frames in ms, and how many frames holes have swallowed.

    Args:
        ms: (T,) times in ms, increasing. Below two frames there is no step: (0, 0).
        usual: the usual step, where it is known; None: the median.
    """
    if len(ms) < 2:
        return 0.0, 0
    steps = np.diff(np.asarray(ms, np.float64))
    usual = float(np.median(steps)) if usual is None else usual
    wide = steps[steps > max(_HOLE_STEPS * usual, 1000.0 * _HOLE_SECONDS)]
    return usual, int(np.sum(np.maximum(np.rint(wide / max(usual, 1.0)) - 1, 0)))


@contextmanager
def open_container(path: Path) -> Iterator[Any]:
    """Open a media file with PyAV.

    Raises:
        UnreadableVideoError: if it is missing, empty or no container that FFmpeg knows.
    """
    check_clip(path)
    import av

    av.logging.set_level(av.logging.PANIC)
    try:
        # An absolute path: FFmpeg takes text before a colon for the name of a protocol.
        container = av.open(
            str(path.absolute()), options=dict(OPEN_OPTIONS), metadata_errors="replace"
        )
    except MemoryError:
        raise
    except (av.error.FFmpegError, ValueError) as error:
        if isinstance(error, OSError) and not isinstance(error, av.error.InvalidDataError):
            raise_for_machine(error)
        reason = getattr(error, "strerror", None) or str(error)
        # What FFmpeg says of a format that is not in `CONTAINERS`.
        if getattr(error, "errno", None) == errno.EINVAL:
            reason = "it is of a kind that is not read (such as sound or a playlist)"
        raise UnreadableVideoError(f"it is not a video file that can be opened: {reason}") from None
    with container:
        yield container


def raise_for_machine(error: OSError) -> None:
    """Raise an error that was reported while reading, if it looks like the machine's fault."""
    if error.errno in _OF_THE_MACHINE:
        kind = DecoderIOError if type(error).__module__.startswith("av.") else OSError
        raise kind(error.errno, error.strerror) from error


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


def video_stream(container: Any) -> Any:
    """Return the first video stream that is not the picture of an album.

    Raises:
        UnreadableVideoError: if there is none, or its codec is not known to FFmpeg.
    """
    import av

    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & av.stream.Disposition.attached_pic
    ]
    if not streams:
        kinds = sorted({stream.type for stream in container.streams})
        found = f"it holds only: {', '.join(kinds)}" if kinds else "it holds no stream"
        raise UnreadableVideoError(
            f"there is no video stream in the file; {found}{_cut_index(container)}"
        )
    stream = streams[0]
    if stream.codec_context is None:
        raise UnreadableVideoError(
            f"FFmpeg {av.ffmpeg_version_info} does not know the codec of its video"
            f"{_cut_index(container)}; {_RECODE}"
        )
    return stream


def has_times(container: Any) -> bool:
    """Return whether a container names the times of its frames; raw streams do not."""
    import av

    if container.format.flags & av.format.Flags.no_timestamps.value:
        return False
    # AVI counts frames: its times are only as good as the rate in its header.
    streams = container.streams.video if container.format.name == "avi" else []
    return all(LOWEST_FPS <= float(stream.guessed_rate or 0) < HIGHEST_FPS for stream in streams)


def _cut_index(container: Any) -> str:
    kind = container.format.name.startswith("mov")
    return "; an MP4 that was cut short has lost its index" if kind else ""


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
                if self._is_shown(packet):
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

    def _is_shown(self, packet: Any) -> bool:
        # VP8 has packets that only help to decode others; bit 4 of the first byte says so.
        if packet.is_discard:
            return False
        return self.stream.codec_context.name != "vp8" or bool(memoryview(packet)[0] >> 4 & 1)

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
        if frame.pts is None or not frame.time_base or video.fps_assumed:
            if self.last_ms < 0:
                video.fps_assumed, video.fps = True, self.fallback_fps
                self.zero = 0.0
            # By the number of the frame: to add up rounded times would drift.
            return self._next_ms(1000.0 * (video.frames_decoded / video.fps))
        else:
            now = float(frame.pts * frame.time_base)
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
        full = self.shown_size(frame.width, frame.height)
        _check_size(*full, self.limits)
        width, height = full
        if video.max_side is not None and max(full) > video.max_side:
            scale = video.max_side / max(full)
            width, height = (max(1, round(side * scale)) for side in full)
        image = upright(self._to_rgb(frame, width, height), frame)
        self.sizes.setdefault((image.shape[1], image.shape[0]))
        if video.frames_decoded == 1:
            turned = (image.shape[1] > image.shape[0]) != (width > height)
            video.width, video.height = full[::-1] if turned else full
        first = next(iter(self.sizes))
        return fitted(image, width=first[0], height=first[1])

    def _conclude(self, video: Video) -> None:
        """Complete the facts of a video that was read to its end."""
        decoded, times = video.frames_decoded, np.asarray(self._times)
        if decoded == 0:
            codec = self.stream.codec_context
            raise UnreadableVideoError(
                f"none of its frames can be decoded (codec {codec.name}, {codec.codec.long_name}"
                f"{': ' + self.problem if self.problem else ''}); {_RECODE}"
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
        if not video.fps_assumed and abs(1000.0 * (decoded - 1) / video.fps - span) > _ROUNDED_MS:
            video.fps = 1000.0 * (decoded - 1) / span
        steps = np.diff(times)
        if decoded > 2 and np.ptp(steps) > max(_VARIABLE_PART * usual, 2 * _ROUNDED_MS):
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
