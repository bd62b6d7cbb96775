"""The checks of a table of descriptions: counts, and the probe that sees the texts alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from facewave.annotation_checks import TextRules, summary
from facewave.emotion_words import banned_pattern
from facewave.manifest import read_manifest
from facewave.store import file_sha256
from facewave.text_probe import probe_texts


def text_rules(options: Mapping[str, Any], classes: Sequence[str]) -> TextRules:
    """Return what a description must be; class names are banned with the words of emotions."""
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
    """Return the counts of `facewave.annotation_checks.summary` and the `probe`.

    Args:
        annotations: what `facewave.vlm.annotate` wrote (Parquet).
        manifest: of the described dataset; its labels are what the probe looks for.
        classes: class list of the dataset.
        options: the section `annotate`.
        seed: of the probe.
    """
    rows = pq.read_table(annotations).to_pylist()
    clips = {clip.clip_id: clip for clip in read_manifest(manifest)}
    found = [row for row in rows if row["text"]]
    return {
        **summary(
            {row["clip_id"]: row["text"] or "" for row in rows},
            {row["clip_id"]: row["flags"].split() for row in rows},
            {row["clip_id"]: row["attempts"] for row in rows},
            text_rules(options, classes),
        ),
        "probe": probe_texts(
            [row["text"] for row in found],
            [clips[row["clip_id"]].label for row in found],
            classes=classes,
            groups=[clips[row["clip_id"]].subject for row in found],
            seed=seed,
        ),
        "annotations_sha256": file_sha256(annotations),
    }
