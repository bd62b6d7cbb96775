"""The videos of `predict` as a dataset: `predict/{name}`, whose folder is that of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facewave.datasets.videos import folder_of

# How the names of such datasets begin; no other dataset can be called so.
PREDICTED = "predict/"


def predicted_videos(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the options of the videos of `predict` by their dataset's name; none without videos.

    Args:
        config: checked.
    """
    section = config["predict"]
    if section["videos"] is None:
        return {}
    window = section["window"]
    segments = None
    if window is not None:
        overlap = 1 - window["step"] / window["seconds"]
        segments = {"seconds": window["seconds"], "overlap": overlap}
    options = {
        "adapter": "videos",
        "videos": section["videos"],
        "root": str(folder_of(section["videos"])),
        "classes": config["classes"],
        "follow_links": True,
        "missing_files": "flag",
        "segments": segments,
    }
    return {f"{PREDICTED}{section['name']}": options}
