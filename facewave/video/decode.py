"""What a decoded video is: frames that are upright, with square pixels, at their true times.

`stream` decodes files with PyAV. It was chosen over OpenCV's reader, which leaves display matrices
that mirror, the shape of pixels and the times of frames to its caller, and hands out uninitialised
memory for interlaced pictures; docs/performance.md compares their speed. OpenCV only draws and
resizes.
"""

from __future__ import annotations

import errno
import math
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.video.images import (
    Image,
    fitted,
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

# Rates up to a hundredth above count as the same (30 and 29.97), and times as rounded to 1 ms.
_SAME_RATE, ROUNDED_MS = 0.01, 1.0
# A step in time is a hole, in which frames are lost, if it is longer than both: a recording of
# variable rate doubles or trebles its steps, and stands still for a moment.
_HOLE_STEPS, _HOLE_SECONDS = 4.0, 0.25
# Errors of the machine, not of a path or of a file's content.
_OF_THE_MACHINE = (
    *(errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.ENODEV, errno.ENXIO),
    *(errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENOTCONN),
    *(errno.ECONNREFUSED, errno.ECONNRESET),
)
RECODE = "`ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4` writes one that can be read"


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
        rounded = 1000.0 / max_fps * (1 - _SAME_RATE) - 1.5 * ROUNDED_MS
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
            f"{_cut_index(container)}; {RECODE}"
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
