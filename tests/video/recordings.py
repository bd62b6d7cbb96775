"""Recordings with the traits of real ones, encoded with PyAV."""

from fractions import Fraction

import av
import cv2
import numpy as np

CLOCK = Fraction(1, 1000)


def gradient(index, *, width=64, height=48):
    """Return an RGB frame whose brightness rises to the right and whose corner (0, 0) is dark."""
    ramp = np.linspace(60, 200, width)
    image = np.repeat(np.tile(ramp, (height, 1))[..., None], 3, axis=2) + (index % 10)
    image[: height // 4, : width // 4] = 20
    return image.astype(np.uint8)


def record(path, times, *, codec="libx264", sar=None, start=0, sound=0.0, size=(64, 48), **options):
    """Encode one `gradient` frame for each time in ms.

    Args:
        path: its suffix decides the container.
        times: in ms.
        codec: of PyAV's encoders.
        sar: width / height of a pixel, a fraction.
        start: ms before the first frame, in a file whose sound begins at once.
        sound: seconds of silence beside the video; 0: no sound.
        size: width and height.
        options: of the encoder.
    """
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=25, options=options)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        video.time_base = video.codec_context.time_base = CLOCK
        if sar is not None:
            video.codec_context.sample_aspect_ratio = sar
        if sound:
            silence(container, sound)
        for index, ms in enumerate(times):
            image = gradient(index, width=size[0], height=size[1])
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = start + ms, CLOCK
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path


def silence(container, seconds):
    """Add a sound track, and all of its packets, to a container that is being written."""
    audio = container.add_stream("aac", rate=48_000, layout="mono")
    for place in range(0, int(48_000 * seconds), 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, place, Fraction(1, 48_000)
        container.mux(audio.encode(frame))
    container.mux(audio.encode(None))


def interlace(frames):
    """Return frames of half the rate, whose odd lines are those of every second frame."""
    woven = [first.copy() for first in frames[::2]]
    for frame, second in zip(woven, frames[1::2], strict=True):
        frame[1::2] = second[1::2]
    return woven


def record_interlaced(path, frames):
    """Encode frames, RGB, as interlaced H.264."""
    with av.open(str(path), "w") as container:
        options = {"x264-params": "interlaced=1", "flags": "+ildct+ilme", "preset": "ultrafast"}
        video = container.add_stream("libx264", rate=25, options=options)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv420p"
        for image in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(video.encode(None))
    return path


def moving_bar(count, *, width=64, height=48):
    """Return frames with a bright bar that moves by two pixels per frame."""
    frames = [np.full((height, width, 3), 40, np.uint8) for _ in range(count)]
    for index, frame in enumerate(frames):
        left = 4 + 2 * index
        cv2.rectangle(frame, (left, 0), (left + 9, height), (220, 220, 220), -1)
    return frames
