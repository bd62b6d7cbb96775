"""What is answered for: windows of videos, their features, and with what they are answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.features.encode_bucket import FEATURE_COLUMNS
from facewave.predict.model import Predictor
from facewave.predict.rows import PRIMARY
from facewave.storage.store import (
    drop_index_if_damaged,
    iter_index,
    iter_located,
    read_shard,
    shard_path,
)
from facewave.tracking.track_index import TRACK_COLUMNS


@dataclass(frozen=True, kw_only=True)
class Window:
    """A window of a video, or the whole of it, and a person in it.

    Attributes:
        clip_id: of the window.
        track, features: rows of the bucket's two indexes; features are those of the person.
        index: of the features.
        person: `primary`, whom the window follows, or a number.
    """

    clip_id: str
    track: Mapping[str, str]
    features: Mapping[str, str]
    index: Path
    person: str = PRIMARY

    @property
    def whose(self) -> tuple[str, str]:
        """Id of the video, and the person."""
        return self.video, self.person

    @property
    def number(self) -> int | None:
        """Number of the person; None: whom the window follows."""
        return None if self.person == PRIMARY else int(self.person)

    @property
    def name(self) -> str:
        """What tells it from all other windows."""
        return self.clip_id if self.number is None else f"{self.clip_id} person {self.person}"

    @property
    def valid(self) -> bool:
        """Whether it shows a face well enough."""
        return self.features["valid"] == "true"

    @property
    def video(self) -> str:
        """Id of the video."""
        return self.clip_id.rpartition("__")[0] if self.track["end_ms"] else self.clip_id


@dataclass(frozen=True, kw_only=True)
class PredictionJob:
    """What a bucket is answered with.

    Attributes:
        model: whose answers.
        store: of the shards.
        features, tracks: options of the stages that made them.
        error_rate: of the sets.
        enrolled: ids of the videos that the person's baseline is made of; None: each of its own
            windows.
        threads: torch's.
    """

    model: Predictor
    store: Path
    features: Mapping[str, Any]
    tracks: Mapping[str, Any]
    error_rate: float
    enrolled: Sequence[str] | None = None
    threads: int = 1

    def read(self, window: Window) -> dict[str, NDArray[np.float32]]:
        """Return the features of a valid window.

        Raises:
            DroppedIndexError: the shard is damaged or missing.
        """
        with drop_index_if_damaged(window.index, clip_id=window.clip_id):
            arrays, _ = read_shard(shard_path(self.store, "features", window.features["key"]))
        return {name: arrays[name] for name in self.model.shapes}


@dataclass(frozen=True, kw_only=True)
class ClipFiles:
    """Where a model that looks at images finds those of a bucket's windows, and computes.

    Attributes:
        manifest: of all windows (Parquet).
        tracks: index of the bucket.
        store: of the shards; the frames that are shown are kept there.
        default_fps: frames per second where neither container nor manifest names one.
        video: what reading a video may take, see `facewave.video.isolated.Bounds`.
        gpu: whether to compute on a GPU.
    """

    manifest: Path
    tracks: Path
    store: Path
    default_fps: float
    video: Mapping[str, Any] = field(default_factory=dict)
    gpu: bool = False


def read_windows(tracks: Path, features: Path) -> list[Window]:
    """Return the windows of a bucket, video after video, by their times.

    Raises:
        DroppedIndexError: an index is missing.
    """
    tracked = {row["clip_id"]: row for row in iter_located(tracks, TRACK_COLUMNS)}
    windows = [
        Window(clip_id=row["clip_id"], track=tracked[row["clip_id"]], features=row, index=features)
        for row in iter_index(features, FEATURE_COLUMNS)
    ]
    return sorted(windows, key=lambda window: (window.video, int(window.track["start_ms"] or 0)))
