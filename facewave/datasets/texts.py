"""Texts of a table beside the dataset (descriptions, transcripts), joined to its clips."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from facewave.hints import listed
from facewave.manifest import Clip, ManifestError


def join_texts(clips: Sequence[Clip], table: str | None) -> list[Clip]:
    """Return the clips with the texts of a table; a clip without one there keeps its own.

    Rows of clips that the dataset does not have (of a subset) are passed over.

    Args:
        clips: of a dataset.
        table: CSV in UTF-8 with the columns `clip_id` and `text`; None leaves the clips as they
            are.

    Raises:
        ManifestError: the table cannot be read, lacks a column, has a clip twice, or has no text
            of any clip.
    """
    if table is None:
        return list(clips)
    texts = _read(Path(table).expanduser())
    joined = [replace(clip, text=texts.get(clip.clip_id) or clip.text) for clip in clips]
    if clips and not any(texts.get(clip.clip_id) for clip in clips):
        raise ManifestError(
            table,
            [f"no text of any clip of the dataset, such as {clips[0].clip_id!r}"],
            advice="Its column clip_id must hold the ids of the manifest.",
        )
    return joined


def _read(path: Path) -> dict[str, str]:
    advice = "Write it first (snakemake annotate), or set `texts: null`."
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            names = list(reader.fieldnames or [])
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(str(path), [f"cannot be read: {error}"], advice=advice) from error
    missing = [name for name in ("clip_id", "text") if name not in names]
    if missing:
        problem = f"no column {missing[0]!r}; there are {listed(names)}"
        raise ManifestError(str(path), [problem], advice=advice)
    texts: dict[str, str] = {}
    problems = []
    for number, row in enumerate(rows, start=2):
        clip_id = (row["clip_id"] or "").strip()
        if clip_id in texts:
            problems.append(f"row {number}: clip {clip_id!r} is there twice")
        texts[clip_id] = " ".join((row["text"] or "").split())
    if problems:
        raise ManifestError(str(path), problems, advice="Keep one row a clip.")
    return texts
