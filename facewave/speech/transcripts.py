"""The transcripts of a dataset as one table, and a summary in numbers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave import __version__
from facewave.manifest.clips import Clip
from facewave.speech.transcribe_bucket import FLAGS, TRANSCRIPT_COLUMNS
from facewave.speech.word_errors import add_up, word_errors
from facewave.splits.read import METADATA_KEY
from facewave.storage.atomic import write_json
from facewave.storage.parquet import write_parquet
from facewave.storage.tables import iter_rows, write_csv
from facewave.versions import TRANSCRIPT_VERSION

COLUMNS = (
    "clip_id", "text", "engine", "model", "revision", "confidence", "flag", "reason", "seconds",
    "level_dbfs",
)  # fmt: skip
_NUMBERS = ("confidence", "seconds", "level_dbfs")

Row = dict[str, Any]


def read_indexes(indexes: Iterable[Path], clips: Sequence[Clip]) -> list[Row]:
    """Return one row (`COLUMNS`) per clip, in the manifest's order; an empty text becomes None.

    Raises:
        TableError: an index cannot be read.
        ValueError: a clip is in none of them.
    """
    found = {row["clip_id"]: row for path in indexes for row in iter_rows(path, TRANSCRIPT_COLUMNS)}
    if absent := [clip.clip_id for clip in clips if clip.clip_id not in found]:
        raise ValueError(
            f"clip {absent[0]} is in no index of transcripts/ ({len(absent)} of {len(clips)} clips "
            "are missing); run the same command again with `--forcerun transcribe_clips`, which "
            "finds in the store what was transcribed"
        )
    return [_row(found[clip.clip_id]) for clip in clips]


def _row(cells: Mapping[str, str]) -> Row:
    row: Row = {name: cells[name] or None for name in COLUMNS}
    row |= {name: float(cells[name]) if cells[name] else None for name in _NUMBERS}
    return row | {"flag": cells["flag"]}


def write_transcripts(rows: Sequence[Row], *, parquet: Path, table: Path) -> None:
    """Write the rows as Parquet and as CSV, each whole or not at all; same rows, same bytes."""
    import pyarrow as pa

    metadata = {"facewave_version": __version__, "transcript_version": TRANSCRIPT_VERSION}
    fields = [pa.field(name, pa.float64() if name in _NUMBERS else pa.string()) for name in COLUMNS]
    schema = pa.schema(fields, metadata={METADATA_KEY: json.dumps(metadata)})
    columns = {name: [row[name] for row in rows] for name in COLUMNS}
    write_parquet(parquet, pa.table(columns, schema=schema))
    write_csv(table, COLUMNS, [[row[name] for name in COLUMNS] for row in rows])


def summary(rows: Sequence[Row], clips: Sequence[Clip], *, text_is_speech: bool) -> dict[str, Any]:
    """Return counts over a dataset, and the word error rate if the spoken words are known.

    Args:
        rows: see `read_indexes`.
        clips: of the same dataset, in the same order.
        text_is_speech: whether the clips' own text is what is said in them. Clips flagged
            `silence`, `no_audio` or `unreadable` were not heard at all and are not counted.
    """
    flags = Counter(row["flag"] for row in rows)
    first = rows[0] if rows else dict.fromkeys(COLUMNS)
    result: dict[str, Any] = {
        "clips": len(rows),
        "flags": {flag or "transcribed": flags[flag] for flag in FLAGS},
        **{name: first[name] for name in ("engine", "model", "revision")},
        "version": TRANSCRIPT_VERSION,
    }
    if text_is_speech:
        result["word_errors"] = _word_errors(rows, clips)
    return result


def _word_errors(rows: Sequence[Row], clips: Sequence[Clip]) -> dict[str, Any]:
    heard = [
        word_errors(clip.text, row["text"] or "")
        for row, clip in zip(rows, clips, strict=True)
        if clip.text and row["flag"] in ("", "no_speech")
    ]
    total = add_up(heard)
    return {
        "clips": len(heard),
        "words": total.words,
        "substituted": total.substituted,
        "deleted": total.deleted,
        "inserted": total.inserted,
        "rate": total.rate,
    }


def write_summary(path: Path, values: Mapping[str, Any]) -> None:
    """Write the summary as JSON."""
    write_json(path, dict(values))
