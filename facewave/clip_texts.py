"""Texts made for clips (transcripts, descriptions) put into the manifest's column `text`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from facewave.manifest import Clip

# missing: only clips without a text of their own get one; all: theirs is put aside as well.
JOINS = ("missing", "all")


def read_texts(path: str | Path) -> dict[str, str]:
    """Return the texts of a table with the columns clip_id and text, by clip; empty ones left out.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no Parquet file, or lacks a column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=["clip_id", "text"], use_threads=False)
        ids, texts = (table.column(name).to_pylist() for name in ("clip_id", "text"))
    except (pa.ArrowInvalid, KeyError) as error:
        raise ValueError(
            f"{path}: no table with clip_id and text ({error}); remove it and run again"
        ) from error
    return {clip_id: text for clip_id, text in zip(ids, texts, strict=True) if text}


def join_texts(clips: Sequence[Clip], texts: Mapping[str, str], *, join: str) -> list[Clip]:
    """Return clips with texts that were made for them.

    Args:
        clips: the manifest.
        texts: by clip.
        join: see `JOINS`; with `all`, a clip for which nothing was made has no text.

    Raises:
        ValueError: if `join` is none of these.
    """
    if join not in JOINS:
        raise ValueError(f"{join!r} is none of {', '.join(JOINS)}")
    keep = join == "missing"
    return [
        replace(clip, text=(clip.text if keep and clip.text else texts.get(clip.clip_id)))
        for clip in clips
    ]
