"""The rows of a dataset in a job: those that the graph was planned with, or an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from facewave.datasets import load_clips
from facewave.manifest import Clip, ManifestError
from facewave.plan import manifest_digest, targets_digest


def planned_clips(
    key_file: Path,
    *,
    dataset: str,
    options: Mapping[str, Any],
    demo_root: Path,
    seed: int,
    targets_key: Path | None = None,
) -> tuple[list[Clip], str]:
    """Read a dataset's label files again; return its clips and the digest of their rows.

    Args:
        key_file: `keys/manifest.json` of the dataset.
        dataset, options, demo_root, seed: as for `load_clips`.
        targets_key: `keys/targets.json` of the dataset; None leaves the targets out.

    Raises:
        ManifestError: if the rows are others than when the workflow started.
    """
    clips = load_clips(
        dataset,
        options,
        classes=options["classes"],
        seed=seed,
        demo_root=demo_root,
        cache=key_file.parent,
    )
    changed = manifest_digest(clips) != _planned(key_file)
    if targets_key is None:
        clips = [replace(clip, targets=None) if clip.targets else clip for clip in clips]
    else:
        changed |= targets_digest(clips) != _planned(targets_key)
    if changed:
        problem = "they changed since the workflow started"
        raise ManifestError("label files", [problem], advice="Run the same command again.")
    return list(clips), _planned(key_file)


def _planned(key_file: Path) -> str:
    return str(json.loads(key_file.read_text(encoding="utf-8"))["sha256"])
