"""The sound of a video for its overlay: copied where browsers play it from an MP4, else as AAC."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

from facewave.jobs.signs_of_life import alive
from facewave.video.decode import open_container, video_stream

# What browsers play from an MP4; MP4 could hold more.
COPIED = ("aac", "mp3")
_BIT_RATE = 128_000
# Damaged sound is left out after so many errors in a row.
_MOST_ERRORS = 100


class Sound:
    """The first sound stream of a file, read once, in order, beside the pictures."""

    def __init__(self, source: Any, stream: Any, *, zero: float) -> None:
        """Take an open container and its stream.

        Args:
            source: container that is open for reading, read by nobody else.
            stream: of its sound.
            zero: the container's time in seconds that is 0 in the new file.
        """
        self._source, self._stream, self._zero = source, stream, zero
        # FFmpeg has several decoders of one kind of sound: mp3 and mp3float.
        self._copied = stream.codec_context.codec.canonical_name in COPIED
        self._target: Any = None
        self._encoder: Any = None
        self._packets: Iterator[Any] = iter(())
        self._waiting: Any = None
        self._errors = 0
        self._last: int | None = None

    def attach(self, container: Any) -> None:
        """Add a stream for the sound to a container that is open for writing."""
        if self._copied:
            self._target = container.add_stream_from_template(self._stream)
        else:
            codec = self._stream.codec_context
            rate = codec.sample_rate if codec.sample_rate in _AAC_RATES else 48_000
            self._target = container.add_stream("aac", rate=rate)
            self._target.layout = "mono" if codec.layout.nb_channels == 1 else "stereo"
            self._target.bit_rate = _BIT_RATE
            self._encoder = _Encoder(self._target)
        self._packets = self._read()

    def until(self, seconds: float, *, last: bool = False) -> Iterator[Any]:
        """Yield the packets up to a time of the new file; with `last`, the encoder's rest too."""
        while True:
            packet = self._waiting if self._waiting is not None else next(self._packets, None)
            self._waiting = None
            if packet is None:
                break
            if self._seconds(packet) > seconds:
                self._waiting = packet
                break
            yield from self._written(packet)
        if last and self._encoder is not None:
            yield from self._encoder.rest()

    def _read(self) -> Iterator[Any]:
        """Yield packets with a time that does not lie before the first picture."""
        import av

        packets = self._source.demux(self._stream)
        while self._errors < _MOST_ERRORS:
            try:
                packet = next(packets, None)
            except (av.error.FFmpegError, ValueError):
                self._errors += 1
                continue
            alive()
            if packet is None:
                return
            if packet.size and packet.pts is not None and self._seconds(packet) >= 0:
                yield packet

    def _seconds(self, packet: Any) -> float:
        return float(packet.pts * packet.time_base) - self._zero

    def _written(self, packet: Any) -> Iterator[Any]:
        import av

        if self._encoder is None:
            place = round(self._seconds(packet) / packet.time_base)
            # A container that repeats a time would stop the writer.
            if self._last is not None and place <= self._last:
                return
            self._last = place
            packet.pts = packet.dts = place
            packet.stream = self._target
            yield packet
            return
        try:
            frames = packet.decode()
        except (av.error.FFmpegError, ValueError):
            self._errors += 1
            return
        for frame in frames:
            if frame.pts is not None:
                yield from self._encoder.encode(
                    frame, float(frame.pts * frame.time_base) - self._zero
                )


_AAC_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 8_000)


class _Encoder:
    """Encodes decoded sound as AAC; a hole in its time stays one."""

    def __init__(self, target: Any) -> None:
        self._target = target
        self._resampler: Any = None
        self._next: int | None = None

    def encode(self, frame: Any, seconds: float) -> Iterator[Any]:
        """Yield the packets that a frame of sound that begins at a time completes."""
        import av

        rate = self._target.codec_context.sample_rate
        if self._resampler is None:
            codec = self._target.codec_context
            self._resampler = av.AudioResampler(
                format="fltp", layout=codec.layout, rate=rate, frame_size=1024
            )
        at = round(seconds * rate)
        # Only what differs by more than rounding is a hole.
        if self._next is None or at > self._next + rate // 10:
            self._next = at
        frame.pts = None
        for part in self._resampler.resample(frame):
            yield from self._packets(part)

    def rest(self) -> Iterator[Any]:
        """Yield the packets that are left."""
        if self._resampler is not None:
            for part in self._resampler.resample(None):
                yield from self._packets(part)
        yield from self._target.encode(None)

    def _packets(self, part: Any) -> Iterator[Any]:
        rate = self._target.codec_context.sample_rate
        part.pts, part.time_base = self._next, Fraction(1, rate)
        self._next += part.samples
        yield from self._target.encode(part)


@contextmanager
def open_sound(path: Path) -> Iterator[Sound | None]:
    """Open the sound of a video file; None if it has none, or it is a folder of frames."""
    if path.is_dir():
        yield None
        return
    with open_container(path) as container:
        streams = [s for s in container.streams.audio if s.codec_context is not None]
        video = video_stream(container)
        # Times of frames count from where the video begins, which sound may do before or after.
        zero = float((video.start_time or 0) * video.time_base)
        yield Sound(container, streams[0], zero=zero) if streams else None
