"""Adapter of the demo, whose clips the workflow itself renders from a recipe."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facewave.datasets.rows import Rows
from facewave.demo.recipe import demo_clips, recipe_fingerprint
from facewave.manifest.clips import ManifestError


def load(options: dict[str, Any], *, classes: Sequence[str], root: Path) -> Rows:
    """Return the rows of the recipe; the files lie below `root` once they are rendered.

    Args:
        options: `subjects`, `takes`, `size`, `fps` and `seed`
        classes: the classes to render
        root: folder of the rendered clips

    Raises:
        ManifestError: the demo cannot show one of the classes
    """
    del root
    try:
        clips = demo_clips(
            subjects=options["subjects"], takes=options["takes"], classes=list(classes)
        )
    except ValueError as error:
        advice = "Give the demo a class list of its own (`classes` of its dataset in config.yaml)."
        raise ManifestError("the demo's recipe", [str(error)], advice=advice) from error
    recipe = {name: options[name] for name in ("size", "fps", "seed")}
    columns: dict[str, list[Any]] = {
        "clip_id": [clip.clip_id for clip in clips],
        "file_path": [clip.relative_path for clip in clips],
        "label": [clip.label for clip in clips],
        "subject": [clip.subject for clip in clips],
        # A take repeats one class: `t1` of another class is another recording.
        "take": [f"{clip.label}_{clip.take}" for clip in clips],
        "fingerprint": [recipe_fingerprint(clip.clip_id, **recipe) for clip in clips],
    }
    return Rows(source="the demo's recipe", columns=columns, place=lambda i: f"clip {i + 1}")
