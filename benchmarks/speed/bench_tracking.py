"""Where a bucket's time goes, and what fewer or smaller frames save and cost.

    python benchmarks/speed/bench_tracking.py [--json PATH] [--data FOLDER] [--clips N]
                                        [--enlarge HEIGHT] [--rounds N]

Tracks N clips in one process, one after the other, as a bucket's job does, with every setting of
`landmarker.max_fps` and `landmarker.max_side`; then once more with a stopwatch around decoding,
MediaPipe's own call and the rest. CPU time is that of the process with all its threads. Prints two
Markdown tables: fractions of the wall time, and settings against all full-size frames. Landmarks:
median over frames of the mean distance, in percent of the distance between the outer eye corners.
Features: median over the default features of their correlation across clips.

With --enlarge, does the same for clips enlarged to frames of 16:9 and this height (PyAV, H.264),
with settings of `landmarker.max_side` alone. They cost as much to decode, convert and hand over as
other videos of that size, but show no more detail than before.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from bench import fetch_model, find_clips

os.environ.setdefault("GLOG_minloglevel", "2")

from facewave.config.check import check_config
from facewave.features.encode_clip import encode_clip
from facewave.features.groups import FaceOptions, WaveletOptions
from facewave.features.quality import QualityOptions
from facewave.planning.project import coded
from facewave.storage.atomic import write_json
from facewave.storage.store import read_shard
from facewave.tracking import landmarker as landmarks
from facewave.tracking import track_video as tracks
from facewave.tracking.landmarker import LandmarkerOptions
from facewave.tracking.trajectory import open_trajectory
from facewave.video import decode as video

SETTINGS = [
    {},
    {"max_fps": 15.0},
    {"max_fps": 10.0},
    {"max_side": 480},
    {"max_side": 320},
    {"max_side": 240},
]
LARGE_SETTINGS = [{}, {"max_side": 1280}, {"max_side": 960}, {"max_side": 640}]


class Stopwatch:
    """Seconds per part, spent in wrapped functions."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def add(self, part: str, seconds: float) -> None:
        self.seconds[part] = self.seconds.get(part, 0.0) + seconds

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                self.add(part, time.perf_counter() - started)

        return call

    def iterated(self, part: str, function: Callable[..., Iterator[Any]]) -> Callable[..., Any]:
        def call(*args: Any) -> Iterator[Any]:
            items = function(*args)
            while True:
                started = time.perf_counter()
                item = next(items, None)
                self.add(part, time.perf_counter() - started)
                if item is None:
                    return
                yield item

        return call


def watch_parts(watch: Stopwatch) -> None:
    """Wrap what a bucket's job calls; no parts overlap except `detect` and `landmarker`."""
    video.Video.frames = watch.iterated("decoding and colour conversion", video.Video.frames)
    landmarks.VideoLandmarker.detect = watch.timed("detect", landmarks.VideoLandmarker.detect)
    landmarks._read_result = watch.timed("reading the result", landmarks._read_result)
    tracks.write_shard = watch.timed("writing the shard", tracks.write_shard)
    opened = landmarks.VideoLandmarker.__init__
    landmarks.VideoLandmarker.__init__ = watch.timed("MediaPipe: opening the landmarker", opened)
    closed = landmarks.VideoLandmarker.close
    landmarks.VideoLandmarker.close = watch.timed("MediaPipe: closing it", closed)


def image_seconds(frames: int, shape: tuple[int, ...]) -> float:
    """Return the time that wrapping this many frames as MediaPipe images takes."""
    from mediapipe.tasks.python.vision.core.image import Image, ImageFormat

    frame = np.zeros(shape, np.uint8)
    started = time.perf_counter()
    for _ in range(200):
        Image(ImageFormat.SRGB, frame)
    return (time.perf_counter() - started) * frames / 200


def enlarge(clip: Path, folder: Path, height: int) -> Path:
    """Write a clip again, centred in frames of 16:9 and this height."""
    import av

    width, target = height * 16 // 9, folder / f"{clip.stem}-{height}.mp4"
    with av.open(str(clip)) as source, av.open(str(target), "w") as output:
        stream = output.add_stream("libx264", rate=source.streams.video[0].average_rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "18"}
        for frame in source.decode(video=0):
            inner = frame.width * height // frame.height
            large = frame.reformat(inner, height, "rgb24", interpolation="LANCZOS").to_ndarray()
            canvas = np.zeros((height, width, 3), np.uint8)
            left = (width - inner) // 2
            canvas[:, left : left + inner] = large
            output.mux(stream.encode(av.VideoFrame.from_ndarray(canvas, "rgb24")))
        output.mux(stream.encode())
    return target


def track_all(clips: list[Path], folder: Path, model: Path, options: LandmarkerOptions) -> int:
    folder.mkdir(exist_ok=True)
    frames = 0
    for index, clip in enumerate(clips):
        job = tracks.TrackJob(
            video_path=clip,
            shard=folder / f"{index}.npz",
            model=model,
            options=options,
            default_fps=25.0,
            provenance={},
        )
        frames += tracks.track_video(job).frames
    return frames


def shares(clips: list[Path], work: Path, model: Path) -> dict[str, float]:
    """Return the parts of the time of tracking all clips, as fractions of the whole."""
    watch = Stopwatch()
    watch_parts(watch)
    started = time.perf_counter()
    frames = track_all(clips, work / "watched", model, LandmarkerOptions())
    whole = time.perf_counter() - started
    parts = watch.seconds
    with video.open_video(clips[0], default_fps=25.0) as first:
        shape = (first.height, first.width, 3)
    wrapping = image_seconds(frames, shape)
    inference = parts.pop("detect") - parts["reading the result"] - wrapping
    parts = {"MediaPipe: detecting": inference, "handing over the frame": wrapping, **parts}
    parts["linking faces, spooling and the rest"] = whole - sum(parts.values())
    return {name: seconds / whole for name, seconds in parts.items()}


def codes(folder: Path, count: int) -> list[np.ndarray]:
    """Return the default features of tracked clips."""
    options = check_config({})
    found = []
    for index in range(count):
        shard = folder / f"{index}.npz"
        target = folder / f"{index}-features.npz"
        encode_clip(
            open_trajectory(shard),
            target,
            wavelet=WaveletOptions(**options["wavelet"]),
            quality=QualityOptions(**options["quality"]),
            provenance={},
            face=FaceOptions(**coded(options["features"])),
        )
        arrays, _ = read_shard(target)
        found.append(np.concatenate([np.ravel(a).astype(float) for a in arrays.values()]))
    return found


def landmark_error(folder: Path, reference: Path, count: int) -> float:
    """Return the median distance of landmarks (x, y), in percent of that between the eyes."""
    distances = []
    for index in range(count):
        clips = [open_trajectory(at / f"{index}.npz") for at in (folder, reference)]
        kept = np.isin(clips[1].timestamp_ms, clips[0].timestamp_ms)
        found, every = (np.concatenate(list(c.iter("landmarks")))[..., :2] for c in clips)
        wanted = every[kept]
        eyes = np.linalg.norm(wanted[:, 33] - wanted[:, 263], axis=-1)
        distance = np.linalg.norm(found - wanted, axis=-1).mean(axis=-1) / eyes
        distances.append(distance[np.isfinite(distance)])
    return 100 * float(np.median(np.concatenate(distances)))


def similarity(found: list[np.ndarray], wanted: list[np.ndarray]) -> float:
    """Return the median, over features, of their correlation across clips."""
    a, b = np.array(found), np.array(wanted)
    moving = (a.std(axis=0) > 1e-9) & (b.std(axis=0) > 1e-9)
    a, b = a[:, moving], b[:, moving]
    a, b = ((x - x.mean(axis=0)) / x.std(axis=0) for x in (a, b))
    return float(np.median((a * b).mean(axis=0)))


def tracking_seconds(clips: list[Path], folder: Path, model: Path, **setting: Any) -> float:
    """Track clips and return the CPU time that it took."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    track_all(clips, folder, model, LandmarkerOptions(**setting))
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(
    clips: list[Path], work: Path, model: Path, settings: list[dict[str, Any]], rounds: int
) -> list[dict[str, Any]]:
    """Return one row per setting: its least CPU time relative to the first's, and what changed."""
    rows: list[dict[str, Any]] = []
    reference, wanted = work / "0", []
    # In turns, so that other work on the machine affects all settings.
    seconds = [
        [tracking_seconds(clips, work / f"{i}", model, **s) for i, s in enumerate(settings)]
        for _ in range(rounds)
    ]
    for number, setting in enumerate(settings):
        folder, cpu = work / f"{number}", min(row[number] for row in seconds)
        found = codes(folder, len(clips))
        wanted = wanted or found
        error = landmark_error(folder, reference, len(clips))
        rows.append(
            {
                "setting": ", ".join(f"{k}: {v:g}" for k, v in setting.items()) or "all, full size",
                "cpu_seconds": cpu,
                "cpu_ratio": cpu / (rows[0]["cpu_seconds"] if rows else cpu),
                "landmark_error_percent": error,
                "feature_correlation": similarity(found, wanted),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--data")
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--enlarge", type=int, metavar="HEIGHT")
    args = parser.parse_args()
    every = find_clips(args.data)
    clips = every[:: max(1, len(every) // args.clips)][: args.clips]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        model = fetch_model(work)
        if args.enlarge:
            clips = [enlarge(clip, work, args.enlarge) for clip in clips]
        rows = compare(
            clips, work, model, LARGE_SETTINGS if args.enlarge else SETTINGS, args.rounds
        )
        parts = shares(clips, work, model)
    found = {"clips": len(clips), "height": args.enlarge, "shares": parts, "settings": rows}
    show(found)
    if args.json:
        write_json(args.json, found)


def show(found: dict[str, Any]) -> None:
    """Print two Markdown tables."""
    print("| part of a bucket's time | fraction |\n|---|---|")
    for name, share in sorted(found["shares"].items(), key=lambda item: -item[1]):
        print(f"| {name} | {100 * share:.1f} % |")
    print("\n| setting | relative CPU time | landmark error | feature correlation |")
    print("|---|---|---|---|")
    for row in found["settings"]:
        print(
            f"| {row['setting']} | {row['cpu_ratio']:.2f} | {row['landmark_error_percent']:.2f} % "
            f"| {row['feature_correlation']:.3f} |"
        )


if __name__ == "__main__":
    sys.exit(main())
