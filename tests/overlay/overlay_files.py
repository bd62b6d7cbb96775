"""Videos with a known face, sound and uneven times, their shards and timelines."""

from fractions import Fraction

import av
import numpy as np

from tests.tracking.track_shards import write_track_shard

TIMES = [0, 40, 80, 200, 240, 290, 330, 400, 1000, 1040]
SIZE = (160, 120)
CLASSES = ("angry", "glücklich", "sad")


def write_clip(path, times=TIMES, *, size=SIZE, sound=None, late=0.0):
    """Write a grey video with frames at given times in ms, and a tone of `sound` (a codec)."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        video.time_base = video.codec_context.time_base = Fraction(1, 1000)
        tone = container.add_stream(sound, rate=48000) if sound else None
        if tone is not None:
            tone.layout = "mono"
        for ms in times:
            image = np.full((size[1], size[0], 3), 110, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = ms + round(1000 * late), Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if tone is not None:
            _write_tone(container, tone, seconds=times[-1] / 1000 + late)
    return path


def _write_tone(container, tone, *, seconds):
    kind = tone.codec_context.format.name
    values = np.sin(np.arange(int(48000 * seconds)) * 2 * np.pi * 440 / 48000)
    scaled = 0.5 * values if kind.startswith("flt") else 16000 * values
    dtype = np.float32 if kind.startswith("flt") else np.int16
    size = tone.codec_context.frame_size or 1024
    for start in range(0, len(values) - size, size):
        part = scaled[start : start + size].astype(dtype)[None]
        frame = av.AudioFrame.from_ndarray(part, format=kind, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        container.mux(tone.encode(frame))
    container.mux(tone.encode(None))


def write_shard(path, *, detected=None, times=TIMES, **arrays):
    """Write the shard of a face in the middle of the picture that smiles more and more."""
    angles = np.linspace(0, 2 * np.pi, 478, endpoint=False)
    points = np.zeros((len(times), 478, 3), np.float32)
    points[:, :, 0] = 0.5 + 0.1 * np.cos(angles)
    points[:, :, 1] = 0.5 + 0.1 * np.sin(angles)
    shapes = np.zeros((len(times), 52), np.float32)
    shapes[:, 44:46] = np.linspace(0, 1, len(times))[:, None]
    seen = np.ones(len(times), bool) if detected is None else detected
    given = {"landmarks": points, "blendshapes": shapes} | arrays
    return write_track_shard(path, seen, arrays=given, times=times)


def timeline_text(rows):
    """Return a timeline.csv of (video, person, start, end, answer, probabilities, set, trusted)."""
    lines = [
        "video,person,start_seconds,end_seconds,answer,"
        + ",".join(f"p_{name}" for name in CLASSES)
        + ",prediction_set,trusted,why"
    ]
    for video, person, start, end, answer, values, names, trusted in rows:
        cells = [video, person, start, end, answer, *values, names, trusted, "because"]
        lines.append(",".join(str(cell) for cell in cells))
    return "\n".join(lines) + "\n"
