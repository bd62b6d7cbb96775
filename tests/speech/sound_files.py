"""Videos with sound, made for tests with PyAV."""

from fractions import Fraction

import av
import numpy as np

RATE = 16_000
FPS = 25


def tone(seconds, *, hertz=440.0, peak=0.5, rate=RATE):
    time = np.arange(round(seconds * rate)) / rate
    return np.round(32767 * peak * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


def noise(seconds, *, peak=0.3, seed=1):
    values = np.random.default_rng(seed).uniform(-peak, peak, round(seconds * RATE))
    return np.round(32767 * values).astype(np.int16)


def silence(seconds):
    return np.zeros(round(seconds * RATE), np.int16)


def write_clip(path, sound=None, *, frames=25, start=0.0, rate=RATE, codec="pcm_s16le"):
    """Write a video of flat frames, 25 a second, and its sound; channels are the rows of `sound`.

    The sound begins `start` seconds after the images.
    """
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=FPS)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = None
        if sound is not None:
            sound = np.atleast_2d(sound)
            layout = {1: "mono", 2: "stereo"}[len(sound)]
            audio = container.add_stream(codec, rate=rate, layout=layout)
        for index in range(frames):
            image = np.full((48, 64, 3), 40 + index % 100, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            for place in range(0, sound.shape[1], 1024):
                part = np.ascontiguousarray(sound[:, place : place + 1024])
                packed = part.T.reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(packed), format="s16", layout=layout
                )
                frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
                frame.pts = round(start * rate) + place
                container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path
