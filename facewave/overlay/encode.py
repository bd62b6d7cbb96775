"""Writes pictures and sound as an MP4 that every browser plays: H.264, 4:2:0, index in front.

Pictures keep their own times, to 1 ms. There are no frames that depend on later ones, and one in
every second that depends on no other: a player jumps to any place at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from facewave.overlay.sound import Sound
from facewave.video.images import Image

ENCODER = "libx264"
_CLOCK = Fraction(1, 1000)
_LIMITED, _BT709 = 1, 1


class NoEncoderError(RuntimeError):
    """PyAV was built without the encoder of H.264; the message says what to do."""


def find_encoder() -> str:
    """Return the name of FFmpeg's encoder of H.264.

    Raises:
        NoEncoderError: PyAV was built without it.
    """
    import av

    try:
        av.codec.Codec(ENCODER, "w")
    except av.codec.codec.UnknownCodecError:
        raise NoEncoderError(
            f"this PyAV {av.__version__} has no encoder {ENCODER}: install the one of PyPI "
            "(`pip install av`), not one of a distribution that left it out, or make no overlays "
            "(`overlay: {enabled: false}`)"
        ) from None
    return ENCODER


class Mp4Writer:
    """Writes pictures one by one, and the sound up to each of them: memory does not grow."""

    def __init__(
        self,
        container: Any,
        *,
        size: tuple[int, int],
        fps: float,
        quality: int,
        sound: Sound | None,
    ) -> None:
        """Begin a file; see `mp4_writer`."""
        self._container, self._sound = container, sound
        width, height = size
        stream = container.add_stream(find_encoder(), rate=Fraction(fps).limit_denominator(1000))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = _CLOCK
        codec = stream.codec_context
        codec.time_base = _CLOCK
        # How many jobs run at once is the scheduler's decision.
        codec.thread_count = 1
        codec.gop_size = max(1, round(fps))
        codec.max_b_frames = 0
        codec.color_range = _LIMITED
        codec.colorspace = codec.color_primaries = codec.color_trc = _BT709
        # The timeline is drawn by the times of pictures: no look-ahead is worth its memory.
        codec.options = {"preset": "veryfast", "crf": str(quality), "rc-lookahead": "10"}
        self._stream = stream
        if sound is not None:
            sound.attach(container)

    def write(self, image: Image, ms: int) -> None:
        """Append a picture, uint8 (height, width, 3) RGB, of a time in ms, later than the last."""
        import av

        self._write_sound(until=ms / 1000)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=_BT709, threads=1)
        frame.pts, frame.time_base = ms, _CLOCK
        self._container.mux(self._stream.encode(frame))

    def finish(self, *, end_ms: float) -> None:
        """Write what the encoder still holds, and the sound up to a time in ms."""
        self._write_sound(until=end_ms / 1000, last=True)
        self._container.mux(self._stream.encode(None))

    def _write_sound(self, *, until: float, last: bool = False) -> None:
        import av

        for packet in self._sound.until(until, last=last) if self._sound is not None else ():
            # Sound that is damaged is left out; that of a video never costs its overlay.
            with suppress(av.error.InvalidDataError):
                self._container.mux(packet)


@contextmanager
def mp4_writer(
    path: Path, *, size: tuple[int, int], fps: float, quality: int, sound: Sound | None = None
) -> Iterator[Mp4Writer]:
    """Open an MP4 for writing; call `finish` when all pictures are written.

    Args:
        path: of the file.
        size: width and height in pixels, even numbers.
        fps: about how many pictures there are per second.
        quality: constant rate factor, 0 to 51.
        sound: of the video that is drawn on; None: the file has none.

    Raises:
        NoEncoderError: PyAV cannot encode H.264.
        OSError: the file cannot be written.
    """
    import av

    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        yield Mp4Writer(container, size=size, fps=fps, quality=quality, sound=sound)
