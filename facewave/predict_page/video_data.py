"""What the page of a video needs for its timeline, as JSON that can stand inside a page."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from facewave.overlay.colours import class_colour, hex_colour
from facewave.overlay.timeline import Timeline
from facewave.predict_page.curves import ANGLES, SHOWN, Curves
from facewave.predict_page.events import Event
from facewave.tracking.trajectory import Trajectory

# Blendshapes travel as bytes in steps of 1/200, angles as tenths of a degree; these say "missing".
_SHAPE_STEPS, _NO_SHAPE = 200, 255
_ANGLE_STEPS, _NO_ANGLE = 10, -32768
# What JSON may hold but HTML or older JavaScript would misread.
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def script_json(value: Any) -> Markup:
    """Return a value as JSON that may stand in a `<script>` of a page.

    It is ASCII, without a character that HTML knows: no name in it can end the script.

    Raises:
        ValueError: it holds NaN or infinity.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for letter, escaped in _UNSAFE.items():
        text = text.replace(letter, escaped)
    # Escaped above: this is the one place of the page that is not escaped by the template.
    return Markup(text)  # noqa: S704


def video_data(
    clip: Trajectory,
    timelines: Sequence[Timeline],
    *,
    classes: Sequence[str],
    curves: Curves,
    events: Sequence[Event],
) -> dict[str, Any]:
    """Return the data of a page, ready for `script_json`.

    Args:
        clip: the trajectory of the followed person.
        timelines: of all persons, the followed one first.
        classes: names.
        curves: of the trajectory.
        events: of the trajectory.
    """
    times = clip.timestamp_ms
    return {
        "classes": [
            {"name": name, "colour": hex_colour(class_colour(i))} for i, name in enumerate(classes)
        ],
        "duration": int(times[-1]) / 1000 if len(times) else 0,
        "step": curves.step,
        "angles": ANGLES if curves.pose is not None else [],
        "shown": [name for name in SHOWN if name in curves.shapes],
        **lines_of(clip, curves),
        "events": [{"t": e.ms / 1000, "kind": e.kind, "text": e.text} for e in events],
        "persons": [_person(timeline) for timeline in timelines],
    }


def lines_of(clip: Trajectory, curves: Curves) -> dict[str, Any]:
    """Return the lines of a person, in the video's steps, and when their face was found."""
    return {
        "pose": [_angles(column) for column in ([] if curves.pose is None else curves.pose.T)],
        "shapes": {name: _shape(values) for name, values in curves.shapes.items()},
        "face": found_spans(clip.timestamp_ms, clip.detected),
    }


def found_spans(times: NDArray[np.int64], detected: NDArray[np.bool_]) -> list[list[float]]:
    """Return from when to when a face was found, seconds.

    A span ends with the first frame without the face, or with the last frame.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], detected.astype(np.int8), [0]])))
    ends = np.append(times, times[-1:])
    return [
        [int(times[start]) / 1000, int(ends[stop]) / 1000]
        for start, stop in edges.reshape(-1, 2).tolist()
    ]


def _person(timeline: Timeline) -> dict[str, Any]:
    places = {name: i for i, name in enumerate(timeline.classes)}
    reasons = {text: i for i, text in enumerate(dict.fromkeys(timeline.reasons))}
    known = [bool(np.isfinite(row).all()) for row in timeline.probabilities]
    thousandths = np.rint(1000 * np.nan_to_num(timeline.probabilities)).astype(int).tolist()
    return {
        "name": timeline.person,
        "spans": np.round(timeline.spans(), 3).tolist(),
        "windows": np.round(np.column_stack([timeline.start, timeline.end]), 3).tolist(),
        "p": [row if there else None for row, there in zip(thousandths, known, strict=True)],
        "answer": [places.get(name, -1) for name in timeline.answers],
        "set": [
            [places[name] for name in names.split("|") if name in places] for names in timeline.sets
        ],
        "trusted": timeline.trusted.astype(int).tolist(),
        "reasons": list(reasons),
        "why": [reasons[text] for text in timeline.reasons],
    }


def _shape(values: NDArray[np.float32]) -> str:
    steps = np.rint(np.clip(np.nan_to_num(values), 0, 1) * _SHAPE_STEPS)
    return _text(np.where(np.isfinite(values), steps, _NO_SHAPE).astype("u1"))


def _angles(values: NDArray[np.float32]) -> str:
    steps = np.rint(np.nan_to_num(values) * _ANGLE_STEPS)
    return _text(np.where(np.isfinite(values), steps, _NO_ANGLE).astype("<i2"))


def _text(array: NDArray[Any]) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")
