"""Texts of clips: the tables that are joined to a manifest, and what determines their content."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewave.config.cross_checks import MADE
from facewave.datasets.texts import text_sources
from facewave.planning.plan import PlanError
from facewave.planning.project import Project
from facewave.pretrained import with_pin

_TRANSCRIPTS = ("engine", "model", "revision", "language")


def joined_texts(project: Project, dataset: str) -> list[dict[str, Any]]:
    """Return the tables of texts that are joined to a dataset's manifest."""
    return text_sources(dataset, project.datasets[dataset], project.results)


def joined_text_files(project: Project, dataset: str) -> list[str]:
    """Return the files of these tables.

    Raises:
        PlanError: a file that the workflow does not make itself is missing.
    """
    files = [str(source["file"]) for source in joined_texts(project, dataset)]
    for file in files:
        if not Path(file).is_relative_to(project.results) and not Path(file).exists():
            raise PlanError(
                f"datasets.{dataset}.texts.from: {file}: no such file; expected a table "
                f"with the columns clip_id and text, or one of {', '.join(MADE)}"
            )
    return files


def transcript_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that determine the transcripts."""
    return with_pin({name: config["transcripts"][name] for name in _TRANSCRIPTS})


def transcript_memory(config: Mapping[str, Any]) -> int:
    """Return the memory of a transcribing job in MiB, which depends on the engine's models."""
    return 8000 if config["transcripts"]["engine"] == "whisper" else 1000


def text_fusion_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that determine the text features that are fused with the face's."""
    return with_pin(config["text_fusion"])
