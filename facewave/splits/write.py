"""Write the Parquet files that models read: one row per clip, its features beside its label."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from facewave.face.channels import VIDEO, Channels
from facewave.features.encode_bucket import FEATURE_COLUMNS
from facewave.manifest.clips import Clip
from facewave.splits.baseline import REFERENCES, RULE, Baseline, BaselineOptions, persons_of
from facewave.splits.partition import PARTS
from facewave.splits.read import METADATA_KEY
from facewave.storage.parquet import open_parquet, parquet_writer
from facewave.storage.store import drop_index_if_damaged, iter_index, read_shard, shard_path

_ROW_GROUP_CLIPS = 1000
# A reader decodes one row group at a time: small ones take little memory.
_ROW_GROUP_BYTES = 8 * 1024 * 1024

_CLIP_FIELDS = [
    pa.field("clip_id", pa.string(), nullable=False),
    pa.field("file_path", pa.string(), nullable=False),
    pa.field("video_idx", pa.int32(), nullable=False),
    pa.field("label", pa.int32(), nullable=False),
    pa.field("actual", pa.string(), nullable=False),
    pa.field("subject", pa.string()),
    pa.field("take", pa.string()),
    pa.field("source", pa.string()),
    pa.field("text", pa.string()),
    pa.field("start_ms", pa.int32()),
    pa.field("end_ms", pa.int32()),
    pa.field("label_distribution", pa.list_(pa.float32())),
]
_QUALITY_FIELDS = [
    pa.field("valid", pa.bool_(), nullable=False),
    pa.field("reason", pa.string(), nullable=False),
    pa.field("frames", pa.int32(), nullable=False),
    pa.field("detected", pa.int32(), nullable=False),
    pa.field("detection_ratio", pa.float32(), nullable=False),
    pa.field("longest_gap", pa.int32(), nullable=False),
    pa.field("jitter", pa.float32()),
    pa.field("mean_abs_yaw", pa.float32()),
    pa.field("feature_key", pa.string(), nullable=False),
]


class SplitBuildError(Exception):
    """Manifest and feature indexes do not match."""


@dataclass
class _PartWriter:
    """Buffers one row group of a part, so that memory does not grow with the number of clips."""

    writer: Any
    schema: Any
    limit: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    arrays: dict[str, list[NDArray[np.float32]]] = field(default_factory=dict)

    def add(self, row: dict[str, Any], features: Mapping[str, NDArray[np.float32]]) -> None:
        self.rows.append(row)
        for name, array in features.items():
            self.arrays.setdefault(name, []).append(array.reshape(-1))
        if len(self.rows) >= self.limit:
            self.flush()

    def flush(self) -> None:
        if not self.rows:
            return
        columns = []
        for column in self.schema:
            if column.name in self.arrays:
                values = pa.array(np.concatenate(self.arrays[column.name]))
                size = column.type.list_size
                columns.append(pa.FixedSizeListArray.from_arrays(values, size))
            else:
                columns.append(pa.array([row[column.name] for row in self.rows], column.type))
        self.writer.write_table(
            pa.Table.from_arrays(columns, schema=self.schema), row_group_size=len(self.rows)
        )
        self.rows, self.arrays = [], {}


class FeatureIndex(Mapping[str, Mapping[str, str]]):
    """Index rows by clip id, each stored as one string: 100,000 dicts would take 150 MB.

    A row has the cells `FEATURE_COLUMNS` and `index`, the path of its bucket's index.
    """

    _NAMES = (*FEATURE_COLUMNS, "index")

    def __init__(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Take the rows."""
        self._cells = {row["clip_id"]: "\0".join(row[name] for name in self._NAMES) for row in rows}

    def __getitem__(self, clip_id: str) -> Mapping[str, str]:
        """Return the row of a clip."""
        return dict(zip(self._NAMES, self._cells[clip_id].split("\0"), strict=True))

    def __iter__(self) -> Iterator[str]:
        """Iterate over the clip ids."""
        return iter(self._cells)

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self._cells)


def read_feature_indexes(indexes: Iterable[Path]) -> FeatureIndex:
    """Return the index rows of all buckets by clip id.

    Raises:
        DroppedIndexError: if an index is missing.
    """
    return FeatureIndex(
        row | {"index": str(index)}
        for index in indexes
        for row in iter_index(index, FEATURE_COLUMNS)
    )


def channels_of(index: Mapping[str, Mapping[str, str]]) -> Channels:
    """Return what the trajectories of all clips hold; without any trajectory, that of videos.

    Raises:
        SplitBuildError: clips differ, so that no model could read them all.
    """
    clips: dict[str, list[str]] = {}
    for row in index.values():
        if row["key"]:
            clips.setdefault(row["channels"], []).append(row["clip_id"])
    if len(clips) > 1:
        kinds = "; ".join(
            f"{text}: {len(ids):,} clips such as {ids[0]}" for text, ids in sorted(clips.items())
        )
        raise SplitBuildError(
            f"trajectories of different kinds cannot be in one split ({kinds}): leave some clips "
            "or datasets out, or leave out what only some of them have (dimensions, blendshapes, "
            "action_units in the dataset's options)"
        )
    return Channels.parse(next(iter(clips))) if clips else VIDEO


def write_splits(
    clips: Sequence[Clip],
    index: Mapping[str, Mapping[str, str]],
    parts: Mapping[str, str],
    *,
    outputs: Mapping[str, Path],
    store: Path,
    shapes: Mapping[str, tuple[int, ...]],
    metadata: Mapping[str, Any],
    baseline: BaselineOptions | None = None,
) -> None:
    """Write the Parquet file of each part.

    One row per clip: the manifest's columns, the quality columns and, for each feature group, a
    fixed-size list of float32 (zeros if the clip is not valid). `label_distribution` is scaled to
    sum to 1. Row groups have at most 1,000 clips or 8 MiB; compression is zstd. The schema's
    metadata holds `metadata`, `shapes` and `data_sha256`, the digest of the part's clip ids,
    labels, votes and feature keys; with a baseline also its rule (`baseline`) and what the
    references of the part's people are made of (`baseline_references`).

    Args:
        clips: the manifest, in its order.
        index: feature index rows by clip id (`read_feature_indexes`).
        parts: part of each clip id.
        outputs: part to file.
        store: folder of the content-addressed store.
        shapes: name of each feature group to the shape of one clip's array.
        metadata: JSON-serialisable.
        baseline: makes features relative to each person's own clips, whatever part they are in.
            Clips of people with too few are marked invalid and say so.

    Raises:
        SplitBuildError: if a clip of the manifest is not in any index.
        BaselineError: it is not known whom clips show, or no person has enough clips.
        DroppedIndexError: if a feature shard is damaged or missing; its bucket's index is removed.
    """
    missing = [clip.clip_id for clip in clips if clip.clip_id not in index]
    if missing:
        raise SplitBuildError(
            f"{len(missing)} clips of the manifest have no features ({', '.join(missing[:5])}); "
            "the label table changed while the workflow ran, or an index lost rows: run the same "
            "command again with `--forcerun track_faces`, which finds in the store what was tracked"
        )
    read = partial(_features, index, store=store, shapes=shapes)
    relative = _baseline(clips, index, read, baseline, scratch=outputs[PARTS[0]].parent)
    with ExitStack() as stack:
        writers = {}
        for part in PARTS:
            members = [clip for clip in clips if parts[clip.clip_id] == part]
            more: dict[str, Any] = {"data_sha256": _digest(members, index, relative)}
            if relative:
                more |= {RULE: relative.options.rule, REFERENCES: relative.references_of(members)}
            writers[part] = _open_part(stack, outputs[part], shapes, {**metadata, **more})
        for clip in clips:
            entry, features = index[clip.clip_id], read(clip.clip_id)
            if relative and clip.clip_id in relative.refused:
                entry = {**entry, "valid": "false", "reason": relative.refused[clip.clip_id]}
                features = {name: np.zeros_like(array) for name, array in features.items()}
            elif relative and entry["valid"] == "true":
                features = relative(clip.clip_id, features)
            writers[parts[clip.clip_id]].add(_row(clip, entry), features)
        for writer in writers.values():
            writer.flush()


def _baseline(
    clips: Sequence[Clip],
    index: Mapping[str, Mapping[str, str]],
    read: Callable[[str], dict[str, NDArray[np.float32]]],
    options: BaselineOptions | None,
    *,
    scratch: Path,
) -> Baseline | None:
    if options is None or options.rule is None:
        return None
    persons = persons_of(clips, options.baseline_person)
    valid = {
        clip_id: person for clip_id, person in persons.items() if index[clip_id]["valid"] == "true"
    }
    return Baseline(valid, read, options, scratch=scratch)


def _open_part(
    stack: ExitStack,
    path: Path,
    shapes: Mapping[str, tuple[int, ...]],
    metadata: Mapping[str, Any],
) -> _PartWriter:
    text = json.dumps(
        {**metadata, "shapes": {k: list(v) for k, v in shapes.items()}},
        sort_keys=True,
        allow_nan=False,
    )
    widths = {name: int(np.prod(shape)) for name, shape in shapes.items()}
    schema = pa.schema(
        _CLIP_FIELDS
        + _QUALITY_FIELDS
        + [
            pa.field(name, pa.list_(pa.float32(), width), nullable=False)
            for name, width in widths.items()
        ],
        metadata={METADATA_KEY: text.encode()},
    )
    limit = _ROW_GROUP_BYTES // (4 * sum(widths.values()))
    writer = stack.enter_context(parquet_writer(path, schema, use_dictionary=False))
    return _PartWriter(writer, schema, max(1, min(_ROW_GROUP_CLIPS, limit)))


def _digest(
    clips: Sequence[Clip],
    index: Mapping[str, Mapping[str, str]],
    baseline: Baseline | None,
) -> str:
    digest = hashlib.sha256()
    for clip in clips:
        key = index[clip.clip_id]["key"]
        votes = " ".join(map(str, _fractions(clip.label_distribution) or ()))
        digest.update(f"{clip.clip_id}\t{clip.label}\t{key}\t{votes}\n".encode())
    if baseline:  # the features also depend on which other clips each person has
        drawn = json.dumps([baseline.options.rule, baseline.drawn], sort_keys=True)
        digest.update(drawn.encode())
    return digest.hexdigest()


def _row(clip: Clip, entry: Mapping[str, str]) -> dict[str, Any]:
    row = {column.name: getattr(clip, column.name) for column in _CLIP_FIELDS}
    return row | {
        "file_path": clip.relative_path,
        "label_distribution": _fractions(clip.label_distribution),
        "valid": entry["valid"] == "true",
        "reason": entry["reason"],
        "frames": int(entry["frames"]),
        "detected": int(entry["detected"]),
        "detection_ratio": float(entry["detection_ratio"]),
        "longest_gap": int(entry["longest_gap"]),
        "jitter": float(entry["jitter"]) if entry["jitter"] else None,
        "mean_abs_yaw": float(entry["mean_abs_yaw"]) if entry["mean_abs_yaw"] else None,
        "feature_key": entry["key"],
    }


def _fractions(votes: Sequence[float] | None) -> list[float] | None:
    """Return votes as fractions of their sum; None without votes."""
    total = math.fsum(votes or ())
    return [vote / total for vote in votes] if votes and total > 0 else None


def _features(
    index: Mapping[str, Mapping[str, str]],
    clip_id: str,
    *,
    store: Path,
    shapes: Mapping[str, tuple[int, ...]],
) -> dict[str, NDArray[np.float32]]:
    entry = index[clip_id]
    if entry["valid"] != "true":
        return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    with drop_index_if_damaged(Path(entry["index"]), clip_id=entry["clip_id"]):
        arrays, _ = read_shard(shard_path(store, "features", entry["key"]))
    return {name: arrays[name] for name in shapes}


def iter_split_rows(path: Path, *, batch_clips: int = 256) -> Iterator[dict[str, Any]]:
    """Yield the rows of a split file, with feature groups as float32 arrays of their shape."""
    with open_parquet(path) as file:
        shapes = json.loads(file.schema_arrow.metadata[METADATA_KEY])["shapes"]
        for batch in file.iter_batches(batch_clips, use_threads=False):
            plain = batch.drop_columns(list(shapes)).to_pylist()
            arrays = {
                name: batch.column(name).flatten().to_numpy().reshape(-1, *shape)
                for name, shape in shapes.items()
            }
            for i, row in enumerate(plain):
                yield row | {name: array[i] for name, array in arrays.items()}
