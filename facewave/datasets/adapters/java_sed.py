"""Adapter of Java-SED: `01-03-04_02.mp4` (actor, sentence, emotion, repetition)."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facewave.datasets.files.tree import Tree, named_clips, tree_of
from facewave.datasets.release import Item, Release
from facewave.datasets.rows import Collector, Rows
from facewave.manifest.clips import ManifestError

EMOTIONS = {
    "01": "neutral", "02": "sad", "03": "happy", "04": "surprise", "05": "fear", "06": "angry",
}  # fmt: skip

_NAME = re.compile(r"([0-9]{2})-([0-9]{2})-(0[1-6])_([0-9]{2})")
_ADVICE = "Point `root` at the folder that holds clips named like 01-03-04_02.mp4."


def load(options: dict[str, Any], *, classes: Sequence[str], root: Path) -> Rows:
    """Return one row per clip.

    Args:
        options: `class_map`
        classes: the dataset's class list
        root: folder of the clips, at any depth

    Raises:
        ManifestError: there are no such clips
    """
    found = Collector(classes, options, known=EMOTIONS.values())
    tree = tree_of(root, dataset="Java-SED", advice=_ADVICE, options=options)
    found.notes(tree.notes())
    clips = list(named_clips(tree, _NAME))
    if not clips:
        problem = "01-03-04_02.mp4: no clip named like this was found"
        raise ManifestError(f"{root}: Java-SED", [problem], advice=_ADVICE)
    for path, match in clips:
        actor, sentence, emotion, repetition = match.groups()
        found.add(
            path,
            clip_id=match[0],
            file_path=path,
            word=EMOTIONS[emotion],
            subject=actor,
            take=f"{sentence}-{emotion}_{repetition}",
        )
    return found.rows("Java-SED")


def _items(tree: Tree) -> list[Item]:
    clips = list(named_clips(tree, _NAME))
    actors = {match[1] for _, match in clips}
    purpose = f"{len(clips)} clips of {len(actors)} of 10 actors" if clips else "the clips"
    return [Item("01-01-01_01.mp4", purpose, clips[0][0] if clips else None, required=True)]


RELEASE = Release(
    title="Java-SED",
    items=_items,
    source="github.com/2black0/video-emotion-recognition-javanese (10 actors)",
    advice=["Many clips open with black frames: frames without a face, not an error."],
)
