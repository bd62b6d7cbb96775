"""Encode a bucket: from trajectory shards to feature shards in the store and the bucket's index."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facewave.face.channels import VIDEO
from facewave.features.encode_clip import encode_clip
from facewave.features.groups import FaceOptions, WaveletOptions, feature_shapes
from facewave.features.quality import Quality, QualityOptions
from facewave.jobs.log import Progress
from facewave.storage.store import (
    content_key,
    drop_index_if_damaged,
    is_whole,
    iter_index,
    read_metadata,
    shard_path,
)
from facewave.storage.tables import write_index
from facewave.tracking.track_index import TRACK_COLUMNS, span_of
from facewave.tracking.trajectory import open_trajectory
from facewave.versions import FEATURE_VERSION

_QUALITY_COLUMNS = tuple(Quality.__dataclass_fields__)
FEATURE_COLUMNS = ("clip_id", "key", "track_key", "channels", *_QUALITY_COLUMNS, "notes")


def feature_key(
    track_key: str,
    *,
    wavelet: WaveletOptions,
    quality: QualityOptions,
    face: FaceOptions | None = None,
    span_ms: tuple[int, int] | None = None,
    person: int | None = None,
) -> str:
    """Return the key of the feature shard that is made from a trajectory shard.

    Options that are None are left out, so that a new option with that default leaves existing
    features valid.

    Args:
        track_key: key of the trajectory shard.
        wavelet, quality, face: as for `encode_bucket`.
        span_ms: of a segment, its part of the video; None for the whole video.
        person: number of the person; None: whom the clip follows.
    """
    return content_key(
        stage="features",
        track=track_key,
        wavelet=_set_options(wavelet),
        quality=_set_options(quality),
        face=_set_options(face or FaceOptions()),
        shapes={name: list(shape) for name, shape in feature_shapes(wavelet, face).items()},
        version=FEATURE_VERSION,
        **({} if span_ms is None else {"span_ms": list(span_ms)}),
        **({} if person is None else {"person": person}),
    )


def _set_options(options: WaveletOptions | QualityOptions | FaceOptions) -> dict[str, Any]:
    return {name: value for name, value in asdict(options).items() if value is not None}


def encode_bucket(
    track_index: Path,
    *,
    index: Path,
    store: Path,
    wavelet: WaveletOptions,
    quality: QualityOptions,
    face: FaceOptions | None = None,
) -> None:
    """Encode every clip of a bucket that is not in the store yet, then write the bucket's index.

    Args:
        track_index: the bucket's index of trajectories; removed if one of them is damaged.
        index: TSV with one row per clip (`FEATURE_COLUMNS`), written at the end. A clip without a
            trajectory has no key.
        store: folder of the content-addressed store.
        wavelet: how trajectories are coded.
        quality: thresholds of a valid clip.
        face: which trajectories are coded; None: landmarks as they are, no head pose.

    Raises:
        DroppedIndexError: if a trajectory shard is damaged or missing, or the index is missing.
        ValueError: if an option of `features` does not suit what the trajectories hold.
    """
    rows = list(iter_index(track_index, TRACK_COLUMNS))
    progress = Progress(len(rows))
    done = []
    for row in rows:
        with drop_index_if_damaged(track_index, clip_id=row["clip_id"]):
            judged, shard, computed = encode_row(
                row, store=store, wavelet=wavelet, quality=quality, face=face
            )
        progress.step(computed=computed, frames=judged.frames)
        done.append(
            {
                "clip_id": row["clip_id"],
                "key": "" if shard is None else shard.stem,
                "track_key": row["key"],
                "channels": "" if shard is None else _channels(shard),
                **asdict(judged),
                "notes": row["notes"],
            }
        )
    write_index(index, FEATURE_COLUMNS, done)


def _channels(feature_shard: Path) -> str:
    return str(read_metadata(feature_shard).get("channels", VIDEO))


def encode_row(
    row: Mapping[str, str],
    *,
    store: Path,
    wavelet: WaveletOptions,
    quality: QualityOptions,
    face: FaceOptions | None,
    person: int | None = None,
) -> tuple[Quality, Path | None, bool]:
    """Encode the clip of a row of an index of trajectories, unless the store has it.

    Args:
        row: with `facewave.tracking.track_bucket.TRACK_COLUMNS`.
        store, wavelet, quality, face: as for `encode_bucket`.
        person: number of the person in the video; None: whom the clip follows.

    Returns:
        the quality of the clip; its shard, None without a trajectory; whether it was made now.

    Raises:
        DamagedShardError: the trajectory shard is damaged or missing.
        ValueError: an option of `features` does not suit what the trajectory holds, or the video
            has no such person.
    """
    if not row["key"]:
        return Quality(valid=False, reason=row["error"]), None, False
    span = span_of(row)
    key = feature_key(
        row["key"], wavelet=wavelet, quality=quality, face=face, span_ms=span, person=person
    )
    shard = shard_path(store, "features", key)
    if is_whole(shard):
        values: dict[str, Any] = read_metadata(shard)["quality"]
        values |= {name: math.nan for name, value in values.items() if value is None}
        return Quality(**values), shard, False
    whose = {} if person is None else {"person": person}
    judged = encode_clip(
        open_trajectory(shard_path(store, "tracks", row["key"]), span_ms=span, person=person),
        shard,
        wavelet=wavelet,
        quality=quality,
        provenance={"track_key": row["key"], "span_ms": span, **whose},
        face=face,
    )
    return judged, shard, True
