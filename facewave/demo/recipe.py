"""Recipe of the demo dataset: which clips there are and what each of them acts out.

The dataset is synthetic. Every clip is rendered (see :mod:`facewave.demo.render`) from one image,
the official portrait of the astronaut Eileen Collins: a work of NASA, in the public domain, shipped
with scikit-image as ``skimage.data.astronaut``. The image is warped into several made-up subjects
and along action units of the Facial Action Coding System (FACS). The clips show what the workflow
does; they say nothing about real faces, and no figure computed from them is a result.

The workflow reads this module while it is still planning, so it and what it imports are plain data
and the standard library.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from facewave.demo import expressions as demo_expressions

# Raise it when code changes the rendered pixels: the clips are then rendered and tracked again.
# A change of the tables below, or of those in `demo_expressions`, does that by itself.
RECIPE_VERSION = "1"

# Shortest and longest clip in seconds.
DURATION_S = (2.0, 4.0)

# What a class moves: action unit -> strength at full intensity (1 is the unit's own extent).
# After Ekman and Friesen's prototypes. `neutral` has none: blinks and a little motion remain.
ACTION_UNITS: dict[str, dict[str, float]] = {
    "neutral": {},
    "happy": {"AU6": 1.0, "AU12": 1.0},
    "sad": {"AU1": 1.0, "AU4": 0.5, "AU15": 1.0},
    "angry": {"AU4": 1.0, "AU5": 0.5, "AU7": 1.0, "AU23": 1.0},
    "surprise": {"AU1": 1.0, "AU2": 1.0, "AU5": 0.8, "AU26": 0.9},
    "disgust": {"AU9": 1.0, "AU15": 0.6, "AU16": 0.8},
    "fear": {"AU1": 1.0, "AU2": 0.6, "AU4": 0.5, "AU5": 1.0, "AU20": 1.0, "AU26": 0.4},
}


@dataclass(frozen=True)
class DemoClip:
    """One clip of the dataset.

    Attributes:
        clip_id: unique name, safe as a file name, for example ``s01_happy_t1``.
        subject: the made-up person, ``s01``, ``s02`` ...
        label: the class that is acted, a key of :data:`ACTION_UNITS`.
        take: repetition of the same subject and class, ``t1``, ``t2`` ...
        relative_path: the video's path inside the folder of the dataset.
    """

    clip_id: str
    subject: str
    label: str
    take: str
    relative_path: str


def demo_clips(*, subjects: int, takes: int, classes: Sequence[str]) -> list[DemoClip]:
    """List the clips: every take of every class of every subject, in that order of nesting.

    Args:
        subjects: number of made-up subjects, at least 1.
        takes: clips of each subject and class, at least 1.
        classes: class names; each a key of :data:`ACTION_UNITS`.

    Returns:
        ``subjects * len(classes) * takes`` clips with unique ids.

    Raises:
        ValueError: a class is unknown or named twice, or a number is below 1.
    """
    _check_classes(classes)
    for name, number in (("subjects", subjects), ("takes", takes)):
        if number < 1:
            raise ValueError(f"demo: {name} must be at least 1, not {number}")
    return [
        _clip(f"s{subject:02d}", label, f"t{take}")
        for subject in range(1, subjects + 1)
        for label in classes
        for take in range(1, takes + 1)
    ]


def recipe_fingerprint(clip_id: str, *, size: int, fps: float, seed: int) -> str:
    """Digest of everything that determines a clip's bytes, known before it is rendered.

    Args:
        clip_id: the clip's id.
        size: width and height in pixels.
        fps: frames per second.
        seed: the seed of the dataset.

    Returns:
        SHA-256 as 64 hexadecimal digits. It covers :data:`RECIPE_VERSION`, the tables of this
        module and of :mod:`facewave.demo.expressions`, not the versions of the image libraries.
    """
    return _digest([RECIPE_VERSION, _tables(), clip_id, int(size), float(fps), int(seed)])


@cache
def _tables() -> str:
    """Digest of the tables that the renderer works from."""
    geometry = demo_expressions
    points = [geometry.MIDLINE, geometry.PAIRS]
    shifts = [geometry.RELAX, geometry.UNITS, geometry.TRAITS]
    # Order counts: random numbers are drawn in the tables' order.
    return _digest([DURATION_S, ACTION_UNITS, *points, *shifts])


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _clip(subject: str, label: str, take: str) -> DemoClip:
    clip_id = f"{subject}_{label}_{take}"
    return DemoClip(clip_id, subject, label, take, f"{clip_id}.mp4")


def _check_classes(classes: Sequence[str]) -> None:
    unknown = [name for name in classes if name not in ACTION_UNITS]
    if unknown:
        raise ValueError(
            f"demo: no recipe for class {', '.join(map(repr, unknown))}; "
            f"the demo can show {', '.join(ACTION_UNITS)}"
        )
    if len(set(classes)) != len(classes):
        raise ValueError(f"demo: a class is named twice in {list(classes)}")
