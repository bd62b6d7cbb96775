"""The sound of a clip as a recogniser needs it: 16 kHz, one channel, 16 bits, decoded with PyAV.

PyAV's wheels carry FFmpeg libraries of their own beside OpenCV's; a test loads both at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.jobs.signs_of_life import alive
from facewave.video.decode import (
    CONTAINERS,
    UnreadableVideoError,
    check_clip,
    raise_for_machine,
)

SAMPLE_RATE = 16_000
# The level of a sound is that of its loudest frame; a frame is 30 ms.
LEVEL_FRAME = 480
LONGEST_WINDOW = 28 * SAMPLE_RATE
SHORTEST_WINDOW = 20 * SAMPLE_RATE
_CUT_BLOCK = SAMPLE_RATE // 5

# Decoders need some sound before the first sample that is wanted.
_RUN_UP_SECONDS = 1.0
_FULL_SCALE = 32768.0

Samples = NDArray[np.int16]


class NoSoundError(Exception):
    """A clip has no sound track."""


class UnreadableSoundError(Exception):
    """A clip's sound track cannot be decoded; the message says why."""


def read_sound(path: Path, *, start: float = 0.0, end: float | None = None) -> Samples:
    """Return the sound of a clip, int16 (samples,), `SAMPLE_RATE` a second, channels mixed.

    Time counts from the first image of the video. Sound that begins later has silence before it;
    sound before the first image is left out. A track that breaks off is returned as far as it goes.

    Args:
        path: a file; a folder of frames has no sound.
        start, end: the wanted part in seconds; `end` None: to the end of the track.

    Raises:
        NoSoundError: there is no sound track.
        UnreadableSoundError: the file cannot be opened, or none of its track can be decoded.
        OSError: if the machine fails to read it.
    """
    try:
        check_clip(path)
    except UnreadableVideoError as error:
        raise UnreadableSoundError(str(error)) from error
    if path.is_dir():
        raise NoSoundError("a folder of frames has no sound")
    av = _av()
    try:
        with av.open(
            # An absolute path: FFmpeg takes text before a colon for the name of a protocol.
            str(path.absolute()),
            options={"protocol_whitelist": "file", "format_whitelist": CONTAINERS},
            metadata_errors="replace",
        ) as container:
            if not container.streams.audio:
                raise NoSoundError("the file has no sound track")
            samples, first = _decode(av, container, start=start, end=end)
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):
            raise_for_machine(error)
        raise UnreadableSoundError(f"the file cannot be opened: {error.strerror}") from error
    return _placed(samples, first=first - start, seconds=None if end is None else end - start)


def _decode(av: Any, container: Any, *, start: float, end: float | None) -> tuple[Samples, float]:
    """Return samples from about `start` to about `end`, and the time of the first one."""
    stream = container.streams.audio[0]
    stream.codec_context.thread_count = 1
    zero = _first_image(container)
    if start > _RUN_UP_SECONDS:
        # A container that cannot seek is decoded from its beginning.
        with suppress(av.error.FFmpegError):
            container.seek(
                round((zero + start - _RUN_UP_SECONDS) / stream.time_base), stream=stream
            )
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    pieces: list[Samples] = []
    problems: list[str] = []
    first = None
    for frame in _frames(av, container, stream, problems):
        time = zero if frame.time is None else frame.time
        if end is not None and time - zero >= end:
            break
        if first is None and time - zero + frame.samples / frame.sample_rate <= start - 0.1:
            continue
        first = time - zero if first is None else first
        pieces += _resampled(resampler, frame)
    if first is None and problems:
        raise UnreadableSoundError(f"the sound cannot be decoded: {problems[0]}")
    if first is not None:
        pieces += _resampled(resampler, None)
    return np.concatenate([np.zeros(0, np.int16), *pieces]), first or 0.0


def _frames(av: Any, container: Any, stream: Any, problems: list[str]) -> Iterator[Any]:
    """Yield the frames that can be decoded; errors of the others are added to `problems`."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            frames = [] if packet is None else packet.decode()
        except av.error.FFmpegError as error:
            problems.append(error.strerror)
            # A container that breaks off fails again and again.
            if len(problems) > 100:
                return
            continue
        alive()
        if packet is None:
            return
        yield from frames


def _resampled(resampler: Any, frame: Any) -> list[Samples]:
    return [part.to_ndarray()[0] for part in resampler.resample(frame)]


def _first_image(container: Any) -> float:
    """Return the container's time of the first image in seconds."""
    for stream in container.streams.video:
        if stream.start_time is not None:
            return float(stream.start_time * stream.time_base)
    return 0.0


def _placed(samples: Samples, *, first: float, seconds: float | None) -> Samples:
    """Return samples that start at time `first` as samples that start at 0, cut to `seconds`."""
    shift = round(first * SAMPLE_RATE)
    if shift < 0:
        samples = samples[-shift:]
    elif shift > 0 and samples.size:
        samples = np.concatenate([np.zeros(shift, np.int16), samples])
    return samples if seconds is None else samples[: round(seconds * SAMPLE_RATE)]


def level_dbfs(samples: Samples) -> float:
    """Return the root mean square of the loudest 30 ms in dB below full scale; -inf for silence."""
    if not samples.size:
        return -np.inf
    frames = np.zeros(-(-samples.size // LEVEL_FRAME) * LEVEL_FRAME)
    frames[: samples.size] = samples / _FULL_SCALE
    loudest = float(np.sqrt((frames.reshape(-1, LEVEL_FRAME) ** 2).mean(axis=1).max()))
    return 20.0 * float(np.log10(loudest)) if loudest > 0 else -np.inf


def windows(samples: Samples) -> list[Samples]:
    """Return the sound in windows of at most 28 s; Whisper takes at most 30 s at a time.

    A longer sound is cut where it is quietest (over 0.2 s) between seconds 20 and 28 of a window,
    so that few words are cut in two.
    """
    parts = []
    while samples.size > LONGEST_WINDOW:
        blocks = samples[SHORTEST_WINDOW:LONGEST_WINDOW].astype(np.float64)
        power = (blocks.reshape(-1, _CUT_BLOCK) ** 2).mean(axis=1)
        cut = SHORTEST_WINDOW + int(power.argmin()) * _CUT_BLOCK + _CUT_BLOCK // 2
        parts.append(samples[:cut])
        samples = samples[cut:]
    return [*parts, samples]


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise ImportError(
            f"PyAV, which decodes the sound of clips, cannot be loaded ({error}); install the "
            "extra `speech`: pip install -r requirements-speech.txt (or: make speech)"
        ) from error
    return av
