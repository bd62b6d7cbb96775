"""The table of descriptions: Parquet with its origin in the schema's metadata, and CSV."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from facewave import __version__
from facewave.atomic import atomic_path
from facewave.row_table import write_csv
from facewave.split_table import METADATA_KEY

_TYPES = {
    "clip_id": pa.string(),
    "text": pa.string(),
    "flags": pa.string(),
    "attempts": pa.int32(),
    "seed": pa.int64(),
    "prompt_sha256": pa.string(),
    "model": pa.string(),
    "revision": pa.string(),
}


def write_annotations(
    rows: Sequence[Mapping[str, Any]], *, parquet: Path, csv: Path, origin: Mapping[str, Any]
) -> None:
    """Write a row a clip (columns `_TYPES`), both files whole or not at all.

    Args:
        rows: by column; `text`, `seed` and `revision` may be None.
        parquet, csv: to write.
        origin: what the descriptions come from, JSON-serialisable.
    """
    text = json.dumps({**origin, "facewave": __version__}, sort_keys=True, ensure_ascii=False)
    schema = pa.schema(list(_TYPES.items()), metadata={METADATA_KEY: text.encode()})
    columns = {name: [row[name] for row in rows] for name in _TYPES}
    with atomic_path(parquet) as temporary:
        pq.write_table(pa.table(columns, schema=schema), temporary, compression="zstd")
    write_csv(csv, tuple(_TYPES), list(zip(*columns.values(), strict=True)))
