"""The table of descriptions, and its checks: counts, and a probe that sees only the texts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from facewave import __version__
from facewave.annotation.checks import TextRules, summary
from facewave.annotation.emotion_words import banned_pattern
from facewave.manifest.clips import read_manifest
from facewave.splits.read import METADATA_KEY
from facewave.storage.parquet import read_parquet, write_parquet
from facewave.storage.store import file_sha256
from facewave.storage.tables import write_csv
from facewave.text.probe import probe_texts


def text_rules(options: Mapping[str, Any], classes: Sequence[str]) -> TextRules:
    """Return the rules for descriptions; class names are banned along with emotion words."""
    return TextRules(
        min_words=options["min_words"],
        max_words=options["max_words"],
        banned=banned_pattern([*classes, *options["banned_words"]]),
        language=options["language"],
    )


def check_annotations(
    annotations: Path,
    manifest: Path,
    *,
    classes: Sequence[str],
    options: Mapping[str, Any],
    seed: int,
) -> dict[str, Any]:
    """Return the counts of `facewave.annotation.checks.summary` and the `probe`.

    Args:
        annotations: what `facewave.annotation.annotate` wrote (Parquet).
        manifest: of the described dataset; the probe predicts its labels.
        classes: class list of the dataset.
        options: the section `annotate`.
        seed: of the probe.
    """
    rows = read_parquet(annotations).to_pylist()
    clips = {clip.clip_id: clip for clip in read_manifest(manifest)}
    found = [row for row in rows if row["text"]]
    # Texts of clips without a label cannot be probed.
    labels = {clip.clip_id: clip.label for clip in clips.values() if clip.label is not None}
    probed = [row for row in found if row["clip_id"] in labels]
    return {
        **summary(
            {row["clip_id"]: row["text"] or "" for row in rows},
            {row["clip_id"]: row["flags"].split() for row in rows},
            {row["clip_id"]: row["attempts"] for row in rows},
            text_rules(options, classes),
        ),
        "probe": probe_texts(
            [row["text"] for row in probed],
            [labels[row["clip_id"]] for row in probed],
            classes=classes,
            groups=[clips[row["clip_id"]].subject for row in probed],
            seed=seed,
        ),
        "annotations_sha256": file_sha256(annotations),
    }


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
    """Write one row per clip (columns `_TYPES`), each file whole or not at all.

    Args:
        rows: by column; `text`, `seed` and `revision` may be None.
        parquet, csv: to write.
        origin: how the descriptions were made, JSON-serialisable.
    """
    text = json.dumps({**origin, "facewave": __version__}, sort_keys=True, ensure_ascii=False)
    schema = pa.schema(list(_TYPES.items()), metadata={METADATA_KEY: text.encode()})
    columns = {name: [row[name] for row in rows] for name in _TYPES}
    write_parquet(parquet, pa.table(columns, schema=schema))
    write_csv(csv, tuple(_TYPES), list(zip(*columns.values(), strict=True)))
